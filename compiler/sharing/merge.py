"""Join documents, keeping the place where each value was written.

Maps merge by key, lists and scalars replace, ``key: null`` removes what was inherited.
Each value is walked once for each time it is joined, so the work grows with the text alone.
"""

from __future__ import annotations

from typing import Any

from ..diagnostics import Location
from ..document import DataPath, Document
from ..source import Source


def fold(documents: list[Document]) -> Document:
    """Join documents from the weakest to the strongest; the last one is the main file."""
    joined = Joined()
    for document in documents:
        joined.add(document)
    sources = dict(documents[-1].sources)
    for document in documents:
        sources.update(document.sources)
    return joined.document(sources)


class Joined:
    """The growing join; data is rebuilt, so that no document is changed."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.spans: dict[DataPath, Location] = {}
        self.keys: dict[DataPath, Location] = {}

    @classmethod
    def of(cls, document: Document) -> Joined:
        """Start with a copy of ``document``, whose data is a map."""
        joined = cls()
        joined.data = joined.adopt((), document.data, document)
        return joined

    def document(self, sources: dict[str, Source]) -> Document:
        """Return what has been joined; the first of ``sources`` is the main file."""
        origins = {path: place.file for path, place in self.spans.items()}
        return Document(self.data, self.spans, self.keys, origins, sources)

    def add(self, document: Document) -> None:
        """Merge ``document`` over what is there."""
        self._merge(self.data, document.data, (), document)

    def _merge(self, into: dict[str, Any], data: Any, path: DataPath, document: Document) -> None:
        if path in document.spans:
            self.spans[path] = document.spans[path]
        for key, value in data.items():
            inner = (*path, key)
            if value is None and key in into:
                self.forget(inner, into.pop(key))
            elif isinstance(value, dict) and isinstance(into.get(key), dict):
                self.keys[inner] = document.key_spans[inner]
                self._merge(into[key], value, inner, document)
            else:
                self.forget(inner, into.get(key))
                into[key] = self.adopt(inner, value, document)

    def forget(self, path: DataPath, value: Any) -> None:
        """Drop the places of ``value``, which stood at ``path``."""
        self.spans.pop(path, None)
        self.keys.pop(path, None)
        for key, item in _items(value):
            self.forget((*path, key), item)

    def adopt(self, path: DataPath, value: Any, document: Document) -> Any:
        """Take over a value with its places, as a copy."""
        if path in document.spans:
            self.spans[path] = document.spans[path]
        if path in document.key_spans:
            self.keys[path] = document.key_spans[path]
        if isinstance(value, dict):
            return {key: self.adopt((*path, key), item, document) for key, item in value.items()}
        if isinstance(value, list):
            return [self.adopt((*path, at), item, document) for at, item in enumerate(value)]
        return value


def _items(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []
