"""What a code, a key of the language, or another tool's name means: the pages of `nivel explain`.

A page is plain data, made of the schemas and of the registry of codes; :mod:`.explain_text` draws
it. What the schemas do not say is said nowhere here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..schemas import LEVELS
from . import facts
from .aliases import ALIASES, VALUE_ALIASES
from .codes import CODES, FAMILIES
from .language import Path, all_keys, forms, key_schemas
from .schema import Schema
from .suggest import nearest
from .words import listed

Page = dict[str, Any]

_CODE = re.compile(r"nv\d{3}\Z", re.IGNORECASE)
_FAMILY = re.compile(r"nv(\d)(?:xx)?\Z", re.IGNORECASE)


class UnknownTopic(Exception):
    """Nothing has this name; the message says what was probably meant."""


def find_page(topic: str | None) -> Page:
    """Return the page of ``topic``, or the contents for None; raises :class:`UnknownTopic`."""
    if topic is None:
        return _contents()
    word = topic.strip().strip("`")
    if _CODE.match(word):
        return _code(word.upper())
    if (family := _FAMILY.match(word)) is not None and family[1] in FAMILIES:
        return {"kind": "family", **_family(family[1])}
    path = path_of(word)
    if path in all_keys():
        return _key(path)
    return _own_key(path) or _elsewhere(word, path) or _alias(word) or _value(word) or _fail(word)


def path_of(name: str) -> Path:
    """Read ``task.labels[0]``, ``task.labels[]`` or ``task.labels`` as a path of keys."""
    return tuple(step for step in re.sub(r"\[\d*\]", "", name).split(".") if step)


def _contents() -> Page:
    sections = [_line(path) for path in all_keys() if len(path) == 1]
    families = [_family(digit) for digit in sorted(FAMILIES)]
    return {"kind": "contents", "sections": sections, "families": families}


def _family(digit: str) -> Page:
    codes = {code: entry.title for code, entry in CODES.items() if code[2] == digit}
    return {"family": f"NV{digit}xx", "title": FAMILIES[digit], "codes": codes}


def _code(code: str) -> Page:
    if code not in CODES:
        close = [known for known in CODES if known[:3] == code[:3]]
        raise UnknownTopic(f"no finding has the code `{code}`; there are {listed(close or CODES)}")
    entry = CODES[code]
    fields = ("code", "title", "what", "why", "bad", "good")
    return {"kind": "code", **{name: getattr(entry, name) for name in fields}}


def _key(path: Path, note: str | None = None) -> Page:
    key = all_keys()[path]
    return {
        "kind": "key",
        "name": key.name,
        "note": note,
        "levels": list(key.levels),
        "required": list(key.required),
        "only_with": _condition(path, key.cases),
        "meanings": _meanings(path),
        "keys": [_line(inner) for inner in all_keys() if inner[:-1] == path],
    }


def _line(path: Path) -> Page:
    key = all_keys()[path]
    return {
        "name": key.name,
        "description": key.schema.get("description", ""),
        "levels": list(key.levels),
        "only_with": _condition(path, key.cases),
    }


def _condition(path: Path, cases: Iterable[str]) -> str | None:
    """Say which choice a key belongs to: ``method.type: lora``."""
    wanted = list(cases)
    for depth in range(len(path) - 1, 0, -1):
        schema = all_keys()[path[:depth]].schema
        choices = schema.get("cases", {})
        if wanted and set(wanted) <= choices.keys():
            everywhere = set(wanted) == choices.keys()
            name = ".".join((*path[:depth], schema["by"]))
            return None if everywhere else f"{name}: {' or '.join(wanted)}"
    return None


def _meanings(path: Path) -> list[Page]:
    """Return what the key is at its levels; levels that agree share one entry."""
    found: list[Page] = []
    for level in LEVELS:
        for here, schema, required, case in key_schemas(level):
            if here == path:
                _add_meaning(found, level, case, {**_facts(schema), "required": required})
    return found


def _add_meaning(found: list[Page], level: str, case: str | None, said: Page) -> None:
    examples = said.pop("examples")
    for one in found:
        if all(one[name] == value for name, value in said.items()):
            one["examples"] += [example for example in examples if example not in one["examples"]]
            one["levels"] += [level] * (level not in one["levels"])
            one["cases"] += [case] * (case is not None and case not in one["cases"])
            return
    found.append(
        {"levels": [level], "cases": [case] if case else [], **said, "examples": [*examples]}
    )


def _facts(schema: Schema) -> Page:
    shapes = [form for form in forms(schema) if form.get("type") in ("string", "number", "integer")]
    bounds = facts.limits(schema) or next((said for s in shapes if (said := facts.limits(s))), "")
    return {
        "description": schema.get("description", ""),
        "type": facts.kind(schema),
        "limits": bounds or None,
        "unit": schema.get("unit"),
        "default": schema.get("default"),
        "examples": schema.get("examples", []),
    }


def _own_key(path: Path) -> Page | None:
    """A name inside a map whose keys the writer chooses, such as `data.columns.text`."""
    key = all_keys().get(path[:-1])
    free = key is not None and any(
        isinstance(form.get("additionalProperties"), dict) for form in forms(key.schema)
    )
    note = f"the keys of `{'.'.join(path[:-1])}` are names of your own"
    return _key(path[:-1], note) if free else None


def _outermost(keys: list[Path]) -> list[Path]:
    """Leave out a key of a section that stands inside another one as well as by itself."""
    return [
        key
        for key in keys
        if not any(key[-len(other) :] == other for other in keys if other != key)
    ]


def _elsewhere(word: str, path: Path) -> Page | None:
    """A key named without its section, or in another one."""
    ends = _outermost([known for known in all_keys() if path and known[-1] == path[-1]])
    names = [".".join(known) for known in ends]
    if len(ends) == 1:
        return _key(ends[0], f"there is no `{word}`; here it is `{names[0]}`" if path[1:] else None)
    if ends and not (path[1:] and _alias(word)):
        raise UnknownTopic(f"`{path[-1]}` is a key of several sections: {listed(names)}")
    return None


def _alias(word: str) -> Page | None:
    """A name that another tool has for something."""
    said = ALIASES.get(word.lower().replace("-", "_"))
    said = said or ALIASES.get(word.rpartition(".")[2].lower().replace("-", "_"))
    if said is None:
        return None
    targets, note = said
    keys = [_key(path) for target in targets if (path := path_of(target)) in all_keys()]
    return {"kind": "alias", "name": word, "note": note, "keys": keys}


def _value(word: str) -> Page | None:
    """A word that some key takes as its value, or another tool's word for one."""
    meant = next((v for v in (word, VALUE_ALIASES.get(word.lower())) if v in _values()), None)
    if meant is None:
        return None
    keys = [_key(path) for path in _values()[meant]]
    return {"kind": "value", "name": word, "value": meant, "keys": keys}


def _values() -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for level in LEVELS:
        for path, schema, _, _ in key_schemas(level):
            for form in (*forms(schema), *forms(schema.get("items", {}))):
                for value in (*form.get("enum", ()), form.get("const")):
                    if isinstance(value, str) and path not in found.setdefault(value, []):
                        found[value].append(path)
    return found


def _fail(word: str) -> Page:
    names = {key.name for key in all_keys().values()}
    ends = {path[-1]: key.name for path, key in all_keys().items()}
    close = nearest(word, names) or ends.get(nearest(word.rpartition(".")[2], ends) or "")
    near_alias = nearest(word, ALIASES)
    if close is None and near_alias is not None:
        close = near_alias
    hint = f"did you mean `{close}`?" if close else "`nivel explain` lists the sections and codes"
    raise UnknownTopic(f"nothing here is called `{word}`; {hint}")
