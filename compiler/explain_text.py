"""Draw the pages of `nivel explain` as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from .codes import explain
from .explain import Page
from .schema import flow

WIDTH = 88


def draw(page: Page) -> str:
    """Return a page as text that ends in one newline."""
    return "\n".join(_DRAWERS[page["kind"]](page)).rstrip("\n") + "\n"


def _contents(page: Page) -> Iterator[str]:
    yield "Sections of a spec (`nivel explain SECTION`, `nivel explain SECTION.KEY`):"
    yield ""
    yield from _table((line["name"], _first(line["description"])) for line in page["sections"])
    yield ""
    yield "Families of findings (`nivel explain NV3xx`, `nivel explain NV301`):"
    yield ""
    yield from _table((one["family"], _counted(one)) for one in page["families"])


def _counted(family: Page) -> str:
    return f"{family['title']} ({len(family['codes'])} codes)"


def _family(page: Page) -> Iterator[str]:
    yield f"{page['family']}: {page['title']}"
    yield ""
    yield from _table(page["codes"].items())


def _code(page: Page) -> Iterator[str]:
    yield explain(page["code"])


def _key(page: Page) -> Iterator[str]:
    if page["note"]:
        yield from _wrap(_sentence(page["note"]))
        yield ""
    first, *others = page["meanings"]
    yield from _wrap(f"{page['name']}: {first['type']}")
    yield ""
    if others:
        yield f"{_applies(page, first)}:"
    yield from _wrap(first["description"])
    yield ""
    yield from _table((*_where(page), *_values(first)))
    for other in others:
        yield from _other(page, first, other)
    yield from _keys_of(page)
    examples = [item for one in page["meanings"] for item in one["examples"]]
    yield from _example(page["name"], [e for i, e in enumerate(examples) if e not in examples[:i]])


def _where(page: Page) -> Iterator[tuple[str, str]]:
    yield "levels", ", ".join(page["levels"])
    if page["only_with"]:
        yield "only with", page["only_with"]


def _values(meaning: Page) -> Iterator[tuple[str, str]]:
    if meaning["limits"]:
        yield "limits", meaning["limits"]
    if meaning["unit"]:
        yield "unit", meaning["unit"]
    yield "default", _default(meaning)


def _default(meaning: Page) -> str:
    value = meaning["default"]
    if meaning["required"]:
        return "none: it has to be given"
    if value is None:
        return "none: it may be left out"
    return {"": "an empty text", "{}": "as its keys say"}.get(flow(value), flow(value))


def _other(page: Page, first: Page, other: Page) -> Iterator[str]:
    """Say only what differs from the first meaning."""
    yield ""
    yield from _wrap(f"{_applies(page, other)}:")
    if other["description"] != first["description"]:
        yield from _wrap(other["description"])
    rows = [("type", other["type"])] if other["type"] != first["type"] else []
    before = dict(_values(first))
    rows += [(name, said) for name, said in _values(other) if before.get(name) != said]
    if rows:
        yield ""
        yield from _table(rows)


def _applies(page: Page, meaning: Page) -> str:
    """Say where a meaning holds: at which levels, and with which choices."""
    levels = ", ".join(f"`{level}`" for level in meaning["levels"])
    places = f"At level {levels}" if meaning["levels"] != page["levels"] else ""
    cases = ", ".join(f"`{case}`" for case in meaning["cases"])
    return ", ".join(filter(None, (places, f"with {cases}" if cases else ""))) or "Elsewhere"


def _keys_of(page: Page) -> Iterator[str]:
    if page["keys"]:
        yield ""
        yield "Keys:"
        yield ""
        yield from _table((line["name"], _said(page, line)) for line in page["keys"])


def _said(page: Page, line: Page) -> str:
    """The first sentence of a key, and where it is not to be had everywhere."""
    if line["only_with"]:
        return f"{_first(line['description'])} (with {line['only_with']})"
    if line["levels"] != page["levels"]:
        return f"{_first(line['description'])} ({', '.join(line['levels'])})"
    return _first(line["description"])


def _example(name: str, examples: list[object]) -> Iterator[str]:
    if not examples:
        return
    yield ""
    yield "Example:" if len(examples) == 1 else "Examples:"
    *outer, last = name.split(".")
    for example in examples:
        yield ""
        for depth, step in enumerate(outer):
            yield f"    {'  ' * depth}{step}:"
        yield f"    {'  ' * len(outer)}{last}: {flow(example)}"


def _alias(page: Page) -> Iterator[str]:
    names = " or ".join(f"`{key['name']}`" for key in page["keys"])
    here = f"`{page['name']}` is a name of other tools; "
    here += f"here it is {names}" if names else "there is no such key here"
    said = f"{here}: {page['note']}" if page["note"] else here
    yield from _wrap(_sentence(said))
    for key in page["keys"]:
        yield ""
        yield from _key(key)


def _value(page: Page) -> Iterator[str]:
    names = ", ".join(f"`{key['name']}`" for key in page["keys"])
    other = "" if page["name"] == page["value"] else f" is written `{page['value']}` here, and"
    yield from _wrap(f"`{page['name']}`{other} is a value of {names}.")
    for key in page["keys"]:
        yield ""
        yield from _key(key)


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    table = list(rows)
    wide = max((len(name) for name, _ in table), default=0) + 2
    for name, said in table:
        lines = _wrap(said, WIDTH - wide - 2) or [""]
        yield f"  {name:<{wide}}{lines[0]}".rstrip()
        for line in lines[1:]:
            yield f"  {'':<{wide}}{line}"


def _wrap(text: str, width: int = WIDTH) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)


def _first(text: str) -> str:
    """Return the first sentence, without its stop."""
    return text.partition(". ")[0].rstrip(".")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "."


_DRAWERS = {
    "contents": _contents,
    "family": _family,
    "code": _code,
    "key": _key,
    "alias": _alias,
    "value": _value,
}
