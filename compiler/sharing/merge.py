"""Join documents, keeping the place where each value was written.

Maps merge by key, lists and scalars replace, ``key: null`` removes what was inherited.
Each value is walked once for each time it is joined, so the work grows with the text alone.
"""

from __future__ import annotations

from typing import Any

from ..diagnostics import Location
from ..document import DataPath, Document


def fold(documents: list[Document]) -> Document:
    """Join documents from the weakest to the strongest; the last one is the main file."""
    joined = _Joined()
    for document in documents:
        joined.add(document)
    main = documents[-1]
    sources = dict(main.sources)
    for document in documents:
        sources.update(document.sources)
    origins = {path: place.file for path, place in joined.spans.items()}
    return Document(joined.data, joined.spans, joined.keys, origins, sources)


class _Joined:
    """The growing join; data is rebuilt, so that no document is changed."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {}
        self.spans: dict[DataPath, Location] = {}
        self.keys: dict[DataPath, Location] = {}

    def add(self, document: Document) -> None:
        self._merge(self.data, document.data, (), document)

    def _merge(self, into: dict[str, Any], data: Any, path: DataPath, document: Document) -> None:
        if path in document.spans:
            self.spans[path] = document.spans[path]
        for key, value in data.items():
            inner = (*path, key)
            if value is None and key in into:
                self._forget(inner, into.pop(key))
            elif isinstance(value, dict) and isinstance(into.get(key), dict):
                self.keys[inner] = document.key_spans[inner]
                self._merge(into[key], value, inner, document)
            else:
                self._forget(inner, into.get(key))
                into[key] = self._adopt(inner, value, document)

    def _forget(self, path: DataPath, value: Any) -> None:
        self.spans.pop(path, None)
        self.keys.pop(path, None)
        for key, item in _items(value):
            self._forget((*path, key), item)

    def _adopt(self, path: DataPath, value: Any, document: Document) -> Any:
        """Take over a value with its places, as a copy."""
        if path in document.spans:
            self.spans[path] = document.spans[path]
        if path in document.key_spans:
            self.keys[path] = document.key_spans[path]
        if isinstance(value, dict):
            return {key: self._adopt((*path, key), item, document) for key, item in value.items()}
        if isinstance(value, list):
            return [self._adopt((*path, at), item, document) for at, item in enumerate(value)]
        return value


def _items(value: Any) -> list[tuple[str | int, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []
