"""A template of a spec, filled in with the fields of a row."""

from collections.abc import Mapping

import jinja2

from ..errors import DataError
from .sandbox import LONGEST, Sandbox

__all__ = ["Template"]


class Template:
    """A Jinja template from a spec, which may be a stranger's: sandboxed, strict and capped.

    Args:
        text: the template. An unknown name is an error, not an empty string.

    Raises:
        DataError: when the template does not parse.
    """

    def __init__(self, text: str) -> None:
        try:
            self._template = Sandbox().from_string(text)
        except jinja2.TemplateError as error:
            raise DataError(f"template {text!r} does not parse: {error}") from error

    def render(self, fields: Mapping[str, str]) -> str:
        """Return the text for one row.

        Raises:
            DataError: when a name is unknown, an operation is unsafe or fails, or the output
                is longer than 100,000 characters.
        """
        pieces: list[str] = []
        length = 0
        try:
            for piece in self._template.generate(**fields):
                length += len(piece)
                if length > LONGEST:
                    raise DataError(f"a prompt is longer than {LONGEST:,} characters")
                pieces.append(piece)
        except DataError:
            raise
        except Exception as error:
            # Filters raise whatever Python raises: a wrong template is the user's to mend.
            have = ", ".join(fields)
            raise DataError(f"template fails: {error}", f"the row has: {have}") from error
        return "".join(pieces)
