"""Data files that mean harm: checking a spec reads their beginning, and never more."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from nivel.compiler.examples import BASE

Judge = Any
GIB = 1 << 30


def _spec(train: str, labels: str = "email, xml") -> str:
    return BASE["finetune"].replace(
        "train: {builtin: python-docs, split: train}", f"train: {{path: {train}}}"
    ).replace("[email, xml]", f"[{labels}]")  # fmt: skip


ROWS = {
    "nested.jsonl": b"[" * 60_000,
    "nested-row.jsonl": b'{"text": ' * 60_000,
    "big-number.jsonl": b'{"text": "a", "label": ' + b"9" * 60_000 + b"}\n",
    "nan.jsonl": b'{"text": NaN, "label": Infinity}\n',
    "surrogate.jsonl": b'{"text": "\\ud800", "label": "\\udfff"}\n' * 9,
    "list.jsonl": b"[1, 2]\n",
    "odd-keys.jsonl": b'{"": 1, "\\u0000": 2, "__class__": 3}\n',
    "one-line.jsonl": b'{"text": "' + b"x" * 900_000 + b'", "label": "email"}\n',
    "many-keys.jsonl": b"{" + b", ".join(b'"k%d": 1' % n for n in range(60_000)) + b"}\n",
    "same-keys.jsonl": b"{" + b", ".join(b'"k": 1' for n in range(90_000)) + b"}\n",
    "blank.jsonl": b"\n" * 900_000,
    "nul.csv": b"text,label\na\0b,email\n",
    "nul-header.csv": b"te\0xt,label\na,email\n",
    "no-header.csv": b"\n\n\n",
    "empty.csv": b"",
    "only-bom.csv": b"\xef\xbb\xbf",
    "long-field.csv": b"text,label\n" + b"x" * 900_000 + b",email\n",
    "open-quote.csv": b'text,label\n"' + b"x\n" * 400_000,
    "too-many.csv": b"text,label\na,b,c,d\n" * 9,
    "too-few.csv": b"text,label\na\n",
    "commas.csv": b"," * 900_000 + b"\n" + b"," * 90_000,
    "same-columns.csv": b"text,text,label,label\na,b,c,d\n",
    "latin1.csv": b"text,label\n\xe9,email\n",
    "utf16.csv": "text,label\na,email\n".encode("utf-16"),
    "bidi.csv": "text,la\u202ebel\na,email\n".encode(),
    "escape.csv": b"te\x1b[2Jxt,label\na,email\n",
    "short-rows.csv": b"text,label\n" + b"a,b\n" * 240_000,
    "other-labels.csv": b"text,label\n" + b"".join(b"a,l%d\n" % n for n in range(100_000)),
    "long-label.csv": b"text,label\na," + b"l" * 100_000 + b"\n",
    "binary.csv": bytes(range(256)) * 3000,
    "returns.csv": b"text,label\r" + b"a,email\r" * 90_000,
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_a_hostile_data_file_gives_findings_or_nothing(
    name: str, judge: Judge, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(ROWS[name])
    (tmp_path / "x.yaml").write_text(_spec(name))
    judge(tmp_path)


def test_many_labels_against_many_rows(judge: Judge, tmp_path: Path) -> None:
    rows = b"text,label\n" + b"".join(b"a,l%d\n" % n for n in range(100_000))
    (tmp_path / "rows.csv").write_bytes(rows)
    (tmp_path / "x.yaml").write_text(_spec("rows.csv", ", ".join(f"m{n}" for n in range(9_000))))
    judge(tmp_path)


@pytest.mark.parametrize("name", ["huge.csv", "huge.jsonl", "huge-text.csv"])
def test_of_a_huge_file_only_the_beginning_is_read(name: str, judge: Judge, tmp_path: Path) -> None:
    with open(tmp_path / name, "wb") as file:
        if name == "huge-text.csv":
            file.write(b"text,label\na,email\n" * 50_000)
        file.truncate(8 * GIB)  # sparse: takes no room on the disk
    (tmp_path / "x.yaml").write_text(_spec(name))
    judge(tmp_path)


def test_a_huge_text_to_learn_from_is_not_read(judge: Judge, tmp_path: Path) -> None:
    with open(tmp_path / "books.txt", "wb") as file:
        file.write(b"word " * 1000)
        file.truncate(8 * GIB)
    text = BASE["pretrain"].replace("{builtin: python-docs}", "{path: books.txt}")
    (tmp_path / "x.yaml").write_text(text)
    judge(tmp_path)


@pytest.mark.parametrize("content", ["[" * 90_000, "{}", "null", '{"a": NaN}', "9" * 9_000, ""])
def test_a_hostile_model_folder_is_harmless(content: str, judge: Judge, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("config.json", "tokenizer_config.json", "generation_config.json"):
        (folder / name).write_text(content)
    (tmp_path / "x.yaml").write_text(BASE["prompt"].replace("org/name", "./model"))
    judge(tmp_path)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_model_folder_of_pipes_does_not_block(name: str, judge: Judge, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    (tmp_path / "x.yaml").write_text(BASE["prompt"].replace("org/name", "./model"))
    judge(tmp_path)


def test_runs_that_are_no_runs_are_harmless(judge: Judge, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / "fifo").mkdir()
    os.mkfifo(runs / "fifo" / "latest")
    (runs / "loop").symlink_to(runs / "loop")
    (runs / "up").symlink_to(tmp_path.parent)
    for number, name in enumerate(("fifo", "loop", "up", "none")):
        spec = f"x{number}.yaml"
        (tmp_path / spec).write_text(BASE["prompt"].replace("org/name", f"run:{name}"))
        judge(tmp_path, spec)
