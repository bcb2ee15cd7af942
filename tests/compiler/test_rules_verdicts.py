"""Some two thousand small templates get one verdict: refused before the run, or filled in by it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment

from nivel.runtime.data import Template
from nivel.runtime.errors import DataError

from .test_rules_templates import refusals

ARGUMENTS = ("", "(1)", "('a')", "(2, 'x')", "('a', 'b')", "(nope=1)")
SIDES = ("text", "1", "'a'", "[1]", "text|length", "text|upper", "text|default(3)")
OPERATORS = ("+", "-", "*", "/", "//", "%", "**", "~", "==")
NAMED = ("map", "select", "reject", "selectattr", "rejectattr")

OF_A_VALUE = re.compile(
    r"not supported between|not iterable|cannot be interpreted|must be|could not convert|division"
    r"|indices must|not all arguments|requires string|has no element|no item named|substring not"
    r"|empty separator|is not in|sort by either|concatenate|__round__|invalid|unknown encoding"
    r"|bad operand|Can't|Cannot|expected str|object has no attribute|a string is required"
    r"|unsupported operand|'str object' has no attribute|can only join|not subscriptable|expected "
    r"length|can't sum"
    # methods of texts that do not tell their own signature
    r"|takes at least 1 argument|takes no keyword arguments|expected at least 1 argument"
)
"""What the run says where a value is not of the kind or form that is wanted: only it can tell."""


def filters() -> Iterator[str]:
    for name in sorted(set(Environment().filters) - set(NAMED)):  # those do nothing unless listed
        yield from (f"{{{{ text|{name}{given} }}}}" for given in ARGUMENTS)
    for outer, inner in itertools.product(NAMED, [*Environment().filters, "even", "string", "no"]):
        place = "'upper', " if outer.endswith("attr") else ""
        yield f"{{{{ [text]|{outer}({place}'{inner}')|list }}}}"


def checks() -> Iterator[str]:
    for name in sorted(Environment().tests):
        yield from (f"{{{{ text if text is {name}{given} }}}}" for given in ARGUMENTS)


def methods() -> Iterator[str]:
    for name in [*dir(str), "title_case", "body", "_x"]:
        yield from (f"{{{{ text.{name}{given} }}}}" for given in ("", "()", *ARGUMENTS[1:]))


def operators() -> Iterator[str]:
    for sign, left, right in itertools.product(OPERATORS, SIDES, SIDES):
        yield f"{{{{ text }}}}{{{{ ({left}) {sign} ({right}) }}}}"


def fault_of(template: str) -> str:
    """Return what the run says of a template; nothing where it fills it in."""
    try:
        Template(template).render({"text": "abc"})
    except DataError as fault:
        return str(fault).partition("\n")[0]
    return ""


@pytest.mark.parametrize("kind", [filters, checks, methods, operators])
def test_the_check_and_the_run_have_one_verdict(kind: object, tmp_path: Path) -> None:
    assert callable(kind)
    differing, told_by_run = [], 0
    for template in kind():
        said, fault = refusals(template, tmp_path), fault_of(template)
        if bool(said) == bool(fault):
            continue
        if not said and OF_A_VALUE.search(fault):
            told_by_run += 1
        else:
            differing.append((template, said, fault))
    assert differing == []
