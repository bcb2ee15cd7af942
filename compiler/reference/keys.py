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
    intro = [f"# {section.name}", "", first, "", *_facts(section), *_section_examples(section)]
    return page([*intro, *_entries_below(section)])


def _entries_below(key: Key) -> Iterator[str]:
    for inner in _below(key.path):
        yield from _entry(inner)
        yield from _entries_below(inner)


def _entry(key: Key) -> list[str]:
    return ["", f"## {key.name}", "", *_descriptions(key), "", *_facts(key), *_examples(key)]


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
    if key.required:
        everywhere = key.required == key.levels and not key.cases
        yield "required", "yes" if everywhere else f"at {_names(key.required)}"
    if key.cases:
        yield "only with", ", ".join(code(f"{_chooser(key)}: {case}") for case in key.cases)
    yield "levels", _levels(key)


def _chooser(key: Key) -> str:
    """Return the key that decides which case the map around ``key`` is."""
    for end in range(len(key.path) - 1, 0, -1):
        schema = all_keys()[key.path[:end]].schema
        if "by" in schema:
            return str(schema["by"])
    return "type"


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
