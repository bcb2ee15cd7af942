"""What the template of level pretrain is given on its text."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ..spec import DataSpec
from ..spec_text import TextSource, corpus_of


def text_context(data: DataSpec) -> dict[str, Any]:
    """The names that ``pretrain.py.j2`` uses for the text.

    ``corpus`` says whether it is prepared on disk; if not, ``text`` holds the keyword arguments of
    ``load_documents``.
    """
    if not corpus_of(data.text, data.curate):
        said = _said(data.text[0])
        text = {name: value for name, value in said.items() if name != "name"}
        return {"corpus": False, "text": text}
    return {
        "corpus": True,
        "sources": sources_argument(data),
        "curate": curate_argument(data),
        "compares": any(step.type == "overlap" for step in data.curate),
    }


def sources_argument(data: DataSpec) -> list[dict[str, Any]]:
    """Return the sources as ``load_corpus`` takes them."""
    return [_said(source) for source in data.text]


def curate_argument(data: DataSpec) -> list[dict[str, Any]]:
    """Return the steps as ``load_corpus`` takes them."""
    return [{"type": step.type, **_plain(step.options)} for step in data.curate]


def _said(source: TextSource) -> dict[str, Any]:
    named: dict[str, Any] = {
        "name": source.name,
        "builtin": source.builtin,
        "path": source.path,
        "hub": source.hub and _given(asdict(source.hub)),
        "column": source.column,
        "limit": source.limit,
        "weight": source.weight,
    }
    return _given(named)


def _given(named: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in named.items() if value is not None}


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in options.items()}
