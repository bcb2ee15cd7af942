"""What the tests of prompting share."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from nivel.runtime.data.rows import Row
from nivel.runtime.prompting import Answer, Cell, Endpoint, Generation, Question, make_cells

SAID = Generation(temperature=0.0, max_tokens=16)


def rows(count: int) -> list[Row]:
    return [Row(f"r{index}", {"text": f"item {index}"}, None) for index in range(count)]


def cells_of(endpoint: Any, count: int, generation: Generation = SAID, **more: Any) -> list[Cell]:
    return make_cells(rows(count), [endpoint], {"base": Question("{{ text }}")}, generation, **more)


def at(url: str, **more: Any) -> Endpoint:
    return Endpoint("m", **{"base_url": url, "model": "tiny", **more})


def folder(path: Path) -> Any:
    """Stands for a run: what prompting needs of it is its folder."""
    return SimpleNamespace(folder=path)


def answer(cell: Cell, text: str = "yes", **more: Any) -> Answer:
    known = {"finish": "stop", "input_tokens": 10, "output_tokens": 2, "cached_tokens": 0,
             "reasoning_tokens": 0, "seconds": 0.1, "error": None, "usd": 0.01}  # fmt: skip
    return Answer(cell=cell.id, text=text, **{**known, **more})


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
