"""The language as one draft-07 file for editors: ``nivel.schema.json``.

The same ``schemas/*.json`` as everywhere, laid out for yaml-language-server, whose older
versions ignore what draft 2020-12 added. A file's ``level`` decides which keys it may have, and
a map's ``type`` which case it is, by ``if`` and ``then``, so that one fault gives one message.

A file that extends others, which an editor does not read, may lack anything and may remove an
inherited value by null. A file without a level is a part for others to extend: it may have the
keys of every level.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from ...schemas import LEVELS
from ..language import Path, joined, tree
from ..schema import Schema
from .names import OLDER, elsewhere, known_names, refusal
from .share import share
from .words import described, settings, whole_specs

__all__ = ["FILE", "bundle", "modeline", "settings"]

FILE = "nivel.schema.json"
"""Where `nivel init` puts the bundle: at the top of the project, for everyone to see."""

DRAFT_07 = "http://json-schema.org/draft-07/schema#"

_WORDS = frozenset(
    ("$schema", "$id", "title", "description", "examples", "default", "unit", "affects", "peft")
)
"""Said of a key but no part of the verdict; :mod:`.words` says what editors show of them."""

_NEVER_NULL = frozenset(("nivel", "level", "extends"))


@dataclass(frozen=True, slots=True)
class _Mode:
    """How a file is read: at which levels, whether it is complete, whether null removes."""

    levels: tuple[str, ...]
    whole: bool
    removing: bool


def bundle(level: str | None = None) -> str:
    """Return the draft-07 schema as JSON text: of ``level``, or of any level for None."""
    body = _by_extends(level) if level else _by_level()
    title = f"nivel spec of level {level}" if level else "nivel spec"
    schema: Schema = {"$schema": DRAFT_07, "title": title, "type": "object", **body}
    return _lines(share(schema))


def _lines(schema: Schema) -> str:
    """Write each definition on a line of its own: short, and a difference names what changed."""
    table = {name: _compact(part) for name, part in schema["definitions"].items()}
    rest = {key: _compact(part) for key, part in schema.items() if key != "definitions"}
    parts = [f"{_compact(name)}:{part}" for name, part in table.items()]
    head = [f"{_compact(key)}:{part}" for key, part in rest.items()]
    body = ",\n".join(parts)
    return "{\n" + ",\n".join(head) + ',\n"definitions":{\n' + body + "\n}}\n"


def _compact(part: Any) -> str:
    return json.dumps(part, ensure_ascii=False, separators=(",", ":"))


def modeline(path: str) -> str:
    """Return the line that binds the spec at ``path`` (in the project) to the project's bundle."""
    return f"# yaml-language-server: $schema={'../' * path.count('/')}{FILE}\n"


def _by_level() -> Schema:
    """Dispatch on ``level``; without one, a part that any level may extend."""
    levels = {name: tree(name) for name in LEVELS}
    parts = _all_offered(reduce(joined, levels.values()), "level", levels)
    removing = _converted(parts, (), _Mode(LEVELS, whole=False, removing=True))
    plain = _converted(parts, (), _Mode(LEVELS, whole=False, removing=False))
    new = {**plain, "defaultSnippets": whole_specs()}
    rest: Schema = {"if": _has("extends"), "then": removing, "else": new}
    for level in reversed(LEVELS):
        rest = {"if": _is("level", level), "then": _by_extends(level), "else": rest}
    return rest


def _by_extends(level: str) -> Schema:
    schema = _all_offered(tree(level), "level", {name: tree(name) for name in LEVELS})
    part = _converted(schema, (), _Mode((level,), whole=False, removing=True))
    whole = _converted(schema, (), _Mode((level,), whole=True, removing=False))
    return {"if": _has("extends"), "then": part, "else": whole}


def _has(*keys: str) -> Schema:
    return {"type": "object", "required": list(keys)}


def _is(key: str, value: str) -> Schema:
    return {**_has(key), "properties": {key: {"const": value}}}


def _converted(schema: Schema, path: Path, mode: _Mode) -> Schema:
    body = _body(schema, path, mode)
    if mode.removing and path and path[-1] not in _NEVER_NULL:
        body = _nullable(body)
    if path == ("nivel",):
        body = {**body, "errorMessage": OLDER}
    return {**described(schema, path), **body}


def _body(schema: Schema, path: Path, mode: _Mode) -> Schema:
    if "cases" in schema:
        return _by_case(schema, path, mode)
    return {
        key: value
        for keyword, said in schema.items()
        if keyword not in _WORDS
        for key, value in _keyword(keyword, said, schema, path, mode).items()
    }


