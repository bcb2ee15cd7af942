"""Whether an endpoint still serves the model that was probed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import final

from ..errors import ModelError
from ..paths import inside_project
from ..records.files import read_json
from .redact import redact
from .types import Answer, Cell

__all__ = ["Watched"]


@final
class Watched:
    """Passes answers on, and says once where another model gives them than the one probed.

    Args:
        path: the record of the probe, a file in the project.
        done: what gets the answers.

    Raises:
        ModelError: there is no such record.
        DataError: the path leaves the project.
    """

    def __init__(self, path: str, done: Callable[[Cell, Answer], None]) -> None:
        record = read_json(inside_project(path))
        if not isinstance(record, dict) or record.get("probe") != 1:
            raise ModelError(
                f"{path} is no record of a probe", "write it with `nivel probe SPEC --record`"
            )
        self._path, self._served, self._done = path, record.get("served_model"), done
        self._said = False

    def __call__(self, cell: Cell, answer: Answer) -> None:
        served = answer.served_model
        if not self._said and self._served and served and served != self._served:
            self._said = True
            text = f"note: {served} answers, and {self._path} is of {self._served}: probe it again"
            print(redact(text), file=sys.stderr)
        self._done(cell, answer)
