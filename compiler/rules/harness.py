"""Tasks of lm-eval: a model that writes, and files that hold no code."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from ..diagnostics import CompileError, Diagnostic
from ..document import parse_document
from ..harness import KEYS, files_of, is_file
from ..methods import SOFT
from ..source import read_source
from ..words import listed, show
from .base import Context, error, rule
from .embedding import embeds
from .heads import headed
from .rows import locate

AT = ("evaluate", "lm_eval")


@rule("NV617", "task file of lm-eval that is not read")
def check_files(context: Context) -> Iterator[Diagnostic]:
    """A task file is a map in the project, of keys that name no code."""
    for index, name in enumerate(_names(context)):
        fault = _fault(context, name) if is_file(name) else _named(name)
        if fault is not None:
            yield error("NV617", fault[0], context.where(*AT, index), fault[1])


def _names(context: Context) -> list[str]:
    said = context.get(*AT)
    return said if isinstance(said, list) and context.sound(*AT) else []


def _named(name: str) -> tuple[str, str | None] | None:
    if "/" in name or name.startswith("."):
        return f"{show(name)} is neither a task's name nor a task file", "name a `.yaml` file"
    return None


def _fault(context: Context, path: str) -> tuple[str, str | None] | None:
    """Say what is wrong with a task file, and what to do about it."""
    target = locate(context, path)
    if target is None:
        return f"{show(path)} lies outside the project", "copy the file into the project"
    if not os.path.isfile(target):
        cure = "check the name; it is relative to the project"
        return f"{show(path)} does not exist in the project", cure
    try:
        document, faults = parse_document(read_source(target, path))
    except CompileError as refused:
        document, faults = None, list(refused.diagnostics)
    if faults or document is None:
        first = faults[0].message if faults else "it is empty"
        return f"{show(path)} cannot be read as a task: {first}", "a task file holds plain data"
    return _content(context, path, document.data)


def _content(context: Context, path: str, said: Any) -> tuple[str, str | None] | None:
    if not isinstance(said, dict) or not isinstance(said.get("task"), str):
        return f"{show(path)} is no task of lm-eval", "it needs a `task:`, the task's name"
    strange = [str(key) for key in said if key not in KEYS]
    if strange:
        message = f"{show(path)} says `{strange[0]}`, which is not read of a task file of a project"
        return message, f"take it out; it may say {listed(KEYS, len(KEYS))}"
    for file in files_of(said):
        if (target := locate(context, file)) is None or not os.path.isfile(target):
            message = f"{show(path)} reads its rows from {show(file)}, which is not in the project"
            return message, "name a file by its path in the project"
    return None


@rule("NV618", "lm-eval tasks of a model that does not write")
def check_model(context: Context) -> Iterator[Diagnostic]:
    """lm-eval asks a model for probabilities of words, or has it write."""
    if not _names(context) or context.level != "finetune":
        return
    rewards = context.get("objective", "type") == "reward"
    soft = context.get("method", "type") in SOFT
    if headed(context) or embeds(context) or rewards or soft:
        what = "puts learned positions before the text" if soft else "does not write"
        message = f"lm-eval asks models that write, and this one {what}"
        related = context.related((("task", "type"), "the task"))
        yield error("NV618", message, context.key(*AT), "remove `lm_eval`", related)
