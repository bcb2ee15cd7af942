"""Models that are asked, and what endpoints can and cannot do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ..capabilities import PARAMETERS
from ..diagnostics import Diagnostic
from ..document import DataPath
from ..words import show
from .base import Context, error, rule
from .probed import what_it_does

_LOCAL_HOSTS = frozenset(("localhost", "127.0.0.1", "::1"))
_SENT_AS = {"send_seed": "seed"}


def asked_models(context: Context) -> Iterator[tuple[DataPath, dict[str, Any]]]:
    """Yield every model that the spec asks and that is sound, with its place."""
    for at in context.models() if context.level == "prompt" else ():
        if context.sound(*at) and at[0] != "evaluate":
            yield at, context.get(*at)


def endpoints(context: Context) -> Iterator[tuple[DataPath, dict[str, Any]]]:
    """Yield every endpoint that answers and is sound, with its place."""
    for path, model in asked_models(context):
        said = model.get("endpoint")
        if isinstance(said, dict) and context.sound(*path, "endpoint"):
            yield (*path, "endpoint"), said


def paid_endpoints(context: Context) -> Iterator[tuple[DataPath, dict[str, Any]]]:
    """Yield every endpoint that anything is sent to: those that answer, and the judge's."""
    yield from endpoints(context)
    at = ("evaluate", "judge", "model", "endpoint")
    said = context.get(*at)
    if context.level == "prompt" and isinstance(said, dict) and context.sound(*at):
        yield at, said


def writes(context: Context) -> bool:
    """Whether the task has the model write answers, rather than read probabilities."""
    kind = context.get("task", "type")
    generated = context.get("task", "scoring") == "generated"
    return kind in ("generate", "extract", "chat") or (kind == "classify" and generated)


@rule("NV380", "key bound to another host")
def check_key_host(context: Context) -> Iterator[Diagnostic]:
    """A key is sent to the host that it belongs to, so that host has to be the endpoint's."""
    for path, said in paid_endpoints(context):
        key = said.get("key")
        host = urlsplit(said["base_url"]).netloc
        if key and key["host"] != host:
            message = f"the key is for {show(key['host'])}, but base_url is at {show(host)}"
            related = context.related(((*path, "base_url"), "asked here"))
            where = context.where(*path, "key", "host")
            yield error("NV380", message, where, f"write `host: {host}` if that is meant", related)


@rule("NV381", "key over an open line")
def check_key_line(context: Context) -> Iterator[Diagnostic]:
    """Over http anyone on the way can read the key."""
    for path, said in paid_endpoints(context):
        parts = urlsplit(said["base_url"])
        if said.get("key") and parts.scheme == "http" and parts.hostname not in _LOCAL_HOSTS:
            where = context.where(*path, "base_url")
            message = "the key would be sent over http, where others can read it"
            yield error("NV381", message, where, f"write `https://{parts.netloc}{parts.path}`")


@rule("NV382", "probabilities of an endpoint")
def check_likelihood(context: Context) -> Iterator[Diagnostic]:
    """Endpoints write answers; the likelihood of a given text is not theirs to give."""
    kind = context.get("task", "type")
    if kind is None or writes(context):
        return
    for path, _ in endpoints(context):
        what = "labels are scored" if kind == "classify" else "text is predicted"
        message = f"{what} by their probabilities, which an endpoint does not give"
        cure = "write `scoring: generated`" if kind == "classify" else "use a local model"
        related = context.related((("task", "type"), "the task"))
        yield error("NV382", message, context.key(*path), cure, related)


@rule("NV384", "parameter that the model does not take")
def check_capabilities(context: Context) -> Iterator[Diagnostic]:
    """What a service drops in silence, or a local model lacks, is refused before anything runs."""
    said = context.get("generation")
    if not isinstance(said, dict) or not writes(context):
        return
    known = [key for key in said if _sent(key) in PARAMETERS and context.sound("generation", key)]
    given = [key for key in known if context.has("generation", key) and said[key] is not False]
    for path, model in asked_models(context):
        local = not isinstance(model.get("endpoint"), dict)
        for key in given:
            if local and key == "send_seed":
                continue  # a local model keeps to the seed in any case
            who, does = what_it_does(context, model, _sent(key))
            if does in ("ignored", "rejected"):
                yield _unsupported(context, path, who, key, does)


def _sent(key: str) -> str:
    return _SENT_AS.get(key, key)


def _unsupported(context: Context, path: DataPath, who: str, key: str, does: str) -> Diagnostic:
    verb = "ignores" if does == "ignored" else "does not take"
    related = context.related((path, "asked here"))
    where = context.key("generation", key)
    return error("NV384", f"{who} {verb} `{key}`", where, f"remove `{key}`", related)


@rule("NV385", "JSON from an endpoint that ignores schemas")
def check_schema_support(context: Context) -> Iterator[Diagnostic]:
    """Answers would be free text that happens to be JSON now and then."""
    if context.get("task", "type") != "extract":
        return
    for path, said in endpoints(context):
        who, does = what_it_does(context, {"endpoint": said}, "json_schema")
        if does in ("ignored", "rejected"):
            message = f"{who} {'ignores' if does == 'ignored' else 'does not take'} JSON Schemas"
            related = context.related((("task", "type"), "the task"))
            cure = "use a local model or another endpoint"
            key = "capabilities" if context.has(*path, "capabilities") else "type"
            yield error("NV385", message, context.where(*path, key), cure, related)


@rule("NV388", "budget in money without a price")
def check_price(context: Context) -> Iterator[Diagnostic]:
    """A cost that is not known cannot be kept below a limit."""
    if context.get("budget", "usd") is None:
        return
    for path, said in paid_endpoints(context):
        if said.get("price") is None:
            message = f"`budget.usd` needs the price of {show(said['name'])}"
            related = context.related((("budget", "usd"), "the limit"))
            where = context.key(*path)
            yield error("NV388", message, where, "add `price:` to the endpoint", related)
