"""SARIF 2.1.0: the format that code scanning services, editors and dashboards read.

Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/os/sarif-v2.1.0-os.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from ... import __version__
from ..codes import CODES, Code
from ..diagnostics import Diagnostic, Location, Span
from .places import as_uri, is_file
from .report import Report
from .safe import well_formed

Node = dict[str, Any]

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
ROOT = "%SRCROOT%"
"""The name that GitHub and others give the root of the checkout."""

NEWLINES = ["\r\n", "\n", "\r", "\x85", "\u2028", "\u2029"]
"""Where YAML ends a line, and so where lines are counted here."""

_LEVELS = {"error": "error", "warning": "warning"}
_MEANT = re.compile(r"did you mean `([A-Za-z_]\w*)`\?\Z")


def render(report: Report) -> str:
    """Return one SARIF log with one run."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report)]}
    return well_formed(json.dumps(log, indent=2, ensure_ascii=False))


def _run(report: Report) -> Node:
    codes = [code for code in CODES.values()]
    index = {code.code: number for number, code in enumerate(codes)}
    driver = {"name": "nivel", "version": __version__, "rules": [_rule(code) for code in codes]}
    root = {"description": {"text": "The folder in which nivel was called."}}
    return {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "newlineSequences": NEWLINES,
        "originalUriBaseIds": {ROOT: root},
        "results": [_result(found, index) for found in report.findings],
    }


def _rule(code: Code) -> Node:
    words = f"{code.what}\n\nWhy: {code.why}"
    pages = f"{words}\n\nBad:\n\n{_fenced(code.bad)}\n\nGood:\n\n{_fenced(code.good)}"
    return {
        "id": code.code,
        "name": "".join(re.findall(r"[A-Za-z0-9]+", code.title.title())),
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.what},
        "help": {"text": words, "markdown": pages},
    }


def _fenced(example: str) -> str:
    shown = (line if line.isprintable() else repr(line)[1:-1] for line in example.splitlines())
    return "```yaml\n" + "\n".join(shown) + "\n```"


def _result(found: Diagnostic, index: dict[str, int]) -> Node:
    cure = f"\nhelp: {found.help}" if found.help else ""
    result: Node = {
        "ruleId": found.code,
        "level": _LEVELS.get(found.severity, "note"),
        "message": {"text": found.message + cure},
        "locations": [] if found.location is None else [_location(found.location)],
    }
    if found.code in index:
        result["ruleIndex"] = index[found.code]
    if found.related:
        result["relatedLocations"] = [
            {"id": number, **_location(where), "message": {"text": note}}
            for number, (where, note) in enumerate(found.related, 1)
        ]
    fix = _fix(found)
    return {**result, "fixes": [fix]} if fix else result


def _location(where: Location) -> Node:
    if where.file.startswith("--"):
        return {"logicalLocations": [{"name": where.file, "kind": "parameter"}]}
    place = {"artifactLocation": _artifact(where), "region": _region(where.span)}
    return {"physicalLocation": place}


def _artifact(where: Location) -> Node:
    uri, relative = as_uri(where.file)
    return {"uri": uri, "uriBaseId": ROOT} if relative and is_file(where) else {"uri": uri}


def _region(span: Span) -> Node:
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": span.end_line,
        "endColumn": span.end_column,
    }


def _fix(found: Diagnostic) -> Node | None:
    """Replace a misspelt key, where the place is the key and the cure is one other key."""
    meant = _MEANT.match(found.help or "")
    if found.code != "NV201" or meant is None or not is_file(found.location):
        return None
    assert found.location is not None
    replacement = {
        "deletedRegion": _region(found.location.span),
        "insertedContent": {"text": meant[1]},
    }
    artifact = _artifact(found.location)
    change = {"artifactLocation": artifact, "replacements": [replacement]}
    return {"description": {"text": f"Write `{meant[1]}`."}, "artifactChanges": [change]}
