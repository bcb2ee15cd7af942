"""Rows that stand on both sides of the line between training and testing."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..words import plural, show
from .base import Context, error, rule, warning
from .rows import Peek, locate, peek

Pair = tuple[str, str]

PAIRS: tuple[Pair, ...] = (("train", "test"), ("train", "validation"), ("validation", "test"))
"""Parts of ``data`` whose rows must not meet; the second is the one that is to be new."""


@rule("NV334", "training rows are the test rows")
def check_overlap(context: Context) -> Iterator[Diagnostic]:
    """A test on rows that were trained on, shown, or chosen by, measures memory."""
    for pair in PAIRS:
        same = _same_builtin(context, pair) or _same_file(context, pair)
        if same is not None:
            one, other = pair
            message = f"data.{one} and data.{other} share rows: {same}"
            related = context.related((("data", one), f"data.{one}"))
            cure = "name another split or file for one of the two"
            if context.get("data", other, "builtin"):
                cure = f"write `split: {one}` in data.{one} and `split: {other}` in data.{other}"
            yield error("NV334", message, context.key("data", other), cure, related)


def _same_builtin(context: Context, pair: Pair) -> str | None:
    """No split stands for all of them, and so overlaps with each."""
    names = [context.get("data", part, "builtin") for part in pair]
    splits = [context.get("data", part, "split") for part in pair]
    refused = any(("data", part, "split") in context.bad for part in pair)
    if None in names or names[0] != names[1] or refused:
        return None
    apart = all(splits) and splits[0] != splits[1]
    return None if apart else f"both read {names[0]}"


def _same_file(context: Context, pair: Pair) -> str | None:
    """Tell by what way two paths lead to the same bytes: one name, a link, or a copy."""
    paths = [context.get("data", part, "path") for part in pair]
    if not all(isinstance(path, str) for path in paths):
        return None
    key = ("same file", *paths)
    if key not in context.shared:
        context.shared[key] = _compare(context, pair, paths)
    found: str | None = context.shared[key]
    return found


def _compare(context: Context, pair: Pair, paths: list[str]) -> str | None:
    if os.path.normpath(paths[0]) == os.path.normpath(paths[1]):
        return f"both read {os.path.normpath(paths[0])}"
    targets = [locate(context, path) for path in paths]
    if targets[0] is None or targets[1] is None:
        return None
    try:
        if os.path.samefile(targets[0], targets[1]):
            return f"{show(paths[1])} is a link to {show(paths[0])}"
    except OSError:
        return None
    one, other = (peek(context, part) for part in pair)
    if one and other and one.count and one.count == other.count and _same(one, other):
        return f"{show(paths[1])} is a copy of {show(paths[0])}"
    return None


def _same(one: Peek, other: Peek) -> bool:
    return all(a == b for (_, a), (_, b) in zip(one.rows, other.rows, strict=True))


@rule("NV346", "test rows that also stand among the training rows")
def check_shared_rows(context: Context) -> Iterator[Diagnostic]:
    """Count rows with the same text in both files; of larger files nothing is said."""
    for pair in PAIRS:
        yield from _check_shared(context, pair)


def _check_shared(context: Context, pair: Pair) -> Iterator[Diagnostic]:
    train, test = (peek(context, part) for part in pair)
    if not train or not test or not train.count or not test.count or _same_file(context, pair):
        return
    columns = context.get("data", "columns")
    named = columns.items() if columns else ()
    names = tuple(column for name, column in named if name != "label")
    if not names or any(set(names) - set(side.rows[0][1]) for side in (train, test)):
        return  # a column that is missing is another finding
    said = [context.get("data", part, "path") for part in pair]
    key = ("shared rows", *said, names)
    if key not in context.shared:
        context.shared[key] = _shared_lines(train, test, names)
    shared: list[int] = context.shared[key]
    if not shared:
        return
    paths = [show(path) for path in said]
    message = f"{paths[1]} shares {len(shared)} of its {plural(test.count, 'row')} with {paths[0]}"
    message += f", the first in line {shared[0]}"
    words = {"train": "the training rows", "validation": "the validation rows"}
    related = context.related((("data", pair[0], "path"), words[pair[0]]))
    where = context.where("data", pair[1], "path")
    yield warning("NV346", message, where, "remove them from one of the two files", related)


def _shared_lines(train: Peek, test: Peek, names: tuple[str, ...]) -> list[int]:
    """Return the lines of the test rows that hold what a training row holds, in ``names``."""
    known = set(train.keys(names))
    keys = zip(test.rows, test.keys(names), strict=True)
    return [line for (line, _), key in keys if key in known]