def _keyword(keyword: str, said: Any, schema: Schema, path: Path, mode: _Mode) -> Schema:
    """Return what one keyword of the language's schemas becomes in draft-07."""
    if keyword == "properties":
        own = {key: _converted(inner, (*path, key), mode) for key, inner in said.items()}
        closed = schema.get("additionalProperties") is False
        return {keyword: {**own, **(elsewhere(path, own, mode.levels) if closed else {})}}
    if keyword == "required":
        return {keyword: said} if mode.whole and said else {}
    if keyword == "items":
        # A list is replaced as a whole, so what stands in it is complete.
        return {keyword: _body(said, path, replace(mode, whole=True, removing=False))}
    if keyword == "additionalProperties":
        if said is False:
            return {"allOf": [known_names(path)]}
        return {keyword: _converted(said, (*path, "*"), mode) if isinstance(said, dict) else said}
    if keyword == "oneOf" and "properties" in schema:
        return _exactly_one([branch["required"][0] for branch in said], mode)
    if keyword in ("oneOf", "anyOf"):
        return _by_type(said, path, mode)
    return {keyword: said}


def _by_type(branches: list[Schema], path: Path, mode: _Mode) -> Schema:
    """Dispatch on the type of the value: texts and numbers first, then a list or a map.

    The last branch also stands for a value not yet written, whose keys are to be offered.
    """
    kinds = [branch.get("type") for branch in branches]
    if None in kinds or len(set(kinds)) < len(kinds):
        return {"anyOf": [_body(branch, path, mode) for branch in branches]}
    *firsts, last = sorted(branches, key=lambda branch: branch["type"] in ("array", "object"))
    rest = _body(last, path, mode)
    for branch in reversed(firsts):
        chosen = _body(branch, path, mode)
        rest = {"if": {"type": branch["type"]}, "then": chosen, "else": rest}
    return rest


def _nullable(body: Schema) -> Schema:
    """Accept null as well, which removes what was inherited."""
    if "anyOf" in body:
        return {**body, "anyOf": [*body["anyOf"], {"type": "null"}]}
    if "else" in body and "type" not in body:
        return {**body, "else": _nullable(body["else"])}
    if "const" in body:
        rest = {key: value for key, value in body.items() if key not in ("const", "type")}
        return {**rest, "enum": [body["const"], None]}
    found = dict(body)
    if "enum" in body:
        found["enum"] = [*body["enum"], None]
        if "enumDescriptions" in body:
            found["enumDescriptions"] = [*body["enumDescriptions"], "Removes what was inherited."]
    if "type" in body:
        found["type"] = [body["type"], "null"]
    return found


def _exactly_one(keys: list[str], mode: _Mode) -> Schema:
    """Refuse two of ``keys``, and none of them in a file that is complete."""
    names = " or ".join(f"`{key}`" for key in keys)
    given = {key: {"not": {"type": "null"}} for key in keys}
    found: Schema = {
        "if": {**_has(*keys), "properties": given},
        "then": refusal(f"Give either {names}, not both"),
    }
    if mode.whole:
        some = {"anyOf": [{"required": [key]} for key in keys]}
        found["else"] = {"if": {"type": "object", "not": some}, "then": refusal(f"Needs {names}")}
    return found


def _by_case(schema: Schema, path: Path, mode: _Mode) -> Schema:
    """Dispatch on the key that chooses; without it, what can be said of any case."""
    by, cases = schema["by"], schema["cases"]
    rest = _undecided(schema, path, mode)
    for name, case in reversed(cases.items()):
        chosen = _body(_all_offered(case, by, cases), path, mode)
        rest = {"if": _is(by, name), "then": _without_type(chosen), "else": rest}
    return {"type": "object", **rest}


def _all_offered(case: Schema, by: str, cases: dict[str, Schema]) -> Schema:
    """Let every case be offered as the value of ``by``; which it is has been decided before."""
    chooser = {key: v for key, v in case["properties"][by].items() if key != "const"}
    told = [inner.get("description", "") for inner in cases.values()]
    chooser = {**chooser, "enum": list(cases), "enumDescriptions": told}
    return {**case, "properties": {**case["properties"], by: chooser}}


def _undecided(schema: Schema, path: Path, mode: _Mode) -> Schema:
    """A map that does not say which case it is: the usual one, or a fault unless it inherits."""
    by, cases = schema["by"], schema["cases"]
    if mode.whole and "usual" in schema:
        usual = _all_offered(cases[schema["usual"]], by, cases)
        return _without_type(_body(usual, path, mode))
    joint = _all_offered(reduce(joined, cases.values()), by, cases)
    if not mode.whole:
        return _without_type(_body(joint, path, mode))
    chooser = _converted(joint["properties"][by], (*path, by), mode)
    return {"required": [by], "properties": {by: chooser}}


def _without_type(body: Schema) -> Schema:
    """The map around already says that it is one; said twice, it would be faulted twice."""
    return {key: value for key, value in body.items() if key != "type"}
