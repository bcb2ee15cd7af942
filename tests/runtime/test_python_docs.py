"""The built-in corpus, read from the real standard library of the Python that runs the tests."""

import os
import re
import subprocess
import sys
from collections import Counter

import pytest

from nivel.runtime.data import load_documents, load_rows, python_docs
from nivel.runtime.data.stdlib import read_docstrings
from nivel.runtime.errors import DataError

LABELS = ["asyncio", "email", "logging", "multiprocessing", "xml"]
COLUMNS = {"text": "text", "label": "label"}


@pytest.fixture(scope="module", autouse=True)
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NIVEL_PROJECT", str(folder))
        yield folder


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())


def rows(split: str, **options):
    options = {"labels": LABELS, "columns": COLUMNS} | options
    return load_rows(builtin="python-docs", split=split, **options)


def test_splits_share_no_row_and_no_text():
    found = {split: rows(split) for split in python_docs.SPLITS}
    for one, other in [("train", "test"), ("train", "validation"), ("validation", "test")]:
        for key in (lambda row: row.id, lambda row: tuple(words(row.fields["text"]))):
            assert not {key(row) for row in found[one]} & {key(row) for row in found[other]}


def test_near_copies_never_straddle_splits():
    """Every test row of the areas against every text of the library that is not in test."""
    others = [
        (set(words(entry.text)), entry)
        for entry in python_docs.entries()
        if entry.split != "test" and entry.text
    ]
    tested = rows("test")
    assert len(tested) > 100
    for row in tested:
        mine = set(words(row.fields["text"]))
        for theirs, entry in others:
            shared = len(mine & theirs)
            assert shared < 0.7 * (len(mine) + len(theirs) - shared), (row, entry)


def test_documents_hold_no_row_of_another_split():
    """No sentence to be tested on stands anywhere in the text to pretrain on, nor the reverse."""
    whole = {
        # Spaces at the ends keep to whole words: "it" must not be found in "its".
        split: "|".join(
            f" {' '.join(words(text))} "
            for text in load_documents(builtin="python-docs", split=split)
        )
        for split in python_docs.SPLITS
    }
    for split in python_docs.SPLITS:
        for row in load_rows(builtin="python-docs", split=split, columns=COLUMNS):
            sentence = f" {' '.join(words(row.fields['text']))} "
            for other in set(python_docs.SPLITS) - {split}:
                assert sentence not in whole[other], row


def test_there_is_enough_to_learn_from_and_to_test_on():
    assert len(rows("train", balance=True, limit=400)) == 400
    assert len(rows("test", balance=True, limit=125)) == 125
    train = load_documents(builtin="python-docs", split="train")
    assert sum(len(text.encode()) for text in train) > 800_000


def test_balanced_rows_are_equal_in_number():
    counts = Counter(row.label for row in rows("train", balance=True, limit=200))
    assert counts == dict.fromkeys(LABELS, 40)


def test_rows_are_one_line_of_fit_length():
    for row in rows("train"):
        text = row.fields["text"]
        assert 30 <= len(text) <= 200 and text == " ".join(text.split())


def test_row_ids_are_unique():
    found = [entry.id for entry in python_docs.entries()]
    assert len(found) == len(set(found))


def test_unknown_area_is_refused_with_what_exists():
    with pytest.raises(DataError, match="no_such_area has 0"):
        rows("train", labels=["email", "no_such_area"], balance=True, limit=10)


def test_unknown_corpus_and_split_are_refused():
    with pytest.raises(DataError, match="no built-in corpus"):
        load_rows(builtin="wikipedia", columns=COLUMNS)
    with pytest.raises(DataError, match="no split"):
        rows("dev")


SCRIPT = """
import hashlib
from nivel.runtime.data import load_documents, load_rows
digest = hashlib.sha256()
for split in ("train", "validation", "test"):
    for row in load_rows(builtin="python-docs", split=split, columns={"text": "text"}, seed=5):
        digest.update(repr(row).encode())
    digest.update(repr(load_documents(builtin="python-docs", split=split, seed=5)).encode())
print(digest.hexdigest())
"""


def test_corpus_does_not_depend_on_the_hash_seed(tmp_path):
    digests = set()
    for seed in ("0", "1"):
        # Its own project each time: the cache would make the second agree whatever the code did.
        (tmp_path / seed).mkdir()
        environment = os.environ | {"PYTHONHASHSEED": seed, "NIVEL_PROJECT": str(tmp_path / seed)}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        digests.add(done.stdout)
    assert len(digests) == 1


def test_damaged_cache_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    cache = python_docs._cache_file()
    cache.write_text('[{"id": "half')
    monkeypatch.setattr(python_docs, "read_docstrings", lambda root: [])
    assert python_docs.entries() == []
    assert cache.read_text() == "[]"


def test_every_kind_of_docstring_is_read_and_broken_files_are_passed_over(tmp_path):
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "__init__.py").write_text('"""Package."""\n')
    (tmp_path / "pack" / "mod.py").write_text(
        "class C:\n"
        '    """Class."""\n'
        "    async def m(self):\n"
        '        """Method."""\n'
        "        def inner():\n"
        '            """Inner."""\n'
        "try:\n    import x\n"
        "except ImportError:\n"
        "    def fallback():\n"
        '        """Fallback."""\n'
    )
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "hidden.py").write_text('"""Not documentation."""\n')
    found = {(doc.module, doc.name): doc.text for doc in read_docstrings(tmp_path)}
    assert found == {
        ("pack", ""): "Package.",
        ("pack.mod", "C"): "Class.",
        ("pack.mod", "C.m"): "Method.",
        ("pack.mod", "C.m.inner"): "Inner.",
        ("pack.mod", "fallback"): "Fallback.",
    }
