"""The pages of the keys: one for each section of a spec, one for the keys outside any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..examples import BASE
from ..facts import default, kind, limits
from ..language import Key, Path, all_keys
from ..schema import flow
from .markdown import anchor, block, code, page, table

SPEC = "spec.md"


def key_pages() -> dict[str, str]:
    """Return the pages, that of the keys outside any section first."""
    tops = [key for key in all_keys().values() if len(key.path) == 1]
    sections = [key for key in tops if _below(key.path)]
    plain = [key for key in tops if key not in sections]
    return {SPEC: _spec_page(plain, sections)} | {
        f"{key.name}.md": _section_page(key) for key in sections
    }


def link_to(name: str) -> str:
    """Return a link to the key ``name``, or the name alone where no page describes it."""
    path = tuple(name.split("."))
    if path not in all_keys():
        return code(name)
    where = f"{path[0]}.md" if _below(path[:1]) else SPEC
    return f"[{code(name)}]({where}#{anchor(name)})"


def _below(path: Path) -> list[Key]:
    return [key for key in all_keys().values() if key.path[:-1] == path]


def _spec_page(plain: list[Key], sections: list[Key]) -> str:
    rows = [(link_to(key.name), _levels(key), _first_sentence(key)) for key in (*plain, *sections)]
    return page(
        [
            "# The spec",
            "",
            "What an experiment is, in one YAML file, and the keys that stand outside any section.",
            "",
            *table(rows, ("key", "levels", "meaning")),
            *(line for key in plain for line in _entry(key)),
        ]
    )


def _section_page(section: Key) -> str:
    first = _descriptions(section)[0]
    intro = [
        f"# {section.name}",
        "",
        first,
        "",
        *_facts(section),
        *_cases(section),
        *_section_examples(section),
    ]
    return page([*intro, *_entries_below(section)])


def _entries_below(key: Key) -> Iterator[str]:
    for inner in _below(key.path):
        yield from _entry(inner)
        yield from _entries_below(inner)


def _entry(key: Key) -> list[str]:
    lines = ["", f"## {key.name}", "", *_descriptions(key), "", *_facts(key), *_cases(key)]
    return [*lines, *_examples(key)]


def _cases(key: Key) -> list[str]:
    """Say what each case of a choice is."""
    said = {
        name: case["description"]
        for schema in key.said.values()
        for name, case in schema.get("cases", {}).items()
        if "description" in case
    }
    lines = [f"- {code(f'{schema_by(key)}: {name}')}: {text}" for name, text in said.items()]
    return ["", *lines] if lines else []


def schema_by(key: Key) -> str:
    """Return the key inside ``key`` that says which case it is."""
    return str(next(schema["by"] for schema in key.said.values() if "by" in schema))


def _descriptions(key: Key) -> list[str]:
    """Say what the key is, for each group of levels where they differ on it."""
    groups = _by_levels({level: schema["description"] for level, schema in key.said.items()})
    if len(groups) == 1:
        return [groups[0][1]]
    lines = [f"At {_names(levels)}: {text}" for levels, text in groups]
    return [line for text in lines for line in (text, "")][:-1]


def _facts(key: Key) -> list[str]:
    rows = [(name, value) for name, value in _fact_rows(key) if value]
    return table(rows, ("", ""))


def _fact_rows(key: Key) -> Iterator[tuple[str, str]]:
    yield "type", _said(key, lambda schema: ", ".join(filter(None, (kind(schema), limits(schema)))))
    yield "unit", _said(key, lambda schema: schema.get("unit", ""))
    yield "default", _said(key, default)
    by, only = _only_with(key)
    if key.required:
        everywhere = key.required == key.levels and not only
        yield "required", "yes" if everywhere else f"at {_names(key.required)}"
    yield "only with", ", ".join(code(f"{by}: {case}") for case in only)
    yield "levels", _levels(key)


def _only_with(key: Key) -> tuple[str, tuple[str, ...]]:
    """Return the key that decides the case of the map around ``key``, and the cases that have it.

    No case is returned for a key that every case has.
    """
    for end in range(len(key.path) - 1, 0, -1):
        around = all_keys()[key.path[:end]]
        names = [name for schema in around.said.values() for name in schema.get("cases", ())]
        if names:
            return schema_by(around), () if set(names) == set(key.cases) else key.cases
    return "", ()


def _said(key: Key, ask: Any) -> str:
    groups = _by_levels({level: ask(schema) or "" for level, schema in key.said.items()})
    if len(groups) == 1:
        return groups[0][1]
    return "; ".join(f"{text} (at {_names(levels)})" for levels, text in groups if text)


def _by_levels(texts: dict[str, str]) -> list[tuple[list[str], str]]:
    found: dict[str, list[str]] = {}
    for level, text in texts.items():
        found.setdefault(text, []).append(level)
    return [(levels, text) for text, levels in found.items()]


def _names(levels: Any) -> str:
    return ", ".join(code(level) for level in levels)


def _levels(key: Key) -> str:
    return _names(key.levels) if len(key.levels) < len(BASE) else "all"


def _first_sentence(key: Key) -> str:
    return re.split(r"(?<=\.) ", _descriptions(key)[0])[0].rstrip(".")


def _examples(key: Key) -> list[str]:
    """Show every example that some level gives, each as the line to write."""
    shown = [
        f"{key.path[-1]}: {flow(item)}"
        for schema in key.said.values()
        for item in schema.get("examples", ())
    ]
    lines = [f"- {code(text)}" for text in dict.fromkeys(shown)]
    if len(lines) == 1:
        return ["", f"Example: {lines[0].removeprefix('- ')}"]
    return ["", "Examples:", "", *lines] if lines else []


def _section_examples(section: Key) -> list[str]:
    """Show the section as each level's shortest sound spec has it, and the schemas' examples."""
    lines: list[str] = []
    shown = {level: _part(BASE[level], section.name) for level in section.levels}
    for levels, text in _by_levels({level: text for level, text in shown.items() if text}):
        lines += ["", f"Level {_names(levels)}:", "", *block(text, "yaml")]
    return [*lines, *_examples(section)]


def _part(spec: str, section: str) -> str:
    parts = re.split(r"^(?=[^\s#])", spec, flags=re.MULTILINE)
    return next((part for part in parts if part.startswith(f"{section}:")), "")
