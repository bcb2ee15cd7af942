"""What the grids of features say is what checking a spec says, cell by cell."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from nivel.compiler.check import check
from nivel.compiler.document import parse_document
from nivel.compiler.examples import BASE, complete
from nivel.compiler.feature_table import render_table, sections
from nivel.compiler.features import CLASHES, GIVEN, GRIDS, LEFT_OUT, LEVEL, Feature, Grid, Value
from nivel.compiler.source import Source
from nivel.schemas import LEVELS

CELLS = [
    (grid, level, row, column)
    for grid in GRIDS
    for level in grid.levels
    for row in grid.rows.values
    for column in grid.columns.values
    if grid.rows is not LEVEL or row.name == level
]
EXTRA: dict[str, Any] = {
    "models": {"a": {"path": "org/name"}},
    "generation": {"temperature": 0.5},
    "budget": {"calls": 10},
    "tokenizer": {"type": "byte-bpe", "vocab_size": 512},
    "method": {"type": "lora"},
    "head": {"type": "native"},
    "objective": {"type": "sft"},
    "prompt": {"few_shot": 0},
    "train": {"epochs": 3, "batch": 16, "learning_rate": 2e-4},
}


def codes(data: dict[str, Any], folder: Path) -> list[str]:
    rows = "".join(f"hello {n},email\nbye {n},xml\n" for n in range(10))
    (folder / "rows.csv").write_text(f"text,label\n{rows}")
    (folder / "more.csv").write_text("text,label\nso long,email\nfarewell,xml\n")
    (folder / "trained.yaml").write_text(complete("name: trained\n"))
    (folder / "tiny").mkdir()
    (folder / "tiny/config.json").write_text('{"model_type": "llama", "hidden_size": 64}')
    (folder / "spec.yaml").write_text(json.dumps(data))
    return [found.code for found in check(folder / "spec.yaml", project=folder).diagnostics]


def base(level: str) -> dict[str, Any]:
    document, _ = parse_document(Source("x.yaml", BASE[level]))
    assert document is not None
    data: dict[str, Any] = copy.deepcopy(document.data)
    if level == "pretrain":
        data["data"]["test"] = {"builtin": "python-docs", "split": "test"}
        data["task"] = {"type": "classify", "labels": ["email", "xml"], "input": "{{ text }}"}
    return data


def put(data: dict[str, Any], feature: Feature, value: Value) -> None:
    """Give ``data`` a value of a feature, or take the key away."""
    inner: Any = data
    for step in feature.path[:-1]:
        if not isinstance(inner.get(step), dict):
            inner[step] = {}
        inner = inner[step]
    inner.pop(feature.path[-1], None)
    if value.name == LEFT_OUT:
        if feature.path[-1] == "path" and feature.path[0] == "data":
            inner.clear()
            inner["builtin"] = "python-docs"  # all of it, so the other side has to be a file
            for other in {"train", "test"} - {feature.path[1]}:
                if other in data["data"] or feature.path[1] != "validation":
                    data["data"][other] = {"path": "more.csv" if other == "test" else "rows.csv"}
        return
    if feature.path[-1] == "path" and feature.path[0] == "data":
        inner.clear()
    inner[feature.path[-1]] = copy.deepcopy(value.sample)


@pytest.mark.parametrize(
    ("grid", "level", "row", "column"),
    CELLS,
    ids=lambda item: getattr(item, "name", item) if not isinstance(item, Grid) else item.rows.name,
)
def test_a_cell_is_refused_by_its_code_alone_or_allowed(
    grid: Grid, level: str, row: Value, column: Value, tmp_path: Path
) -> None:
    data = base(level)
    put(data, grid.rows, row)
    put(data, grid.columns, column)
    if grid.rows.path == ("task",):
        tidy_for_unused(data, grid, row, column)
    if level == "prompt" and row.name == "ray":  # whose workers write answers
        data["task"]["scoring"] = "generated"
    said = grid.refused.get((row.name, column.name))
    assert codes(data, tmp_path) == ([said] if said else [])


def tidy_for_unused(data: dict[str, Any], grid: Grid, row: Value, column: Value) -> None:
    """Without a task the other things that need one have to be away, and with it be there."""
    if row.name == LEFT_OUT and grid.columns.path != ("data", "test"):
        data["data"].pop("test", None)
    if column.name == LEFT_OUT and grid.columns.path == ("data", "test"):
        data["data"].pop("train", None)


def test_every_refusal_is_in_a_grid_and_every_code_in_the_table() -> None:
    used = {code for grid in GRIDS for code in grid.refused.values()}
    assert used == set(CLASHES)


def test_refused_cells_are_cells() -> None:
    for grid in GRIDS:
        names = [{value.name for value in side.values} for side in (grid.rows, grid.columns)]
        assert all(row in names[0] and column in names[1] for row, column in grid.refused)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("section", sections())
def test_a_section_of_another_level_is_refused_by_one_code(
    section: str, level: str, tmp_path: Path
) -> None:
    data = base(level)
    data.setdefault(section, EXTRA.get(section))
    if data[section] is None:
        data.pop(section)
    if level == "prompt" and section == "models":
        del data["model"]
    elif level == "prompt" and section in ("generation", "budget"):
        data["task"]["scoring"] = "generated"
    elif level == "finetune" and section == "generation":
        data["task"] = {"type": "generate", "input": "{{ text }}"}
    expected = [] if level in sections()[section] else ["NV202"]
    assert codes(data, tmp_path) == expected


def test_the_rendered_tables_hold_every_refusal() -> None:
    text = render_table()
    assert "| `pretrain` | yes | NV326 |" in text
    assert "| `./folder` | yes | NV314 |" in text
    assert f"| `{GIVEN}` | yes | NV335 |" in text
    for grid in GRIDS:
        assert f"## `{grid.rows.name}` and `{grid.columns.name}`" in text
    for code in CLASHES:
        assert code in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.count("|") == rows[0].count("|") or line.count("|") > 2 for line in rows)
