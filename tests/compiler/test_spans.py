"""Each case in cases/err says at its top what is to be found and at which text, in words.

    # expect: NV301 at "16"

The text is what stands under the caret, as JSON. So that a caret which moves is seen by a person's
own statement, and not only by a recorded file that is quickly written anew.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from nivel.compiler.check import check
from nivel.compiler.diagnostics import Diagnostic
from nivel.compiler.examples import command_of
from nivel.compiler.located import split_lines

FOLDER = Path(__file__).resolve().parents[1] / "cases" / "err"
CASES = sorted(FOLDER.glob("NV*.yaml"))
MANY = {
    "NV114-hidden-character",
    "NV115-too-many-findings",
    "NV201-many-faults-in-one-run",
    "NV201-same-slip-in-twelve-places",
    "NV201-unknown-key-in-an-override",
    "NV513-override-without-a-value",
    "NV514-override-that-does-not-fit",
    "NV522-drift-from-the-lock",
    "NV523-names-that-lock-and-spec-do-not-share",
}
"""Cases with several faults; the findings stated are the first of theirs."""

STATED = re.compile(r'# expect: (NV\d{3}) at (".*")\s*$')
HEAD = re.compile(r"(?:error|warning)\[(NV\d{3})\]: ")
MARK = re.compile(r" +\| ( *)(\^+)$")


def text_of(path: Path) -> str:
    return path.read_bytes().decode("utf-8-sig", "replace")


def stated(case: Path) -> list[tuple[str, str]]:
    lines = (STATED.search(line) for line in split_lines(text_of(case)))
    return [(found[1], json.loads(found[2])) for found in lines if found]


def pointed(found: Diagnostic) -> tuple[str, str]:
    """The code of a finding, and the text of the file under its caret."""
    if found.location is None:
        return found.code, ""
    span = found.location.span
    line = split_lines(text_of(FOLDER / found.location.file))[span.line - 1]
    end = span.end_column - 1 if span.end_line == span.line else len(line)
    return found.code, line[span.column - 1 : end]


def findings(case: Path) -> list[tuple[str, str]]:
    if command_of(text_of(case)):
        return drawn(case.with_suffix(".out").read_text(encoding="utf-8"))
    return [pointed(found) for found in check(case.name, project=FOLDER).diagnostics]


def drawn(output: str) -> list[tuple[str, str]]:
    """Read the findings off what a command printed: each code, and what its carets stand under."""
    lines = output.splitlines()
    found = []
    for place, line in enumerate(lines):
        head = HEAD.search(line)
        mark = MARK.match(lines[place + 2]) if head and len(lines) > place + 2 else None
        under = lines[place + 1][mark.start(2) : mark.end(2)] if mark else ""
        found += [(head[1], under)] if head else []
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_case_gives_exactly_what_its_first_lines_say(
    case: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(FOLDER)
    found, said = findings(case), stated(case)
    assert said, f'write at the top: # expect: {found[0][0]} at "..."'
    if case.stem in MANY:
        assert len(found) > 1
        assert found[: len(said)] == said
    else:
        assert found == said
        assert len(found) == 1


def test_the_same_slip_in_twelve_maps_is_twelve_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    case = FOLDER / "NV201-same-slip-in-twelve-places.yaml"
    found = check(case.name, project=FOLDER).diagnostics
    assert [item.code for item in found] == ["NV201"] * 12
    written = [
        (number, line.index("unit:") + 1)
        for number, line in enumerate(case.read_text(encoding="utf-8").splitlines(), 1)
        if "unit:" in line
    ]
    places = [item.location.span for item in found if item.location]
    assert [(span.line, span.column) for span in places] == written
    assert len({item.message for item in found}) == 12


def test_the_cases_are_many_and_spread() -> None:
    families = Counter(case.stem[:3] for case in CASES)
    assert len(CASES) >= 180
    assert min(families[f"NV{family}"] for family in "12345") >= 3
