"""Jinja2 that writes Python: every expression becomes a literal unless it goes through a door.

Jinja's autoescaping does the work. What HTML templates do with ``Markup`` is done here with Python
source: a value that is not yet source is turned into a literal, so a string of a spec can never
become code.
"""

from __future__ import annotations

import keyword
import textwrap
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Undefined
from markupsafe import Markup as Code

from . import literals

WIDTH = 88  # columns, the default of the formatters that teams use


@cache
def environment() -> Environment:
    """The environment of all templates, made once; the filters are its doors."""
    env = Environment(
        loader=PackageLoader("nivel.compiler.emit", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    env.filters.update(ident=_ident, comment=_comment, notes=_notes, docstring=_docstring)
    env.filters.update(block=_block, layout=_layout)
    del env.filters["safe"]  # Jinja's own door past the escaping
    return env


def _finalize(value: object) -> object:
    if isinstance(value, Undefined):
        value._fail_with_undefined_error()  # its repr would not raise
    return value if isinstance(value, Code) else Code(literals.literal(value))


def _ident(value: str) -> Code:
    """A Python name.

    Raises:
        ValueError: if it is none.
    """
    if not value.isidentifier() or keyword.iskeyword(value):
        raise ValueError(f"not a Python name: {value!r}")
    return Code(value)


def _comment(value: str) -> Code:
    return Code(literals.comment(value))


def _notes(value: str, indent: int) -> Code:
    """Comment lines at an indent, as many as it takes."""
    lines = textwrap.wrap(literals.comment(value)[2:], WIDTH - indent - 2)
    return Code("\n".join(f"{' ' * indent}# {line}" for line in lines))


def _docstring(value: str) -> Code:
    """The inside of a docstring, wrapped."""
    words = literals.docstring_words(value)
    return Code("\n".join(textwrap.wrap(words, WIDTH, break_long_words=False)))


def _layout(value: object, name: str, indent: int = 0) -> Code:
    """The value of an assignment to ``name``, over several lines where one is too short."""
    used = indent + len(name) + len(" = ")
    return Code(literals.layout(value, indent, used, WIDTH))


def _block(value: list[str] | tuple[str, ...] | dict[str, str]) -> Code:
    """A collection with one item a line and a trailing comma, which formatters keep as it is."""
    if isinstance(value, dict):
        items = [f"{literals.literal(k)}: {literals.literal(v)}" for k, v in value.items()]
        opening, closing = "{", "}"
    else:
        items = [literals.literal(item) for item in value]
        opening, closing = ("[", "]") if isinstance(value, list) else ("(", ")")
    return Code("\n".join([opening, *(f"    {item}," for item in items), closing]))
