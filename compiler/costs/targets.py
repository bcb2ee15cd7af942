"""Which modules of a model an adapter is added to, by the rules of peft."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .shapes import Linear, Norm, Shape, Table, Unknown

ALL = "all-linear"

_NUMBERED = re.compile(r".*?\.[^.]*\.\d+\.")
"""What peft takes the number of a block from; other modules are in no block."""


@dataclass(frozen=True, slots=True)
class Target:
    """A module that gets an adapter, by its whole name."""

    name: str
    module: Linear | Table


def adapted(shape: Shape, options: dict[str, Any], key: str, blocks: str) -> list[Target]:
    """Return the modules that the option ``key`` names, in the blocks that ``blocks`` names.

    ``all-linear`` is every linear layer but the output layer.

    Raises:
        Unknown: no module is called so; peft would refuse it as well.
    """
    said, numbers = options.get(key), options.get(blocks)
    kept = options.get("modules_to_save") or ()
    named = [
        target
        for target, number in _modules(shape)
        if (target.module is not shape.head and isinstance(target.module, Linear)) or said != ALL
        if said == ALL or matches(target.name, said)
        if numbers is None or _in_blocks(target.name, number, numbers)
        if not _inside(target.name, kept)
    ]
    if not named:
        raise Unknown("no module of the model has a name that `method` targets")
    return named


def _modules(shape: Shape) -> list[tuple[Target, int | None]]:
    found: list[tuple[Target, int | None]] = [
        (Target(name, linear), layer) for name, layer, linear in shape.modules()
    ]
    found += [(Target(each.path, each), None) for each in shape.outer_linears]
    found += [(Target(each.path, each), None) for each in shape.tables]
    if shape.head is not None:
        found.append((Target(shape.head.path, shape.head), None))
    return found


def matches(name: str, said: Sequence[str] | None) -> bool:
    """Tell whether a module's whole name is one of ``said``, or ends with one at a dot."""
    return any(name == each or name.endswith(f".{each}") for each in said or ())


def _in_blocks(name: str, number: int | None, numbers: Sequence[int]) -> bool:
    return number in numbers and _NUMBERED.match(name) is not None


def _inside(name: str, kept: Sequence[str]) -> bool:
    """Tell whether a module is saved whole, or lies in one that is."""
    return any(f".{each}." in f".{name}." for each in kept)


def norms(shape: Shape) -> list[tuple[str, Norm]]:
    """Return every norm with its whole name; those without numbers of their own are left out."""
    found = [
        (f"{shape.blocks}.{layer}.{norm.path}", norm)
        for layer in range(shape.layers)
        for norm in shape.norms
    ]
    found += [(norm.path, norm) for norm in shape.outer_norms]
    return [(name, norm) for name, norm in found if norm.size > 0]


def saved_whole(shape: Shape, said: Sequence[str] | None) -> int:
    """Return the numbers in the copies of modules that are trained whole beside an adapter.

    Raises:
        Unknown: a name is of a module that is made of others, or of none.
    """
    sizes = [(target.name, target.module.size) for target, _ in _modules(shape)]
    sizes += [(name, norm.size) for name, norm in norms(shape)]
    total = 0
    for each in said or ():
        found = [size for name, size in sizes if matches(name, (each,))]
        if not found:
            raise Unknown(f"`modules_to_save` names {each!r}, whose size is not known")
        total += sum(found)
    return total


def biases(shape: Shape, which: str, targets: Sequence[Target]) -> int:
    """Return the numbers of the model's own biases that are trained: none, all, or the adapted."""
    if which == "none":
        return 0
    if which == "all":
        linears = [linear for _, _, linear in shape.modules()] + list(shape.outer_linears)
        linears += [shape.head] if shape.head is not None else []
        own = sum(linear.bias * linear.outputs for linear in linears)
        return own + sum(max(norm.size - norm.width, 0) for _, norm in norms(shape))
    modules = [target.module for target in targets]
    return sum(each.bias * each.outputs for each in modules if isinstance(each, Linear))
