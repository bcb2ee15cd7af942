"""Rows as a model will see them: rendered, tokenised, and with what is learned marked.

Only a tokenizer is needed. What a row holds is a stranger's: it is shown with everything escaped
that could move a cursor or change a colour.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .data.anchors import PARTS
from .data.dealing import by_length, by_tokens, permutation
from .data.encodings import IGNORED, Encoding, fit

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["Layout", "Preview", "make_preview", "render_preview"]

DIM, BRIGHT, PLAIN = "\x1b[2m", "\x1b[1m", "\x1b[0m"
BINS = 8
_PARTS = ("chosen", "rejected", *PARTS)
"""Words that the texts of one row are told apart by."""

BAR = 32


@dataclass(frozen=True, slots=True)
class Shown:
    """One row: its text in stretches, each with whether it is learned; or its fault.

    `note` is what is learned of it where that is no token: a label, a number.
    """

    id: str
    parts: tuple[tuple[str, bool], ...]
    tokens: int
    trained: int
    fault: str | None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the rows of an optimizer step are computed: so many at once, padded or joined."""

    batch: int
    micro_batch: int
    seed: int
    packing: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """Rows to look at, and counts over all of them.

    ``lengths`` are tokens of a row: minimum, median, 95th percentile and maximum. ``batch`` tells
    of the micro-batches of the first epoch: their tokens, padding included, and its share.
    ``faults`` are those that would stop the run.
    """

    shown: tuple[Shown, ...]
    rows: int
    tokens: int
    trained: int
    dropped: int
    cut: int
    idle: tuple[str, ...]
    faults: tuple[str, ...]
    lengths: Mapping[str, int]
    histogram: tuple[tuple[int, int, int], ...]
    batch: Mapping[str, Any]
    learns: bool

    @property
    def sound(self) -> bool:
        """Whether a run would take these rows."""
        return not self.faults and not (self.learns and self.idle)

    def to_json(self, **more: Any) -> str:
        """Return everything as JSON, and what is known beside it."""
        known = {**asdict(self), "sound": self.sound, **more}
        return json.dumps(known, indent=2, ensure_ascii=True)


def make_preview(
    encodings: Sequence[Encoding],
    tokenizer: PreTrainedTokenizerBase,
    *,
    shown: int,
    row: str | None = None,
    max_length: int | None = None,
    too_long: str = "refuse",
    too_long_at_most: float = 0.1,
    layout: Layout | None = None,
    learns: bool = True,
) -> Preview:
    """Return what there is to see of encoded rows.

    Args:
        shown: how many rows to show whole, the first ones.
        row: id of the only row to show, or the end of it that follows a colon, its line; of a
            pair, both answers.
        max_length, too_long, too_long_at_most: as in the run; None where nothing is too long.
        layout: of the optimizer steps, for the share of padding.
        learns: whether anything is trained; if not, tokens are only read.
    """
    sound = [one for one in encodings if one.fault is None]
    kept, dropped, cut = sound, 0, 0
    if max_length is not None:
        kept, dropped, cut = fit(sound, max_length, too_long)
    wanted = [one for one in encodings if row in _names(one.id)]
    lengths = sorted(len(one.ids) for one in sound)
    faults = [one.fault.message for one in encodings if one.fault is not None]
    share = (dropped + cut) / max(1, len(encodings))
    if max_length is not None and (dropped or cut) and too_long == "refuse":
        faults.append(f"{dropped} rows are longer than train.max_length {max_length}")
    elif share > too_long_at_most:
        faults.append(f"{dropped + cut} rows are longer than train.max_length {max_length}")
    return Preview(
        shown=tuple(_show(one, tokenizer) for one in (wanted if row else encodings[:shown])),
        rows=len(encodings),
        tokens=sum(len(one.ids) for one in kept),
        trained=sum(one.trained for one in kept),
        dropped=dropped,
        cut=cut,
        idle=tuple(one.id for one in kept if not one.trained),
        faults=tuple(faults),
        lengths=_quantiles(lengths),
        histogram=tuple(_histogram(lengths)),
        batch=_batch([len(one.ids) for one in kept], layout) if layout and kept else {},
        learns=learns,
    )


def _names(identity: str) -> set[str]:
    """Return what a row may be called; where it has several texts, each has a word after its id."""
    pair, _, part = identity.rpartition(" ")
    pair = pair if part in _PARTS else identity
    return {identity, pair, pair.rpartition(":")[2]}


def _show(one: Encoding, tokenizer: PreTrainedTokenizerBase) -> Shown:
    """Decode stretches of tokens alike; special tokens are left in."""
    parts: list[tuple[str, bool]] = []
    start = 0
    for place in range(1, len(one.ids) + 1):
        ended = place == len(one.ids)
        if ended or (one.labels[place] == IGNORED) != (one.labels[start] == IGNORED):
            text = tokenizer.decode(list(one.ids[start:place]), clean_up_tokenization_spaces=False)
            parts.append((str(text), one.labels[start] != IGNORED))
            start = place
    fault = None if one.fault is None else str(one.fault)
    return Shown(one.id, tuple(parts), len(one.ids), one.trained, fault, one.note)


