"""JUnit XML, for the services that show tests: a suite for each spec, a case for each finding.

XML 1.0 has no way at all to hold most control characters, so they are shown as escapes.
"""

from __future__ import annotations

from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from ..diagnostics import Diagnostic, sort_diagnostics
from .report import Report
from .safe import visible
from .text import draw, lines_of

Lines = Mapping[str, list[str]]


def render(report: Report) -> str:
    """Return the document; warnings are shown but fail nothing."""
    lines = lines_of(report.sources)
    suites = [_suite(name, found, lines) for name, found in report.specs.items()]
    tests = sum(max(1, len(set(found))) for found in report.specs.values())
    failures = sum(_failures(set(found)) for found in report.specs.values())
    head = f'<testsuites name="nivel validate" tests="{tests}" failures="{failures}" errors="0">'
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>"])


def _failures(found: set[Diagnostic]) -> int:
    return sum(one.severity == "error" for one in found)


def _suite(name: str, found: tuple[Diagnostic, ...], lines: Lines) -> str:
    unique = sort_diagnostics(found)
    shown = _quoted(name)
    counts = f'tests="{max(1, len(unique))}" failures="{_failures(set(unique))}" errors="0"'
    cases = [_case(shown, one, lines) for one in unique]
    cases = cases or [f'    <testcase classname={shown} name="no findings"/>']
    return "\n".join([f"  <testsuite name={shown} {counts}>", *cases, "  </testsuite>"])


def _case(suite: str, found: Diagnostic, lines: Lines) -> str:
    place = ""
    if found.location is not None:
        span = found.location.span
        place = f" {found.location.file}:{span.line}:{span.column}"
    head = f"    <testcase classname={suite} name={_quoted(found.code + place)}>"
    return "\n".join([head, _body(found, lines), "    </testcase>"])


def _body(found: Diagnostic, lines: Lines) -> str:
    drawn = escape(draw(found, lines))  # which shows control characters as escapes
    if found.severity != "error":
        return f"      <system-out>{drawn}</system-out>"
    message = _quoted(found.message)
    return f'      <failure type="{found.code}" message={message}>{drawn}</failure>'


def _quoted(text: str) -> str:
    return quoteattr(visible(text))
