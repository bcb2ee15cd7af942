"""The matrix: every row, asked of every model, in every way, as often as wanted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..data.rows import Row
from ..errors import DataError
from .types import JSON, Asks, Backend, Cell, Generation

__all__ = ["make_cells"]


def make_cells(
    rows: Sequence[Row],
    backends: Sequence[Backend],
    prompts: Mapping[str, Asks],
    generation: Generation | Mapping[str, Generation],
    repeats: int = 1,
    schema: Mapping[str, Any] | None = None,
) -> list[Cell]:
    """Return the cells, those of one backend together.

    Args:
        rows: what is asked about.
        backends: who is asked; their names differ.
        prompts: name of a variant -> how it asks.
        generation: how answers are written; or that for each variant.
        repeats: answers wanted to each question.
        schema: JSON Schema that answers must satisfy.

    Raises:
        DataError: two backends or rows share a name, a row is asked about that is shown as an
            example, or a template fails.
    """
    _unlike("backend", [backend.name for backend in backends])
    _unlike("row", [row.id for row in rows])
    for name, prompt in prompts.items():
        examples = {name for row in rows for name in prompt.shown(row.fields)}
        if shown := {row.id for row in rows} & examples:
            cure = "draw examples from other rows than those that are tested"
            raise DataError(f"variant {name!r} shows the tested row {min(shown)}", cure)
    return [
        cell
        for backend in backends
        for name, prompt in prompts.items()
        for cell in _column(rows, backend, name, prompt, _of(generation, name), repeats, schema)
    ]


def _of(generation: Generation | Mapping[str, Generation], variant: str) -> Generation:
    return generation if isinstance(generation, Generation) else generation[variant]


def _column(
    rows: Sequence[Row],
    backend: Backend,
    variant: str,
    prompt: Asks,
    generation: Generation,
    repeats: int,
    schema: Mapping[str, Any] | None,
) -> Iterator[Cell]:
    said: dict[str, JSON] = {name: _plain(value) for name, value in asdict(generation).items()}
    common: dict[str, JSON] = {
        "backend": backend.identity(),
        "variant": variant,
        "generation": said,
        "schema": None if schema is None else dict(schema),
    }
    # Hashed once: what all cells of the column share is most of what there is to hash.
    start = hashlib.sha256(_canonical(common))
    for row in rows:
        messages, text = prompt.render(row.fields)
        shown = prompt.shown(row.fields)
        for repeat in range(repeats):
            own: dict[str, JSON] = {
                "row": row.id,
                "repeat": repeat,
                "messages": [dict(message) for message in messages],
                "text": text,
            }
            digest = start.copy()
            digest.update(_canonical(own))
            yield Cell(
                digest.hexdigest()[:32],
                row.id,
                backend.name,
                variant,
                repeat,
                messages,
                text,
                generation,
                schema,
                shown,
            )


def _canonical(value: JSON) -> bytes:
    """Return one spelling of a JSON value, so that equal values have equal hashes."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return text.encode("ascii")


def _plain(value: object) -> JSON:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    return float(value) if isinstance(value, float) else str(value)


def _unlike(what: str, names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"two {what}s are called {name!r}", "give each a name of its own")
        seen.add(name)
