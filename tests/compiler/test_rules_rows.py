"""Rules that read rows: what the run would refuse, and rows that stand on both sides."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import pytest

from nivel.compiler.check import check
from nivel.compiler.diagnostics import Diagnostic
from nivel.compiler.examples import complete
from nivel.compiler.rules.rows import PEEK_BYTES, WHOLE_BYTES

ROWS = "text,label\n" + "".join(f"hello {n},email\nbye {n},xml\n" for n in range(20))
BUILTIN_TEST = "  test: {builtin: python-docs, split: test}\n"


def found(text: str, folder: Path) -> list[Diagnostic]:
    (folder / "spec.yaml").write_text(complete(text), encoding="utf-8")
    return list(check(folder / "spec.yaml", project=folder).diagnostics)


def codes(text: str, folder: Path) -> list[str]:
    return [item.code for item in found(text, folder)]


def trained_on(name: str) -> str:
    return f"data:\n  train: {{path: {name}}}\n{BUILTIN_TEST}"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.jsonl", b'{"text": "a", "label": "email"}\n\n{"text": \n'),
        ("rows.jsonl", b'{"text": "a", "label": "email"}\n[1]\n'),
        ("rows.jsonl", b"[" * 100_000 + b"\n"),
        ("rows.jsonl", b'{"text": "caf\xe9", "label": "email"}\n'),
        ("rows.csv", b"text,label\na,email\nb,c,xml\n"),
        ("rows.csv", b'text,label\na,email\n"b"c,xml\n'),
        ("rows.csv", b'text,label\n"a,email\n'),
        ("rows.csv", b"text,label\na,email\ncaf\xe9,xml\n"),
        ("rows.csv", b"text,label\n"),
        ("rows.jsonl", b""),
        ("rows.jsonl", b"\n \n"),
        ("rows.csv", b"text,label\na\n"),
        ("rows.jsonl", b'{"text": null, "label": "email"}\n'),
        ("rows.csv", b"text,label\na,other\n"),
        ("rows.jsonl", b'{"text": "a", "label": 3}\n'),
    ],
    ids=range(15),
)
def test_what_the_run_refuses_to_read_is_an_error_before_it(
    name: str, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nivel.runtime.data import load_rows
    from nivel.runtime.errors import DataError

    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    columns = {"text": "text", "label": "label"}
    with pytest.raises(DataError) as refused:
        load_rows(path=name, columns=columns, labels=["email", "xml"])
    errors = [item for item in found(trained_on(name), tmp_path) if item.severity == "error"]
    assert len(errors) == 1
    line = re.search(rf"{name}:(\d+): ", str(refused.value))
    if line and errors[0].code in ("NV343", "NV344"):
        assert f"line {line[1]} of `{name}`" in errors[0].message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", "\ufeff" + ROWS),
        ("rows.csv", ROWS.replace("\n", "\r\n")),
        ("rows.csv", ROWS.replace("hello 3", '"hello, ""three""\nand more"')),
        ("rows.jsonl", '{"text": "a\\u2028b", "label": "email"}\n{"text": 3, "label": "xml"}\n'),
        ("rows.jsonl", '{"text": "a\u2028b", "label": "email"}\n{"text": [1], "label": "xml"}\n'),
    ],
    ids=range(5),
)
def test_what_the_run_reads_is_no_error(
    name: str, content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nivel.runtime.data import load_rows

    (tmp_path / name).write_bytes(content.encode())
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    columns = {"text": "text", "label": "label"}
    assert load_rows(path=name, columns=columns, labels=["email", "xml"])
    assert {item.severity for item in found(trained_on(name), tmp_path)} <= {"warning"}


def test_of_a_large_file_only_the_beginning_is_read(tmp_path: Path) -> None:
    many = ROWS.partition("\n")[2] * (2 * WHOLE_BYTES // len(ROWS))
    (tmp_path / "rows.csv").write_text("text,label\n" + many + "broken,row,here\n")
    assert (tmp_path / "rows.csv").stat().st_size > WHOLE_BYTES
    before = time.perf_counter()
    assert codes(trained_on("rows.csv"), tmp_path) == []
    assert time.perf_counter() - before < 2
    quoted = 'text,label\n"' + "x" * (PEEK_BYTES * 20) + '",email\n'
    (tmp_path / "rows.csv").write_text(quoted)
    assert codes(trained_on("rows.csv"), tmp_path) == []


def test_a_fault_in_the_beginning_of_a_large_file_is_found(tmp_path: Path) -> None:
    many = ROWS.partition("\n")[2] * (2 * WHOLE_BYTES // len(ROWS))
    (tmp_path / "rows.csv").write_text("text,label\na,email\nb,c,d\n" + many)
    (one,) = found(trained_on("rows.csv"), tmp_path)
    assert (one.code, "line 3 of" in one.message) == ("NV343", True)


@pytest.mark.parametrize("how", ["same", "dotted", "symlink", "hard link", "copy"])
def test_training_on_the_test_rows_is_refused_by_whatever_name(how: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    other = {"same": "rows.csv", "dotted": "./x/../rows.csv"}.get(how, "other.csv")
    if how == "symlink":
        (tmp_path / "other.csv").symlink_to("rows.csv")
    elif how == "hard link":
        os.link(tmp_path / "rows.csv", tmp_path / "other.csv")
    elif how == "copy":
        (tmp_path / "other.csv").write_text(ROWS)
    (tmp_path / "x").mkdir()
    text = f"data:\n  train: {{path: rows.csv}}\n  test: {{path: {other}}}\n"
    assert codes(text, tmp_path) == ["NV334"]


def test_examples_from_the_test_rows_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    rows = "data:\n  train: {path: rows.csv}\n  test: {path: rows.csv}\n"
    assert codes(f"level: prompt\n{rows}prompt: {{few_shot: 2}}\n", tmp_path) == ["NV334"]


def test_shared_rows_are_counted_by_what_a_template_can_show(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    (tmp_path / "more.csv").write_text("text,label\nhello 1,xml\nnew,email\nhello 2,email\n")
    text = "data:\n  train: {path: rows.csv}\n  test: {path: more.csv}\n"
    (one,) = found(text, tmp_path)
    assert one.code == "NV346"
    assert one.severity == "warning"
    assert "shares 2 of its 3 rows" in one.message
    assert "line 2" in one.message
