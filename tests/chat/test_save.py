"""A question of a chat becomes a test row: the file stays readable, whatever is in it."""

from __future__ import annotations

import csv
import json
import os
import threading
from pathlib import Path

import pytest

from nivel.runtime.chat import TestRows as Rows
from nivel.runtime.data.rows import load_rows
from nivel.runtime.errors import DataError, RunError

COLUMNS = {"text": "body", "label": "queue"}
AWKWARD = [
    'a comma, a "quote" and a \\ backslash',
    "two\nlines",
    "two\r\nlines",
    "a lone \r in it",
    " spaces around ",
    "=1+1",
    "ünïcode 😀 \u2028 \u0085 \x0c",
    "{{ braces }}",
    "a NUL \0 in it",
]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rows(path: str, **more) -> Rows:
    return Rows(path=path, columns=COLUMNS, **more)


@pytest.mark.parametrize("question", AWKWARD)
@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("t.csv", 'queue,id,body\nmail,1,"old, row"\n'),
        ("t.csv", 'queue,id,body\nmail,1,"no line end"'),
        ("t.csv", "queue,id,body\r\nmail,1,windows\r\n"),
        ("t.csv", "\ufeffbody,queue\nold,mail\n"),
        ("t.jsonl", '{"body": "old", "queue": "mail"}\n'),
        ("t.jsonl", '{"body": "no line end", "queue": "mail"}'),
        ("t.jsonl", '{"body": "blank lines follow", "queue": "mail"}\n\n\n'),
    ],
)
def test_a_row_is_read_back_as_it_was_asked(project, name, before, question):
    file = project / name
    file.write_bytes(before.encode())
    had = load_rows(path=name, columns=COLUMNS)
    assert rows(name).add(question, " bug ") == (name, 2)
    assert file.read_bytes().startswith(before.encode())  # what was there stays, byte for byte
    found = load_rows(path=name, columns=COLUMNS)
    assert [row for row in found if row in had] == had
    [new] = [row for row in found if row not in had]
    assert (new.fields, new.label) == ({"text": question}, "bug")
    assert [path.name for path in project.iterdir()] == [name]


def test_columns_come_in_the_file_s_order_and_others_stay_empty(project):
    file = project / "t.csv"
    file.write_text("queue,id,body\nmail,1,old\n")
    rows("t.csv").add("new", "bug")
    assert list(csv.reader(file.open()))[-1] == ["bug", "", "new"]
    (project / "t.jsonl").write_text('{"body": "old", "queue": "mail"}\n')
    rows("t.jsonl").add("new", "bug")
    assert json.loads((project / "t.jsonl").read_text().splitlines()[-1]) == {
        "body": "new",
        "queue": "bug",
    }


@pytest.mark.parametrize(
    ("name", "before", "said"),
    [
        ("t.csv", "", "no column 'body'"),
        ("t.csv", "queue,text\nmail,old\n", "its header has: queue, text"),
        ("t.csv", 'queue,body\nmail,"an open quotation\n', "mend the file"),
        ("t.csv", b"queue,body\nmail,\xff\n", "cannot be read"),
        ("t.jsonl", "{not JSON\n", "t.jsonl:1: is not JSON"),
        ("t.jsonl", b'{"body": "\xff", "queue": "mail"}\n', "not UTF-8"),
    ],
)
def test_a_file_that_would_not_hold_the_row_is_left_as_it_is(project, name, before, said):
    before = before.encode() if isinstance(before, str) else before
    (project / name).write_bytes(before)
    with pytest.raises(DataError, match="(?s).*") as caught:
        rows(name).add("new", "bug")
    assert said in str(caught.value)
    assert (project / name).read_bytes() == before
    assert [path.name for path in project.iterdir()] == [name]


def test_a_question_too_long_for_a_csv_field_is_refused_and_fits_jsonl(project):
    (project / "t.csv").write_text("queue,body\nmail,old\n")
    (project / "t.jsonl").write_text('{"body": "old", "queue": "mail"}\n')
    with pytest.raises(DataError, match="field limit"):
        rows("t.csv").add("x" * 200_000, "bug")
    assert (project / "t.csv").read_text() == "queue,body\nmail,old\n"
    assert rows("t.jsonl").add("x" * 200_000, "bug")[1] == 2


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        (Rows(), "no test rows"),
        (Rows(builtin="python-docs"), "built-in corpus python-docs"),
        (rows("t.txt"), "rows are added to .jsonl and .csv"),
        (Rows(path="t.csv", columns={"a": "a", "b": "b", "label": "c"}), "2 columns"),
        (Rows(path="t.csv", columns={"label": "c"}), "0 columns"),
    ],
)
def test_where_no_row_can_be_added_it_says_why(tests, said):
    assert said in (tests.refusal() or "")
    with pytest.raises(DataError, match="."):
        tests.add("new", "bug")


@pytest.mark.parametrize(
    ("more", "label", "said"),
    [
        ({"labels": ("bug", "mail")}, "spam", "task.labels are bug, mail"),
        ({}, "  ", "the right answer is empty"),
        ({"json": True}, "{no", "is JSON"),
    ],
)
def test_a_right_answer_that_could_not_be_read_again_is_refused(project, more, label, said):
    (project / "t.csv").write_text("queue,body\nmail,old\n")
    with pytest.raises(DataError, match=said):
        rows("t.csv", **more).add("new", label)
    assert (project / "t.csv").read_text() == "queue,body\nmail,old\n"


def test_paths_that_leave_the_project_and_files_that_are_not_there_are_refused(project):
    outside = project.parent / "outside.jsonl"
    outside.write_text("{}\n")
    (project / "link.jsonl").symlink_to(outside)
    for path in ("../outside.jsonl", str(outside), "link.jsonl"):
        with pytest.raises(DataError, match="project"):
            rows(path).add("new", "bug")
    with pytest.raises(DataError, match="does not exist"):
        rows("none.jsonl").add("new", "bug")
    assert outside.read_text() == "{}\n"


def test_a_file_that_cannot_be_replaced_is_told_of(project, monkeypatch):
    (project / "t.jsonl").write_text('{"body": "old", "queue": "mail"}\n')

    def full(*paths: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(RunError, match="No space left"):
        rows("t.jsonl").add("new", "bug")
    assert (project / "t.jsonl").read_text().count("\n") == 1
    assert [path.name for path in project.iterdir()] == ["t.jsonl"]


def test_permissions_stay(project):
    file = project / "t.jsonl"
    file.write_text('{"body": "old", "queue": "mail"}\n')
    file.chmod(0o640)
    rows("t.jsonl").add("new", "bug")
    assert file.stat().st_mode & 0o777 == 0o640


def test_rows_of_many_chats_at_once_are_all_kept(project):
    (project / "t.csv").write_text("queue,body\nmail,old")

    def add(place: int) -> None:
        for turn in range(5):
            rows("t.csv").add(f"question {place} {turn}", "bug")

    threads = [threading.Thread(target=add, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {row.fields["text"] for row in load_rows(path="t.csv", columns=COLUMNS)}
    assert found == {"old"} | {f"question {a} {b}" for a in range(6) for b in range(5)}
