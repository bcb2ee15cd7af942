"""Say in plain words why a text is not YAML, and what to type instead."""

from __future__ import annotations

import re

from .diagnostics import Diagnostic, Location, Span
from .events import MarkedYAMLError, YAMLError
from .source import Source

_TEMPLATE = re.compile(r"\{\{|\{%|\{#")
_PLAIN_COLON = re.compile(r"^(\s*(?:- )?[\w.-]+:\s+)([^\"'\s|>{\[].*:\s.*)$")


def explain_syntax_error(source: Source, error: YAMLError) -> Diagnostic:
    """Turn the parser's complaint into one finding with the likeliest cure."""
    lines = source.text.splitlines() or [""]
    line, column = _position(error, len(lines))
    line = min(line, len(lines))
    text = lines[line - 1]
    column = min(column, len(text) + 1)
    where = Location(source.path, Span(line, column, line, column + 1))
    if "escape" in (getattr(error, "problem", None) or ""):
        return _plain(text, where, error)  # inside quotes: neither a tab nor a brace matters there
    return _tab(text, where) or _template(text, where) or _plain(text, where, error)


def template_cure(source: Source, where: Location) -> str:
    """Show the line at ``where`` with its template in quotes."""
    text = source.text.splitlines()[where.span.line - 1]
    return f"write {_quote(_template_alone(text[where.span.column - 1 :].rstrip()))}"


def _template_alone(text: str) -> str:
    """Leave out what closes or follows the template in a map or list of one line."""
    depth, comma = 0, 0
    for place, mark in enumerate(text):
        depth += (mark in "{[") - (mark in "}]")
        if mark == "," and depth == 0 and not comma:
            comma = place
        if depth < 0:
            return text[: comma or place].rstrip()
    return text


def _tab(text: str, where: Location) -> Diagnostic | None:
    indent = text[: len(text) - len(text.lstrip())]
    at_tab = text[where.span.column - 1 : where.span.column] == "\t"
    if "\t" not in indent and not at_tab:
        return None
    column = indent.index("\t") + 1 if "\t" in indent else where.span.column
    line = where.span.line
    place = Location(where.file, Span(line, column, line, column + 1))
    message = "a tab is used for indentation; YAML allows only spaces"
    return Diagnostic("NV102", "error", message, place, "replace the tab with spaces")


def _template(text: str, where: Location) -> Diagnostic | None:
    found = _TEMPLATE.search(text)
    key = re.match(r"\s*(?:- )?[\w.-]+:\s+", text)
    if found is None or (key and text[key.end() : key.end() + 1] in "\"'|>"):
        return None
    start = key.end() if key else found.start()
    line = where.span.line
    place = Location(where.file, Span(line, start + 1, line, len(text.rstrip()) + 1))
    cure = f"write {_quote(text[start:].rstrip())}"
    return Diagnostic("NV103", "error", "a template must be quoted", place, cure)


def _plain(text: str, where: Location, error: YAMLError) -> Diagnostic:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
    context = getattr(error, "context", None)
    message = f"not valid YAML: {problem}" + (f" {context}" if context else "")
    return Diagnostic("NV101", "error", message, where, _cure(text, problem))


def _cure(text: str, problem: str) -> str | None:
    found = _PLAIN_COLON.match(text)
    if "mapping values" in problem and found is not None:
        return f"quote a text that holds a colon: {found[1].strip()} {_quote(found[2])}"
    if "expected key" in problem or "expected <block end>" in problem or "block" in problem:
        return "check that this line is indented like its neighbours"
    if "could not find expected ':'" in problem:
        return "write `key: value`, with a colon and a space"
    if "escape" in problem:
        return "write the character itself, or `\\U` and its code in eight digits"
    if "start any token" in problem:
        return "quote the value"
    return None


def _quote(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _position(error: YAMLError, last: int) -> tuple[int, int]:
    """Where the grammar broke; a bracket left open to the end is shown where it opened."""
    if not isinstance(error, MarkedYAMLError):
        return 1, 1
    mark = error.problem_mark
    if error.context_mark is not None and (mark is None or mark.line >= last):
        mark = error.context_mark
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)
