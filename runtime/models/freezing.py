"""Which weights stay as they are: the first blocks, embeddings, or names by pattern."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

from ..errors import ModelError
from .heads import head_modules
from .save import count_parameters

__all__ = ["freeze", "freeze_backbone"]

SHOWN = 3


def freeze(
    model: Any, *, blocks: int = 0, patterns: Sequence[str] = (), embeddings: bool = True
) -> None:
    """Leave part of a model as it is, and print how much of it is trained.

    Args:
        blocks: so many of the first transformer blocks stay as they are.
        patterns: parameters whose names match one of these stay too; `*`, `?` and `[...]` as in
            file names, a dot is nothing special.
        embeddings: whether the tables of tokens and positions stay. Where the output layer is
            the same matrix, it stays with them.

    Raises:
        ModelError: there are not so many blocks, a pattern matches nothing, or all is frozen.
    """
    frozen = _of_blocks(model, blocks) if blocks else []
    for pattern in patterns:
        frozen += _matching(model, pattern)
    if embeddings:
        frozen += _of_embeddings(model)
    for parameter in frozen:
        parameter.requires_grad_(False)
    _tell(model)


def freeze_backbone(model: Any) -> None:
    """Leave everything as it is but the head, and print how much that is."""
    heads = tuple(f"{name}." for name in head_modules(model))
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(heads))
    _tell(model)


def _tell(model: nn.Module) -> None:
    total, trained = count_parameters(model)
    if not trained:
        raise ModelError("nothing is left to train", "freeze fewer blocks or patterns")
    print(f"training {trained:,} of {total:,} parameters", flush=True)


def _of_blocks(model: Any, count: int) -> list[nn.Parameter]:
    name, blocks = find_blocks(model)
    if count > len(blocks):
        raise ModelError(
            f"the model has {len(blocks)} blocks ({name}), not {count}",
            f"set method.blocks to {len(blocks)} or less",
        )
    return [parameter for block in blocks[:count] for parameter in block.parameters()]


def find_blocks(model: nn.Module) -> tuple[str, nn.ModuleList]:
    """Return the longest list of modules of one kind, which are the transformer's blocks.

    Raises:
        ModelError: there is none.
    """
    lists = [
        (name, part)
        for name, part in model.named_modules()
        if isinstance(part, nn.ModuleList) and len(part) and len({type(one) for one in part}) == 1
    ]
    if not lists:
        raise ModelError("the model has no list of blocks", "freeze by method.patterns")
    # blocks hold nearly all weights; experts inside a block are lists too
    return max(lists, key=lambda one: sum(p.numel() for p in one[1].parameters()))


def _matching(model: nn.Module, pattern: str) -> list[nn.Parameter]:
    named = dict(model.named_parameters())
    found = [parameter for name, parameter in named.items() if fnmatchcase(name, pattern)]
    if not found:
        raise ModelError(
            f"no parameter matches {pattern!r}; near are {', '.join(_near(list(named), pattern))}",
            "write * for what stands before and after: '*.layers.0.*'",
        )
    return found


def _near(names: Sequence[str], pattern: str) -> list[str]:
    bare = pattern.strip("*")
    holding = [name for name in names if bare and bare in name]
    close = difflib.get_close_matches(bare, names, SHOWN, cutoff=0.0)
    return (holding or close)[:SHOWN]


def _of_embeddings(model: nn.Module) -> list[nn.Parameter]:
    """Return the tables of all kinds: of tokens, and where there are any of positions and types."""
    tables = [part for part in model.modules() if isinstance(part, nn.Embedding)]
    return [parameter for table in tables for parameter in table.parameters()]
