"""Whether an endpoint does what it is asked: a schema that no answer keeps to is one it ignores.

What a single answer can show (more tokens than `max_tokens`) is found where it is read, in `wire`.
One answer that breaks its schema is a wrong answer; when all of them do, the service never saw the
schema, and every score would be of another experiment.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import final

from ..data.json_schema import why_invalid
from ..errors import ModelError
from .types import Answer, Cell

__all__ = ["Promises"]

ENOUGH = 16  # answers, all without JSON, after which no more are paid for


@final
class Promises:
    """Looks at answers as they come; safe to call from several threads."""

    def __init__(self) -> None:
        self._kept: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def see(self, cell: Cell, answer: Answer) -> None:
        """Take note of an answer; those cut short or refused show nothing."""
        if cell.schema is None or answer.error is not None or answer.finish != "stop":
            return
        kept = why_invalid(answer.text or "", cell.schema) is None
        with self._lock:
            (self._kept if kept else self._broken)[cell.model] += 1

    def hopeless(self) -> bool:
        """Whether so many answers of a model break the schema that it is no use to go on."""
        with self._lock:
            return any(n >= ENOUGH and not self._kept[m] for m, n in self._broken.items())

    def check(self) -> None:
        """Refuse a model of which no answer keeps to the schema.

        Raises:
            ModelError: with the model and how many answers there are.
        """
        for model, count in self._broken.items():
            if not self._kept[model]:
                all_of = "the only answer" if count == 1 else f"none of {count:,} answers"
                keeps = "breaks it" if count == 1 else "keeps to it"
                raise ModelError(
                    f"{model} was asked for JSON by a schema, and {all_of} {keeps}: it seems to "
                    "ignore response_format",
                    "see it with `nivel probe`; use an endpoint that keeps to schemas",
                )
