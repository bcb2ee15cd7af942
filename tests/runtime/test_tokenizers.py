"""Tokenizers of every kind: what they keep, that they are the same every time, that they load."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from nivel.runtime.errors import DataError, ModelError
from nivel.runtime.models.tokenizers import END, UNKNOWN, holds_tokens, train_tokenizer


def words(count: int) -> list[str]:
    draw = random.Random(3)
    parts = ("ba", "co", "dre", "fin", "ga", "hul", "mi", "nor", "pla", "que", "sto", "ther", "wa")
    return ["".join(draw.choices(parts, k=draw.randrange(1, 4))) for _ in range(count)]


WORDS = words(700)
TEXTS = [
    f"The red {' '.join(WORDS[n : n + 7])} of number {n * 37} returns,\n\n  and {WORDS[n]} = {n}!\n"
    for n in range(0, 693, 7)
]
ODD = ["  two  spaces\t\n\n", "naïve café ﬁn Ａ", "日本語 и по-русски", "\x00\x7f\ufffd",
       "##x ## [UNK]",
       f"{END} <|user|>", "🙂👩‍👩‍👧", "1234567 12.5", "a" * 300, "\u202e\u200b", ""]  # fmt: skip


def made(kind: str = "byte-bpe", size: int = 400, **how: Any) -> Any:
    return train_tokenizer(TEXTS, kind, size, **how)


def ids(tokenizer: Any, text: str) -> list[int]:
    found: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)[
        "input_ids"
    ]
    return found


def back(tokenizer: Any, text: str) -> str:
    return str(tokenizer.decode(ids(tokenizer, text), clean_up_tokenization_spaces=False))


@pytest.mark.parametrize("digits", ["free", "individual", "groups"])
@pytest.mark.parametrize("kind", ["byte-bpe", "unigram"])
def test_a_text_over_bytes_comes_back_as_it_was(kind: str, digits: str) -> None:
    tokenizer = made(kind, digits=digits)
    for text in (*TEXTS[:10], *ODD):
        assert back(tokenizer, text) == text


def test_wordpiece_is_berts() -> None:
    tokenizer = made("wordpiece", normalize="lowercase")
    assert back(tokenizer, "The  RED number\nreturns") == "the red number returns"
    assert tokenizer.convert_ids_to_tokens(ids(tokenizer, "日 red")) == [UNKNOWN, "red"]
    pieces = tokenizer.convert_ids_to_tokens(ids(tokenizer, "bareturns"))
    assert len(pieces) > 1 and all(piece.startswith("##") for piece in pieces[1:])


@pytest.mark.parametrize("kind", ["byte-bpe", "unigram", "wordpiece"])
def test_the_vocabulary_has_the_size_asked_for_and_the_named_tokens(kind: str) -> None:
    tokenizer = made(kind, 350, special_tokens=["<|user|>", "<|bot|>"])
    assert len(tokenizer) == tokenizer.backend_tokenizer.get_vocab_size() == 350
    assert tokenizer.eos_token_id == 0
    special = tokenizer.convert_tokens_to_ids(["<|user|>", "<|bot|>"])
    assert special == [1, 2]
    assert tokenizer("<|user|>", add_special_tokens=False)["input_ids"] == [1]
    assert not {0, 1, 2} & set(ids(tokenizer, f"{END}<|user|>"))  # a text only mentions them
    assert set(range(350)) == set(tokenizer.get_vocab().values())


@pytest.mark.parametrize("kind", ["byte-bpe", "unigram", "wordpiece"])
def test_digits_are_split_as_said(kind: str) -> None:
    for digits, expected in (("individual", ["1", "2", "3", "4", "5"]), ("groups", ["123", "45"])):
        found: list[str] = []
        for token in made(kind, digits=digits).tokenize("12345"):
            whole = token.removeprefix("##")
            if token != whole:  # WordPiece goes on inside a group
                found[-1] += whole
            else:
                found.append(whole)
        assert "".join(found) == "12345"
        assert all(len(piece) <= len(expected[0]) for piece in found)
        if digits == "individual":
            assert found == expected


@pytest.mark.parametrize(
    ("normalize", "text", "expected"),
    [
        ("nfc", "cafe\u0301 ﬁ", "café ﬁ"),
        ("nfkc", "ﬁ Ａ", "fi A"),
        ("lowercase", "The RED", "the red"),
        ("none", "cafe\u0301 The", "cafe\u0301 The"),
    ],
)
@pytest.mark.parametrize("kind", ["byte-bpe", "unigram"])
def test_what_is_normalised_is_what_was_said(
    kind: str, normalize: str, text: str, expected: str
) -> None:
    assert back(made(kind, normalize=normalize), text) == expected


@pytest.mark.parametrize("kind", ["byte-bpe", "unigram", "wordpiece"])
def test_it_is_saved_as_a_tokenizer_of_transformers(kind: str, tmp_path: Path) -> None:
    tokenizer = made(kind, special_tokens=["<|user|>"], digits="groups", normalize="nfc")
    tokenizer.save_pretrained(tmp_path)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    for text in (*TEXTS[:5], *ODD):
        assert ids(loaded, text) == ids(tokenizer, text)
    assert (loaded.eos_token, loaded.pad_token) == (END, END)
    assert loaded("<|user|>", add_special_tokens=False)["input_ids"] == [1]


AGAIN = """
import sys
sys.path.insert(0, {root!r})
from tests.runtime.test_tokenizers import made
from nivel.runtime.models.tokenizers import END
for kind in ("byte-bpe", "unigram", "wordpiece"):
    made(kind, special_tokens=["<|user|>"]).save_pretrained(f"{folder}/{{kind}}")
"""


@pytest.mark.slow
def test_the_same_texts_give_the_same_bytes_whatever_the_process(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    files = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        seeds = {"PYTHONHASHSEED": str(number), "RAYON_NUM_THREADS": str(number)}
        subprocess.run(
            [sys.executable, "-c", AGAIN.format(root=root, folder=folder)],
            env={**os.environ, **seeds}, check=True,
        )  # fmt: skip
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        files.append([(path.name, path.read_bytes()) for path in found])
    assert len(files[0]) >= 6
    assert files[0] == files[1]


def test_too_little_text_is_refused_with_the_size_that_it_gives() -> None:
    with pytest.raises(DataError, match=r"the text gives \d+ tokens, not the 9000 .*\n.*set"):
        made("byte-bpe", 9000)


def test_a_tokenizer_of_another_size_is_refused() -> None:
    tokenizer = made()
    assert holds_tokens(tokenizer, 400) is tokenizer
    with pytest.raises(ModelError, match="has 400 tokens, not the 401"):
        holds_tokens(tokenizer, 401)
    tokenizer.eos_token = None
    with pytest.raises(ModelError, match="no token that ends"):
        holds_tokens(tokenizer, 400)
