"""Text that does not fit in memory: the same documents, the same order and the same tokens."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nivel.runtime.data import documents, load_documents, pack, pack_documents
from nivel.runtime.data.large import LargeTexts, blocks, large_documents
from nivel.runtime.data.text_files import BLANK_LINES
from nivel.runtime.models import train_byte_bpe


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    draw = random.Random(2)
    words = ["apple", "Birne", "čaj", "two  blanks", "\tindented", "\nline", "\u2028", "日本"]
    texts = [" ".join(draw.choices(words, k=draw.randint(1, 9))) for _ in range(300)]
    parts = [draw.choice(["\n\n", "\n \n", "\r\n\r\n\n", "\n\t\n  "]) for _ in texts]
    whole = "".join(text + part for text, part in zip(texts, parts, strict=True))
    (tmp_path / "text.txt").write_bytes(whole.encode())
    return tmp_path


@given(st.text("a\n \t\u2028", max_size=40), st.integers(1, 9))
def test_text_read_in_pieces_is_cut_as_the_whole(tmp_path_factory, text: str, size: int) -> None:
    file = tmp_path_factory.mktemp("text") / "text.txt"
    file.write_text(text, encoding="utf-8")
    assert list(blocks(file, size)) == BLANK_LINES.split(text)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_large_file_has_the_documents_of_a_small_one(
    split: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = load_documents(path="text.txt", split=split, seed=3)
    few = load_documents(path="text.txt", split=split, seed=3, limit=7)
    monkeypatch.setattr(documents, "LARGE", 0)
    large = load_documents(path="text.txt", split=split, seed=3)
    assert isinstance(large, LargeTexts) and isinstance(small, list)
    assert list(large) == small and len(large) == len(small) > 10
    assert list(load_documents(path="text.txt", split=split, seed=3, limit=7)) == few
    assert list(load_documents(path="text.txt", split=split, seed=4)) != small
    tokenizer = train_byte_bpe(small, 300)
    whole, streamed = (pack_documents(texts, tokenizer, 8) for texts in (small, large))
    assert whole.path != streamed.path
    assert whole.path.read_bytes() == streamed.path.read_bytes()
    assert (whole.num_bytes, whole.num_documents) == (streamed.num_bytes, streamed.num_documents)


def test_what_is_kept_of_a_large_file_is_made_again_where_it_is_damaged(project: Path) -> None:
    file = project / "text.txt"
    before = list(large_documents(file, "train", seed=0))
    (kept,) = (project / ".nivel" / "cache" / "texts").glob("1-*/train.utf8")
    kept.write_bytes(kept.read_bytes()[:-3])
    assert list(large_documents(file, "train", seed=0)) == before
    file.write_bytes(file.read_bytes() + b"\n\nanother document\n")
    names = {text for split in ("train", "validation") for text in
             large_documents(file, split, seed=0)}  # fmt: skip
    assert "another document\n" in names


def test_threads_and_batches_change_no_byte_of_a_store(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = load_documents(path="text.txt", split="train")
    tokenizer = train_byte_bpe(texts, 300)
    found = set()
    for threads, count, characters in (
        ("true", 256, 1 << 22), ("false", 256, 1 << 22), ("true", 1, 1 << 22), ("true", 256, 40)
    ):  # fmt: skip
        monkeypatch.setenv("TOKENIZERS_PARALLELISM", threads)
        monkeypatch.setattr(pack, "_TEXTS_AT_ONCE", count)
        monkeypatch.setattr(pack, "_CHARACTERS_AT_ONCE", characters)
        header = project / f"{threads}-{count}-{characters}.json"
        pack._write(header, texts, tokenizer)
        found.add(header.read_bytes() + header.with_suffix(".bin").read_bytes())
    assert len(found) == 1


def test_batches_hold_few_characters_and_every_text() -> None:
    texts = ["a" * n for n in (3, 5, 1, 9, 30, 2)] * 60
    parts = list(pack._batches(texts))
    assert [text for part in parts for text in part] == texts
    assert all(len(part) <= 256 for part in parts)


BUILD = """\
from nivel.runtime.data import load_documents, pack_documents
from nivel.runtime.data import documents
from transformers import PreTrainedTokenizerFast
documents.LARGE = 0
tokenizer = PreTrainedTokenizerFast.from_pretrained("./words")
print("ready", flush=True)
texts = load_documents(path="text.txt", split="train")
print(pack_documents(texts, tokenizer, 8).path)
"""


@pytest.mark.slow
def test_a_store_is_whole_or_absent_whenever_its_writer_is_killed(project: Path) -> None:
    file = project / "text.txt"
    file.write_bytes(b"\n\n".join(file.read_bytes() + b" %d" % n for n in range(400)))
    train_byte_bpe([file.read_text("utf-8")[:20000]], 300).save_pretrained(project / "words")

    def build() -> subprocess.Popen[str]:
        process = subprocess.Popen([sys.executable, "-c", BUILD], cwd=project, text=True,
                                   stdout=subprocess.PIPE, env=dict(os.environ))  # fmt: skip
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        return process

    begun = time.monotonic()
    whole = Path(build().communicate()[0].strip())
    seconds = time.monotonic() - begun
    expected = hashlib.sha256(whole.read_bytes()).hexdigest()
    texts = project / ".nivel" / "cache" / "texts"
    draw = random.Random(1)
    for _ in range(5):
        for each in (whole, whole.with_suffix(".json")):
            each.unlink(missing_ok=True)
        for each in texts.rglob("record.json"):
            each.unlink()
        process = build()
        time.sleep(draw.uniform(0, seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if whole.exists():  # before its header, which is written last
            assert hashlib.sha256(whole.read_bytes()).hexdigest() == expected
    assert Path(build().communicate()[0].strip()) == whole
    assert hashlib.sha256(whole.read_bytes()).hexdigest() == expected
