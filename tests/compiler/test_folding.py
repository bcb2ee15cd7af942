"""Programs are laid out as a formatter that knows no trailing commas lays them out."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nivel.compiler.emit.folding import fold
from nivel.compiler.emit.imports import imports, table

from ..property.specs import sized

RUFF = shutil.which("ruff", path=str(Path(sys.executable).parent))

STATEMENTS = [
    "x = f(\n    a,\n    b,\n)\n",
    "x = f(\n    a,\n    key=g(\n        b,\n        c,\n    ),\n)\n",
    "x = {\n    'a': 1,\n    'b': [\n        1,\n        2,\n    ],\n}\n".replace("'", '"'),
    "x = (\n    1.5,\n)\n",
    "x = f(\n    a,\n).train()\n",
    "from some.module import (\n    A,\n    b,\n)\n",
    'TEXT = f(\n    "a (b, [c {",\n    {"k": (1,)},\n)\n',
    "if a:\n    x = f(\n        a,\n        b=not c,\n        d=-1,\n        e=g(y)[0],\n    )\n",
]


def formatted(text: str) -> str:
    """What ruff makes of a text whose trailing commas mean nothing."""
    assert RUFF
    options = ["--isolated", "--config", "format.skip-magic-trailing-comma=true"]
    command = [RUFF, "format", *options, "--stdin-filename", "x.py", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.skipif(RUFF is None, reason="ruff is not installed")
@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_that_fits_is_put_on_one_line(text: str) -> None:
    assert fold(text, 88) == formatted(text)


def _calls() -> st.SearchStrategy[str]:
    names = st.text("abcdxyz", min_size=1, max_size=18)
    values = st.recursive(
        names | st.integers(0, 10**6).map(str) | names.map(lambda name: f'"{name} ("'),
        lambda inner: st.builds(_exploded, names, st.lists(inner, min_size=1, max_size=6)),
        max_leaves=14,
    )
    return st.builds(_exploded, names, st.lists(values, min_size=1, max_size=6))


def _exploded(name: str, arguments: list[str]) -> str:
    lines = [f"k{at}={each}," for at, each in enumerate(arguments)]
    return f"f{name}(\n" + "".join(f"{line}\n" for line in lines) + ")"


@pytest.mark.skipif(RUFF is None, reason="ruff is not installed")
@sized(40)
@given(_calls())
def test_any_nest_of_calls_is_laid_out_as_ruff_does(call: str) -> None:
    text = f"value = {call}\n"
    assert fold(text, 88) == formatted(text)


def test_a_comment_inside_keeps_a_statement_as_it_was_written() -> None:
    text = "x = f(\n    a,  # why\n    b,\n)\n"
    assert fold(text, 88) == text


def test_texts_with_brackets_and_line_ends_stay_what_they_are() -> None:
    text = '"""Doc (\n\nmore [\n"""\nX = "a\\n("  # not (\nY = f(\n    1,\n)\n'
    assert fold(text, 88) == text.replace("f(\n    1,\n)", "f(1)")


def test_what_a_program_uses_is_imported_and_nothing_else() -> None:
    body = 'run = Run.open(steps=Metric)\nx.ask\n# Gate\n"Price"\nload_rows = 1\ntorch.y(Run)\n'
    lines = imports(body).split("\n")
    assert [line for line in lines if "import" in line] == [
        "import torch",
        "from nivel.runtime.records import (",
        "from nivel.runtime.scoring import (",
    ]


def test_no_name_comes_from_two_modules() -> None:
    names = [name for known in table().values() for name in known]
    assert len(names) == len(set(names))
