"""Rows from files: formats, labels, order, limits, balance."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nivel.runtime.data import load_documents, load_rows
from nivel.runtime.errors import DataError

COLUMNS = {"text": "body", "label": "queue"}


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    return tmp_path


def write_jsonl(project, rows, name="rows.jsonl"):
    (project / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return name


def write_mixed(project, **counts):
    rows = [{"body": f"{q} {i}", "queue": q} for q, n in counts.items() for i in range(n)]
    return write_jsonl(project, rows)


def test_jsonl_and_csv_give_the_same_rows(project):
    write_jsonl(project, [{"body": "a, b", "queue": "x"}, {"body": "é\nü", "queue": "y"}])
    (project / "rows.csv").write_text('\ufeffbody,queue\n"a, b",x\n"é\nü",y\n', "utf-8")
    found = [
        sorted((row.fields["text"], row.label) for row in load_rows(path=path, columns=COLUMNS))
        for path in ("rows.jsonl", "rows.csv")
    ]
    assert found[0] == found[1] == [("a, b", "x"), ("é\nü", "y")]


def test_text_file_gives_a_row_per_line_without_label(project):
    (project / "rows.txt").write_text("one\n\n two \n", "utf-8")
    rows = load_rows(path="rows.txt", columns={"text": "text"})
    assert sorted(row.fields["text"] for row in rows) == ["one", "two"]
    assert {row.label for row in rows} == {None}


def test_values_that_are_not_strings_become_text(project):
    write_jsonl(project, [{"body": 1.5, "queue": True}])
    (row,) = load_rows(path="rows.jsonl", columns=COLUMNS)
    assert (row.fields, row.label) == ({"text": "1.5"}, "true")


def test_gold_label_is_not_among_the_fields(project):
    path = write_mixed(project, a=1)
    assert load_rows(path=path, columns=COLUMNS)[0].fields == {"text": "a 0"}


def test_label_outside_the_task_names_file_line_and_label(project):
    path = write_jsonl(project, [{"body": "x", "queue": "a"}, {"body": "y", "queue": "zebra"}])
    with pytest.raises(DataError, match=r"rows\.jsonl:2: label 'zebra'"):
        load_rows(path=path, columns=COLUMNS, labels=["a", "b"])


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("r.jsonl", '{"body": "x"}\n', r"r\.jsonl:1: no value in column 'queue'"),
        ("r.jsonl", '{"body": null, "queue": "a"}\n', r"r\.jsonl:1: no value in column 'body'"),
        ("r.jsonl", '{"body": "x", "queue": "a"}\n[1]\n', r"r\.jsonl:2: is not a JSON object"),
        ("r.jsonl", "{\n", r"r\.jsonl:1: is not JSON"),
        ("r.csv", "body,queue\nx\n", r"r\.csv:2: no value in column 'queue'"),
        ("r.csv", "body,queue\nx, y,a\n", r"r\.csv:2: has more values"),
        ("r.csv", 'body,queue\n"x,a\n', r"r\.csv:\d: is not CSV"),
        ("r.csv", "body,queue\n", r"r\.csv: holds no rows"),
        ("r.xlsx", "", r"r\.xlsx: unknown kind of file"),
    ],
)
def test_damaged_file_is_named_with_its_line(project, name, text, message):
    (project / name).write_text(text)
    with pytest.raises(DataError, match=message):
        load_rows(path=name, columns=COLUMNS)


def test_missing_and_binary_files_are_refused(project):
    (project / "latin.csv").write_bytes("body,queue\né,a\n".encode("latin-1"))
    with pytest.raises(DataError, match="is not UTF-8"):
        load_rows(path="latin.csv", columns=COLUMNS)
    with pytest.raises(DataError, match="cannot be read"):
        load_rows(path="absent.csv", columns=COLUMNS)


def test_file_outside_the_project_is_refused(project, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside") / "rows.csv"
    outside.write_text("body,queue\nx,a\n")
    (project / "rows.csv").symlink_to(outside)
    with pytest.raises(DataError, match="leaves the project"):
        load_rows(path="rows.csv", columns=COLUMNS)


@pytest.mark.parametrize("source", [{}, {"path": "a.csv", "builtin": "python-docs"}])
def test_exactly_one_source_is_needed(source):
    with pytest.raises(DataError, match="exactly one"):
        load_rows(columns=COLUMNS, **source)


def test_order_depends_on_the_seed(project):
    path = write_mixed(project, a=30)
    orders = [
        [row.id for row in load_rows(path=path, columns=COLUMNS, seed=seed)] for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[1]) == sorted(orders[2])


def test_row_keeps_its_place_when_others_are_appended(project):
    few = load_rows(path=write_mixed(project, a=20), columns=COLUMNS)
    many = load_rows(path=write_mixed(project, a=20, b=20), columns=COLUMNS)
    kept = {row.id for row in few}
    assert [row for row in many if row.id in kept] == few


def test_limit_keeps_the_first_rows(project):
    path = write_mixed(project, a=20)
    whole = load_rows(path=path, columns=COLUMNS, seed=3)
    assert load_rows(path=path, columns=COLUMNS, seed=3, limit=7) == whole[:7]
    assert load_rows(path=path, columns=COLUMNS, seed=3, limit=99) == whole


@pytest.mark.parametrize("limit", [3, 6, 15])
def test_balanced_limit_is_exact(project, limit):
    path = write_mixed(project, a=40, b=5, c=9)
    rows = load_rows(path=path, columns=COLUMNS, labels="abc", balance=True, limit=limit)
    assert Counter(row.label for row in rows) == dict.fromkeys("abc", limit // 3)


def test_balance_without_limit_keeps_as_many_as_the_rarest_label(project):
    path = write_mixed(project, a=40, b=5, c=9)
    rows = load_rows(path=path, columns=COLUMNS, labels="abc", balance=True)
    assert Counter(row.label for row in rows) == {"a": 5, "b": 5, "c": 5}


def test_balance_beyond_the_rows_says_how_many_there_are(project):
    path = write_mixed(project, a=40, b=5, c=9)
    with pytest.raises(DataError, match=r"b has 5, c has 9(.|\n)*set limit to 15"):
        load_rows(path=path, columns=COLUMNS, labels="abc", balance=True, limit=30)


def test_balanced_limit_that_does_not_divide_is_refused(project):
    path = write_mixed(project, a=4, b=4)
    with pytest.raises(DataError, match="does not divide"):
        load_rows(path=path, columns=COLUMNS, labels="ab", balance=True, limit=3)


def test_blank_lines_divide_a_text_file_into_documents(project):
    blocks = [f"Paragraph {number}\nof two lines." for number in range(200)]
    (project / "t.txt").write_text("\n\n\n".join(blocks) + "\n", "utf-8")
    train = load_documents(path="t.txt", split="train")
    held_out = load_documents(path="t.txt", split="validation")
    assert sorted(train + held_out) == sorted(block + "\n" for block in blocks)
    assert 5 <= len(held_out) <= 40


def test_copies_of_a_block_stay_in_one_split(project):
    blocks = [f"Paragraph {number} of words." for number in range(100)]
    copies = [block.replace(" of", "\nof").upper() for block in blocks]
    (project / "t.txt").write_text("\n\n".join(blocks + copies), "utf-8")
    words = [
        {" ".join(text.lower().split()) for text in load_documents(path="t.txt", split=split)}
        for split in ("train", "validation")
    ]
    assert not words[0] & words[1]


@given(st.integers(0, 2**32 - 1))
def test_documents_come_in_an_order_of_their_seed(seed):
    first = load_documents(path=DOCUMENTS, split="train", seed=seed)
    assert load_documents(path=DOCUMENTS, split="train", seed=seed, limit=5) == first[:5]


DOCUMENTS = "twenty.txt"


@pytest.fixture(autouse=True)
def twenty_documents(project):
    (project / DOCUMENTS).write_text("\n\n".join(f"Document {n}." for n in range(20)), "utf-8")


def test_empty_text_is_refused(project):
    (project / "t.txt").write_text("\n\n")
    with pytest.raises(DataError, match="holds no text"):
        load_documents(path="t.txt", split="train")