def _quantiles(lengths: Sequence[int]) -> dict[str, int]:
    if not lengths:
        return {}
    at = {"min": 0.0, "median": 0.5, "p95": 0.95, "max": 1.0}
    last = len(lengths) - 1
    return {name: lengths[math.ceil(share * last)] for name, share in at.items()}


def _histogram(lengths: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (shortest, longest, rows) of bins of equal width."""
    if not lengths:
        return []
    width = max(1, math.ceil((lengths[-1] - lengths[0] + 1) / BINS))
    edges = range(lengths[0], lengths[-1] + 1, width)
    return [
        (low, low + width - 1, sum(low <= one < low + width for one in lengths)) for low in edges
    ]


def _batch(lengths: Sequence[int], layout: Layout) -> dict[str, Any]:
    """Deal the first epoch as the run will, and measure the blocks of tokens that it computes."""
    order = permutation(layout.seed, 0, len(lengths)).tolist()
    parts, joined = layout.batch // layout.micro_batch, layout.packing
    blocks: list[int] = []
    for start in range(0, len(order), layout.batch):
        step = [lengths[row] for row in order[start : start + layout.batch]]
        step += [0] * (layout.batch - len(step))  # a last step that has fewer rows
        dealt = by_tokens(step, parts) if joined else by_length(step, parts)
        sizes = [[step[place] for place in part if step[place]] for part in dealt]
        blocks += [sum(part) if joined else len(part) * max(part) for part in sizes if part]
    mean = round(sum(blocks) / len(blocks))
    return {
        "rows": layout.micro_batch,
        "packing": joined,
        "tokens": {"min": min(blocks), "mean": mean, "max": max(blocks)},
        "padding": round(1 - sum(lengths) / sum(blocks), 4),
    }


def _batch_line(batch: Mapping[str, Any]) -> str:
    how = "joined into one sequence" if batch["packing"] else "padded to the longest"
    sizes = "{min:,} to {max:,} tokens, {mean:,} on average".format(**batch["tokens"])
    fill = f"{1 - batch['padding']:.1%} of them real"
    return f"micro-batch: {batch['rows']} rows {how}: {sizes}, {fill}"


def render_preview(found: Preview, *, colour: bool) -> str:
    """Draw a preview; without colour, what is learned stands between `[[` and `]]`."""
    lines: list[str] = []
    for one in found.shown:
        count = f"{one.tokens} tokens" + (f", {one.trained} trained" if found.learns else "")
        lines += [f"row {plain(one.id)}: {count}" + (f"; {plain(one.note)}" if one.note else "")]
        lines += [f"  fault: {plain(one.fault)}"] if one.fault else []
        lines += ["".join(_drawn(text, learned, colour) for text, learned in one.parts), ""]
    return "\n".join([*lines, *_counts(found)]) + "\n"


def _drawn(text: str, learned: bool, colour: bool) -> str:
    shown = plain(text, keep="\n")
    if colour:
        return f"{BRIGHT if learned else DIM}{shown}{PLAIN}"
    return f"[[{shown}]]" if learned else shown


def plain(text: str, keep: str = "") -> str:
    """Return a text whose control and invisible characters are written as escapes."""
    return "".join(
        c if c in keep or c.isprintable() else c.encode("unicode_escape").decode() for c in text
    )


def _counts(found: Preview) -> list[str]:
    trained = f", {found.trained:,} of them trained" if found.learns else ""
    lines = [f"{found.rows:,} rows, {found.tokens:,} tokens{trained}"]
    if found.lengths:
        said = ", ".join(f"{name} {value:,}" for name, value in found.lengths.items())
        lines.append(f"tokens of a row: {said}")
    most = max((count for *_, count in found.histogram), default=1)
    for low, high, count in found.histogram:
        bar = "#" * round(BAR * count / most)
        lines.append(f"  {low:>6,} to {high:>6,}  {count:>6,}  {bar}".rstrip())
    if found.dropped or found.cut:
        lines.append(f"too long: {found.dropped:,} rows dropped or refused, {found.cut:,} cut")
    if found.batch:
        lines.append(_batch_line(found.batch))
    if found.learns and found.idle:
        names = ", ".join(map(plain, found.idle[:5]))
        lines.append(f"fault: {len(found.idle):,} rows have no trained token: {names}")
    lines += [f"fault: {plain(fault)}" for fault in found.faults[:5]]
    rest = len(found.faults) - 5
    return lines + ([f"fault: and {rest:,} more"] if rest > 0 else [])
