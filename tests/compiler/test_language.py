"""The design of the language and the schemas agree on what is built."""

from __future__ import annotations

import re
from pathlib import Path

from nivel.compiler.suggest import _places
from nivel.schemas import LEVELS

PAGE = Path(__file__).parents[2] / "docs" / "language.md"
SOURCE_KEYS = {"builtin", "path", "hub", "split", "limit", "balance", "weight", "column"}
SOURCES = ("data.train", "data.validation", "data.test", "data.text")


def rows(status: str) -> set[str]:
    """The keys of the tables' rows that end in ``status``."""
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    marked = [line.split("|")[1] for line in lines if line.rstrip(" |").endswith(status)]
    return {key for cell in marked for key in re.findall(r"`([^`]+)`", cell)}


def accepted() -> set[str]:
    """Every key of every level's schema, those of sources without their place.

    What a judge is and how it writes has the keys of what answers.
    """
    found = {".".join(place) for level in LEVELS for place in _places(level)}
    same = ("evaluate.judge.model.", "evaluate.judge.generation.")
    found = {key.removeprefix("evaluate.judge.") if key.startswith(same) else key for key in found}
    return {key.rpartition(".")[2] if key.startswith(_IN_SOURCE) else key for key in found}


_IN_SOURCE = tuple(f"{source}." for source in SOURCES)


def test_what_the_page_calls_built_is_what_the_schemas_accept() -> None:
    assert rows("built") == accepted()


def test_what_the_page_calls_design_is_not_accepted() -> None:
    assert not rows("design") & accepted()
    assert rows("design")
