"""Messages of a chat: what they go with, and in which order they stand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..diagnostics import Diagnostic
from ..document import DataPath
from ..words import show
from .base import Context, error, rule

OPENING = ("system", "developer")


JUDGE: DataPath = ("evaluate", "judge", "input")
"""The template that a judge reads, which names the answer too and may show the right one."""


def ways(context: Context) -> Iterator[DataPath]:
    """Yield the places that a way of asking is written in: the task, then each variant."""
    yield ("task",)
    variants = context.get("prompt", "variants")
    for name in variants if isinstance(variants, dict) else ():
        yield ("prompt", "variants", name)


def templates(context: Context) -> Iterator[tuple[DataPath, str]]:
    """Yield every template that the schema accepted, with its place."""
    for way in ways(context):
        paths: list[DataPath] = [(*way, "input"), (*way, "null_input")]
        messages = context.get(*way, "messages")
        count = len(messages) if isinstance(messages, list) else 0
        paths += [(*way, "messages", index, "content") for index in range(count)]
        for path in paths:
            template = context.get(*path)
            if isinstance(template, str):
                yield path, template
    judge = context.get(*JUDGE)
    if isinstance(judge, str):
        yield JUDGE, judge


def conversations(context: Context) -> Iterator[tuple[DataPath, list[dict[str, Any]]]]:
    """Yield every list of messages whose roles can be read, with its place."""
    for way in ways(context):
        messages = context.get(*way, "messages")
        if not isinstance(messages, list) or not messages:
            continue
        if all(context.get(*way, "messages", n, "role") for n in range(len(messages))):
            yield (*way, "messages"), messages


@rule("NV328", "messages that are no conversation")
def check_order(context: Context) -> Iterator[Diagnostic]:
    """What opens the conversation stands first, and the model answers its user."""
    for path, messages in conversations(context):
        roles = [message["role"] for message in messages]
        late = _late_opening(roles)
        if late is not None:
            message = f"a message of role `{roles[late]}` stands after others"
            where = context.where(*path, late, "role")
            yield error("NV328", message, where, "put it first")
        elif roles[-1] != "user":
            message = f"the last message has role `{roles[-1]}`, so that nothing is asked"
            where = context.where(*path, len(roles) - 1, "role")
            yield error("NV328", message, where, "end with a message of role `user`")


def _late_opening(roles: list[str]) -> int | None:
    """Return the place of the first message that should have opened the conversation."""
    others = [index for index, role in enumerate(roles) if role not in OPENING]
    after = range(others[0], len(roles)) if others else ()
    return next((index for index in after if roles[index] in OPENING), None)


@rule("NV329", "messages beside what has no place for them")
def check_company(context: Context) -> Iterator[Diagnostic]:
    """Messages are all that a model reads, in its own chat template."""
    yield from _system_in_plain(context)
    for path, messages in conversations(context):
        for found in (_of_level(context, path), _of_format(context, path), _both(context, path)):
            if found is not None:
                yield found
                break
        else:
            yield from _second_system(context, path, messages)
            yield from _null_input(context, path)


def _of_level(context: Context, path: DataPath) -> Diagnostic | None:
    if context.level != "pretrain":
        return None
    message = "a model trained from nothing has no chat template to put messages in"
    return error("NV329", message, context.key(*path), "write `input` in place of `messages`")


def _of_format(context: Context, path: DataPath) -> Diagnostic | None:
    if context.get("task", "format") != "plain":
        return None
    message = "messages are for `task.format: chat`, and the format is plain"
    related = context.related((("task", "format"), "plain has no place for them"))
    return error("NV329", message, context.key(*path), "write `format: chat` in `task`", related)


def _both(context: Context, path: DataPath) -> Diagnostic | None:
    """The task itself has one of the two by its schema; a variant has at most one."""
    rival = (*path[:-1], "input")
    if path[0] == "task" or not context.has(*rival):
        return None
    message = f"variant {show(str(path[-2]))} has both `input` and `messages`"
    place = context.document.point_key(rival)
    related = ((place, "the other one"),) if place else ()
    return error("NV329", message, context.key(*path), "remove one of the two", related)


def _second_system(
    context: Context, path: DataPath, messages: list[dict[str, Any]]
) -> Iterator[Diagnostic]:
    """Look at each way that asks with these messages for a system message beside theirs."""
    if messages[0]["role"] not in OPENING:
        return
    for way in _ways_with(context, path):
        at = next((p for p in ((*way, "system"), ("prompt", "system")) if context.has(*p)), None)
        if at is not None and context.get(*at) is not None:
            message = f"`{messages[0]['role']}` and `{'.'.join(map(str, at))}` both open the chat"
            related = context.related(((*path, 0, "role"), "the first message"))
            cure = "remove one of the two; messages are written as they stand"
            yield error("NV329", message, context.key(*at), cure, related)
            return


def _ways_with(context: Context, path: DataPath) -> list[DataPath]:
    """Return the variants that ask with the messages at ``path``; without variants, the task."""
    variants = [way for way in ways(context) if way[0] == "prompt"]
    if path[0] == "prompt":
        return [path[:-1]]
    own = ("input", "messages")
    return [w for w in variants if not any(context.has(*w, key) for key in own)] or (
        [] if variants else [path[:-1]]
    )


def _null_input(context: Context, path: DataPath) -> Iterator[Diagnostic]:
    if context.get("task", "scoring") == "pmi":
        message = "`scoring: pmi` compares `task.input` with `null_input`, and here are messages"
        related = context.related((("task", "scoring"), "pmi"))
        cure = "write `input` in place of `messages`, or another scoring"
        yield error("NV329", message, context.key(*path), cure, related)


def _system_in_plain(context: Context) -> Iterator[Diagnostic]:
    """Refuse a variant's system message in the plain format, as a grid does `prompt.system`."""
    for way in ways(context):
        at = (*way, "system")
        if way[0] == "prompt" and context.has(*at) and context.get("task", "format") == "plain":
            message = "a system message needs `task.format: chat`"
            related = context.related((("task", "format"), "plain has no place for it"))
            cure = "write `format: chat` under `task`, or put the text into `input`"
            yield error("NV329", message, context.key(*at), cure, related)
