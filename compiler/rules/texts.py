"""The text of a pretraining: its sources, and the steps that clean it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic
from ..document import DataPath
from ..regular import read_regular
from ..spec_text import name_of_source
from ..words import listed, show
from .base import Context, error, rule
from .files import sources
from .rows import locate, peek, value_of

END, UNKNOWN = "<|endoftext|>", "[UNK]"
"""Tokens that tokenizers have by themselves."""

MAX_TOKENIZER = 64_000_000
"""Bytes of a tokenizer that is read; those of large models have some ten million."""

LEAST_SHARE = 0.001
"""Of a weight in all: below it a source may have no place in a block of the stream."""

LIMITS = {
    "length": (("min_characters", "max_characters"), ("min_words", "max_words")),
    "gopher-quality": (("min_words", "max_words"), ("min_mean_word", "max_mean_word")),
}
"""Pairs of options of a step of which the first is not the greater."""

COUNTS = {"gopher-repetition": {"max_top_grams": 3, "max_repeated_grams": 6}}
"""Options of a step that are lists, and how long they may be."""

COLUMNED = (".jsonl", ".csv", ".parquet")


def _texts(context: Context) -> list[tuple[DataPath, dict[str, Any]]]:
    """Return the place and the keys of each sound source of text."""
    places = [at for part, at in sources(context) if part == "text" and context.sound(*at)]
    found = [(at, context.get(*at)) for at in places]
    return [(at, said) for at, said in found if isinstance(said, dict)]


@rule("NV650", "weight of some sources only")
def check_weights(context: Context) -> Iterator[Diagnostic]:
    """Shares are of all sources or of none."""
    found = _texts(context)
    without = [at for at, said in found if "weight" not in said]
    given = [at for at, said in found if "weight" in said]
    if given and without:
        message = "this source has no weight, and others have"
        related = context.related(((*given[0], "weight"), "a weight"))
        cure = "add `weight: 1`, or remove the other weights"
        yield error("NV650", message, context.where(*without[0]), cure, related)


@rule("NV651", "weight too small to have a place")
def check_shares(context: Context) -> Iterator[Diagnostic]:
    """A source has one sequence in a thousand or more."""
    found = [(at, said["weight"]) for at, said in _texts(context) if "weight" in said]
    total = sum(weight for _, weight in found)
    for at, weight in found:
        if weight < LEAST_SHARE * total:
            message = f"a weight of {weight:g} among {total:g} is less than {LEAST_SHARE:g} of all"
            cure = "give it more, or leave the source out"
            yield error("NV651", message, context.where(*at, "weight"), cure)


@rule("NV652", "two sources of one name")
def check_names(context: Context) -> Iterator[Diagnostic]:
    """Results are told by the names of sources."""
    seen: dict[str, DataPath] = {}
    for at, said in _texts(context):
        name = name_of_source(said)
        if name in seen:
            message = f"two sources are called {show(name)}"
            related = context.related((seen[name], "the other one"))
            yield error("NV652", message, context.where(*at), "add `name:` to one", related)
        seen.setdefault(name, at)


@rule("NV653", "column of a source without columns")
def check_text_column(context: Context) -> Iterator[Diagnostic]:
    """Only .jsonl, .csv and .parquet files have columns, and the one named is there."""
    for at, said in _texts(context):
        path = said.get("path", "")
        suffix = os.path.splitext(path)[1]
        if "column" in said and (suffix == ".txt" or "builtin" in said):
            message = f"{show(path or said['builtin'])} has no columns"
            yield error("NV653", message, context.key(*at, "column"), "remove `column`")
        elif suffix in COLUMNED:
            yield from _lacking(context, at, said.get("column", "text"))


def _lacking(context: Context, at: DataPath, column: str) -> Iterator[Diagnostic]:
    rows = peek(context, "text", *at[2:])
    if rows is None or not rows.rows:
        return
    path = context.get(*at, "path")
    line = next((number for number, row in rows.rows if value_of(row, column) is None), None)
    if line is None:
        return
    where = context.where(*at, "column" if context.has(*at, "column") else "path")
    columns = [name for name in rows.rows[0][1] if isinstance(name, str)]
    if column not in rows.rows[0][1]:
        message = f"{show(path)} has no column {show(column)}"
        cure = f"add `column:` with the one of the text: {listed(columns)}"
        yield error("NV653", message, where, cure)
        return
    message = f"line {line} of {show(path)} has no value in column {show(column)}"
    yield error("NV653", message, where, "give it a text, or remove the row")


@rule("NV654", "nothing to compare the text with")
def check_compared(context: Context) -> Iterator[Diagnostic]:
    """The step `overlap` needs rows that the model is tested on."""
    for at, step in _steps(context):
        if step["type"] == "overlap" and not (context.has("task") and context.has("data", "test")):
            message = "the step `overlap` compares the text with rows, and the spec has none"
            cure = "add `task` and `data.test`, or remove the step"
            yield error("NV654", message, context.where(*at, "type"), cure)


@rule("NV656", "special token that there is")
def check_special(context: Context) -> Iterator[Diagnostic]:
    """The tokens that end a document and stand for the unknown are there without being named."""
    kind, said = context.get("tokenizer", "type"), context.get("tokenizer", "special_tokens")
    for index, token in enumerate(said if isinstance(said, list) else ()):
        if token == END or (kind == "wordpiece" and token == UNKNOWN):
            where = context.where("tokenizer", "special_tokens", index)
            message = f"{show(token)} is a token of every {kind} tokenizer"
            yield error("NV656", message, where, "remove it")


@rule("NV657", "tokenizer of another size")
def check_size(context: Context) -> Iterator[Diagnostic]:
    """A tokenizer that lies in the project has as many tokens as the spec says."""
    path, said = context.get("tokenizer", "path"), context.get("tokenizer", "vocab_size")
    if context.get("tokenizer", "type") != "model" or not path or not said:
        return
    found = _size(context, path) if path.startswith("./") else None
    if found is not None and found != said:
        message = f"the tokenizer in {show(path)} has {found} tokens, not {int(said)}"
        where = context.where("tokenizer", "vocab_size")
        yield error("NV657", message, where, f"write `vocab_size: {found}`")


def _size(context: Context, path: str) -> int | None:
    """Return how many tokens a saved tokenizer has; None where that cannot be told."""
    target = locate(context, os.path.join(path, "tokenizer.json"))
    try:
        saved = json.loads(read_regular(target or "", MAX_TOKENIZER))
        vocabulary = saved["model"]["vocab"]  # a map, or of Unigram a list of pairs
        names = vocabulary if isinstance(vocabulary, dict) else {piece[0] for piece in vocabulary}
        return len({*names, *(token["content"] for token in saved.get("added_tokens", ()))})
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None


@rule("NV655", "limits of a step that exclude everything, or nothing")
def check_limits(context: Context) -> Iterator[Diagnostic]:
    """The least is not above the most, and a step of lengths has a limit."""
    for at, step in _steps(context):
        pairs = LIMITS.get(step["type"], ())
        for low, high in pairs:
            if low in step and high in step and step[low] > step[high]:
                message = f"`{low}` {step[low]:g} is above `{high}` {step[high]:g}: nothing is left"
                given = low if context.has(*at, low) else high
                where = context.where(*at, given)
                yield error("NV655", message, where, "turn the two round, or lower the first")
        for key, most in COUNTS.get(step["type"], {}).items():
            if key in step and len(step[key]) > most:
                message = f"`{key}` has a share for each of {most} lengths, not {len(step[key])}"
                yield error("NV655", message, context.where(*at, key, most), "remove the rest")
        if step["type"] == "length" and not any(key in step for pair in pairs for key in pair):
            message = "the step `length` has no limit"
            yield error("NV655", message, context.where(*at, "type"), "add `min_words: 20`")


def _steps(context: Context) -> Iterator[tuple[DataPath, dict[str, Any]]]:
    """Yield the place and the keys of each sound step."""
    steps = context.get("data", "curate")
    for index, step in enumerate(steps if isinstance(steps, list) else ()):
        if context.sound("data", "curate", index) and isinstance(step, dict):
            yield ("data", "curate", index), step
