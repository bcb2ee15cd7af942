"""The shape of a model: its matrices, norms and tables, and how many numbers they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PARTS = ("embeddings", "attention", "mlp", "norms", "head")
"""What parameters are counted by, in the order in which people read a model."""


class Unknown(Exception):
    """What was asked cannot be known here; the message says why, in a few words."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A matrix of ``inputs`` x ``outputs``, with a bias or without.

    ``path`` is its name inside its block, or in the model where it stands outside of them.
    ``reads`` names the tensor that it takes, so that matrices with the same input are known.
    """

    path: str
    part: str
    inputs: int
    outputs: int
    bias: bool = False
    reads: str = ""

    @property
    def size(self) -> int:
        """Numbers in it, its bias included."""
        return self.inputs * self.outputs + self.bias * self.outputs


@dataclass(frozen=True, slots=True)
class Norm:
    """A norm over ``width`` numbers of a token; ``size`` counts its own: a scale, and a bias.

    ``heads`` of them are normed apart; the numbers of a token that pass it are the product.
    """

    path: str
    width: int
    size: int
    heads: int = 1


@dataclass(frozen=True, slots=True)
class Table:
    """An embedding of ``rows`` vectors of ``width`` numbers."""

    path: str
    rows: int
    width: int

    @property
    def size(self) -> int:
        """Numbers in it."""
        return self.rows * self.width


@dataclass(frozen=True, slots=True)
class Experts:
    """The experts of a block: gated MLPs of ``inner`` numbers, and the router before them.

    ``chosen`` of the ``count`` compute a token.
    """

    count: int
    chosen: int
    width: int
    inner: int

    @property
    def each(self) -> int:
        """Numbers in one expert: gate, up and down."""
        return 3 * self.width * self.inner

    @property
    def size(self) -> int:
        """Numbers in all of them and in the router."""
        return self.count * (self.each + self.width)

    @property
    def idle(self) -> int:
        """Numbers of the experts that are not chosen for a token."""
        return (self.count - self.chosen) * self.each


@dataclass(frozen=True, slots=True)
class Shape:
    """A model as its ``config.json`` describes it; ``blocks`` is where its layers stand.

    ``linears`` and ``norms`` are those of one of ``layers`` equal blocks. ``head`` is the output
    layer, None where a model has none; where it is ``tied``, its matrix is the first table's.
    ``rms`` says that norms are RMSNorm, written in Python; otherwise they are torch's LayerNorm.
    ``activation`` is that of the MLP, by its name in Transformers, ``gated`` where it is a factor.
    ``experts`` are those of each block; the MLP of ``inner`` numbers is then one that all tokens
    share, and 0 without it.
    """

    family: str
    width: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int
    vocabulary: int
    positions: int
    blocks: str
    linears: tuple[Linear, ...]
    norms: tuple[Norm, ...]
    tables: tuple[Table, ...]
    outer_norms: tuple[Norm, ...]
    outer_linears: tuple[Linear, ...]
    head: Linear | None
    tied: bool
    rms: bool
    gated: bool
    activation: str
    experts: Experts | None = None

    def by_part(self) -> dict[str, int]:
        """Return the numbers in each part; a matrix that two parts share is an embedding."""
        found = dict.fromkeys(PARTS, 0)
        found["embeddings"] = sum(table.size for table in self.tables)
        for linear in self.linears:
            found[linear.part] += self.layers * linear.size
        for linear in self.outer_linears:
            found[linear.part] += linear.size
        found["mlp"] += 0 if self.experts is None else self.layers * self.experts.size
        found["norms"] = self.layers * sum(norm.size for norm in self.norms)
        found["norms"] += sum(norm.size for norm in self.outer_norms)
        if self.head is not None:
            shared = self.head.inputs * self.head.outputs if self.tied else 0
            found["head"] += self.head.size - shared
        return found

    @property
    def total(self) -> int:
        """All parameters; tied matrices count once."""
        return sum(self.by_part().values())

    @property
    def active(self) -> int:
        """Parameters that one token meets: all but the experts that are not chosen for it."""
        return self.total - self._idle

    @property
    def _idle(self) -> int:
        return 0 if self.experts is None else self.layers * self.experts.idle

    @property
    def active_matrices(self) -> int:
        """Parameters that each token is multiplied with."""
        return self.matrices - self._idle

    @property
    def matrices(self) -> int:
        """Parameters of linear layers, experts and the head, no tables."""
        inner = self.layers * sum(each.inputs * each.outputs for each in self.linears)
        outer = sum(each.inputs * each.outputs for each in self.outer_linears)
        experts = 0 if self.experts is None else self.layers * self.experts.size
        return inner + experts + outer + self.head_matrix

    @property
    def head_matrix(self) -> int:
        """Numbers in the matrix of the output layer, tied or not; 0 without one."""
        return 0 if self.head is None else self.head.inputs * self.head.outputs

    def modules(self) -> Iterator[tuple[str, int, Linear]]:
        """Yield the linear layers of all blocks: whole name, number of the block, and which."""
        for layer in range(self.layers):
            for linear in self.linears:
                yield f"{self.blocks}.{layer}.{linear.path}", layer, linear


class Config:
    """The values of a ``config.json``, checked as they are taken."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def whole(self, key: str, default: int | None = None, *, least: int = 1) -> int:
        """Return a whole number.

        Raises:
            Unknown: there is none, or it is something else.
        """
        value = self.values.get(key)
        if value is None:
            if default is None:
                raise Unknown(f"config.json says no {key}")
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 10**9:
            raise Unknown(f"the {key} of config.json is no size")
        return value

    def maybe(self, key: str) -> int | None:
        """Return a whole number, or None where the key is left out or null."""
        return None if self.values.get(key) is None else self.whole(key)

    def flag(self, key: str, default: bool) -> bool:
        """Return a truth value; raises Unknown where it is something else."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise Unknown(f"the {key} of config.json is neither true nor false")
        return value

    def word(self, default: str, *keys: str) -> str:
        """Return the text under the first of ``keys`` that is there."""
        found = next((self.values[key] for key in keys if self.values.get(key)), default)
        return found if isinstance(found, str) else default
