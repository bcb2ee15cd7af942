"""What became of the text of a pretraining, in words: from `curation.json` of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .files import read_json
from .markdown import plain_text, table

FILE = "curation.json"
REASONS = 4
"""Reasons named in a line; the record has all."""

Record = Mapping[str, Any]


def step_lines(record: Record) -> list[str]:
    """Return a line for each step: what went in, what came out, and why the rest did not."""
    return [_step_line(step) for step in record["steps"]]


def source_lines(record: Record) -> list[str]:
    """Return a line for each source: what is learned from, and what is held out."""
    return [
        f"text {source['name']}: {_size(source['train'])} to learn from, "
        f"{_size(source['validation'])} held out"
        for source in record["sources"]
    ]


def sample_lines(record: Record, most: int) -> list[str]:
    """Return some of what each step dropped or took out, on a line each."""
    return [
        f"{step['type']} ({sample['reason']}): {sample['text']!r}"
        for step in record["steps"]
        for sample in step["samples"][:most]
    ]


def curation_notes(folder: Path) -> list[str]:
    """Return what a report says of the text of a run; nothing where none was curated."""
    record = read_json(folder / FILE)
    if not isinstance(record, dict) or not record.get("steps"):
        return []
    return [*step_lines(record), *(f"not kept: {line}" for line in sample_lines(record, 1))]


def curation_section(folder: Path) -> list[str]:
    """Return tables of steps and sources for a card; nothing where the text is one list."""
    record = read_json(folder / FILE)
    if not isinstance(record, dict):
        return []
    steps = [
        (
            plain_text(step["type"]),
            *(f"{step[when].get(what, 0):,}" for what in ("documents", "bytes")
              for when in ("before", "after")),
            plain_text(_reasons(step["dropped"])),
        )
        for step in record["steps"]
    ]  # fmt: skip
    header = ("step", "documents", "left", "bytes", "left", "dropped for")
    sources = [
        (plain_text(one["name"]), f"{one['train']['documents']:,}", f"{one['train']['bytes']:,}",
         f"{one['validation']['documents']:,}", str(one["weight"] or "–"))
        for one in record["sources"]
    ]  # fmt: skip
    lines = table(("source", "documents", "bytes", "held out", "weight"), sources)
    return [*lines, *([""] if steps else []), *table(header, steps)]


def _step_line(step: Record) -> str:
    before, after = step["before"], step["after"]
    dropped = before.get("documents", 0) - after.get("documents", 0)
    why = _reasons(step["dropped"])
    line = f"curate {step['type']}: {_size(before)} -> {_size(after)}"
    line += f"; {dropped:,} dropped" + (f" ({why})" if why else "")
    line += f"; {step['changed']:,} changed" if step["changed"] else ""
    parts = _reasons(step["parts"])
    return line + (f"; taken out: {parts}" if parts else "")


def _reasons(counts: Mapping[str, int]) -> str:
    found = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    said = [f"{count:,} {reason}" for reason, count in found[:REASONS]]
    rest = sum(count for _, count in found[REASONS:])
    return ", ".join([*said, *([f"{rest:,} for other reasons"] if rest else [])])


def _size(found: Mapping[str, int]) -> str:
    return f"{found.get('documents', 0):,} documents, {found.get('bytes', 0):,} bytes"
