"""Conditions on a result, and the reports that a pull request shows of them."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ..records import Run

__all__ = [
    "EXIT_CODE",
    "Gate",
    "Verdict",
    "enforce",
    "judge",
    "record_verdicts",
    "render_junit",
    "render_markdown",
]

_MARKS = "\\`*_[]|#~>"

EXIT_CODE = 4
"""Of a run whose answers are all there and whose gate does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """One condition on every column.

    `bound` says what is looked at, the value or the low or high end of its interval; `of` whether
    that is of the measure itself or of its `difference` from the baseline.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    bound: str = "value"
    of: str = "measure"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A gate and what it met; `found` is None where the measure is unknown, which fails."""

    gate: Gate
    cell: str
    found: float | None
    passed: bool

    @property
    def text(self) -> str:
        """The condition and the finding in one line."""
        gate = self.gate
        word, limit = ("at least", gate.at_least) if gate.at_least is not None else (
            "at most", gate.at_most)  # fmt: skip
        what = gate.metric if gate.of == "measure" else f"difference of {gate.metric}"
        what = what if gate.bound == "value" else f"{gate.bound} end of {what}"
        found = "unknown" if self.found is None else f"{self.found:.4g}"
        return f"{self.cell}: {what} {word} {limit:g}: found {found}"


def judge(gates: Sequence[Gate], cells: Mapping[str, Mapping[str, Any]]) -> list[Verdict]:
    """Hold every gate against every cell's measures.

    A gate on a difference looks at the cells that have one. Where none has, it fails: what was not
    compared has not been shown to hold.

    Args:
        cells: name to {measure: {value, low, high} or a number or None}, with the differences, by
            measure, under `difference`.
    """
    verdicts = []
    for gate in gates:
        looked = {
            name: cell if gate.of == "measure" else cell["difference"]
            for name, cell in cells.items()
            if gate.of == "measure" or "difference" in cell
        }
        verdicts += [_verdict(gate, name, cell) for name, cell in looked.items()]
        if not looked:
            verdicts.append(Verdict(gate, "no column", None, False))
    return verdicts


def _verdict(gate: Gate, name: str, cell: Mapping[str, Any]) -> Verdict:
    measured = cell.get(gate.metric)
    found = measured.get(gate.bound) if isinstance(measured, Mapping) else measured
    passed = found is not None and (
        found >= gate.at_least if gate.at_least is not None else found <= (gate.at_most or 0.0)
    )
    return Verdict(gate, name, None if found is None else float(found), passed)


def record_verdicts(run: Run, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Write `gates.xml` (JUnit) and `gates.md` into the run's folder; return what the result says.

    Without gates there is nothing to write, and nothing to say.
    """
    if not verdicts:
        return {}
    (run.folder / "gates.xml").write_text(render_junit(run.name, verdicts), "utf-8")
    (run.folder / "gates.md").write_text(render_markdown(run.name, verdicts), "utf-8")
    return {"gates": [{"gate": one.text, "passed": one.passed} for one in verdicts]}


def enforce(verdicts: Sequence[Verdict]) -> None:
    """Print the verdicts and leave the program with code 4 where one fails."""
    for verdict in verdicts:
        print(f"gate {'passed' if verdict.passed else 'FAILED'}: {verdict.text}", flush=True)
    if not all(verdict.passed for verdict in verdicts):
        sys.exit(EXIT_CODE)


def render_junit(name: str, verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as JUnit XML, a test case each."""
    failed = sum(not one.passed for one in verdicts)
    suite = quoteattr(_plain(name))
    lines = ['<?xml version="1.0" encoding="UTF-8"?>']
    lines.append(f'<testsuite name={suite} tests="{len(verdicts)}" failures="{failed}">')
    for one in verdicts:
        case = f"  <testcase classname={suite} name={quoteattr(_plain(one.text))}"
        if one.passed:
            lines.append(case + "/>")
        else:
            text = escape(_plain(one.text))
            lines.append(f"{case}><failure message={quoteattr(_plain(one.text))}>{text}</failure>"
                         "</testcase>")  # fmt: skip
    return "\n".join([*lines, "</testsuite>", ""])


def _plain(text: str) -> str:
    """Drop what XML cannot hold."""
    return "".join(c if c.isprintable() else " " for c in text)


def render_markdown(name: str, verdicts: Sequence[Verdict]) -> str:
    """Return the verdicts as a Markdown table."""
    rows = [f"| {'pass' if one.passed else '**fail**'} | {_cell(one.text)} |" for one in verdicts]
    return "\n".join([f"### {_cell(name)}", "", "| | gate |", "|---|---|", *rows, ""])


def _cell(text: str) -> str:
    """Leave nothing that Markdown would act on: no link, no HTML, no mention of a person."""
    escaped = "".join(f"\\{c}" if c in _MARKS else c for c in _plain(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace("@", "&#64;")
