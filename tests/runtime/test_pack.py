"""Token stores hold every token once, are used again, and never go stale."""

import pickle

import numpy as np
import pytest

from nivel.runtime.data import pack, pack_documents
from nivel.runtime.errors import DataError
from nivel.runtime.models import train_byte_bpe

TEXTS = ["The first document.", "Ein zweites, länger: äöü.", "Third; with <|endoftext|> in it."]


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def tokenizer():
    return train_byte_bpe(TEXTS, 265)


@pytest.fixture
def writes(monkeypatch):
    """Count how often a store is written."""
    written = []
    original = pack._write
    monkeypatch.setattr(pack, "_write", lambda *given: (written.append(1), original(*given)))
    return written


def test_store_holds_the_documents_each_followed_by_the_end(tokenizer):
    store = pack_documents(TEXTS, tokenizer, 4)
    tokens = store.tokens.tolist()
    ends = [place for place, token in enumerate(tokens) if token == tokenizer.eos_token_id]
    starts = [0, *(end + 1 for end in ends[:-1])]
    found = [tokenizer.decode(tokens[a:b]) for a, b in zip(starts, ends, strict=True)]
    assert found == TEXTS  # also: the mention of the end in a text ends nothing
    assert store.num_tokens == len(tokens) and store.num_documents == 3
    assert store.num_bytes == sum(len(text.encode()) for text in TEXTS)


@pytest.mark.parametrize("length", [1, 3, 7, 16])
def test_sequences_and_the_dropped_tail_are_all_the_tokens(tokenizer, length):
    store = pack_documents(TEXTS, tokenizer, length)
    sequences = [store[index] for index in range(len(store))]
    assert all(s.shape == (length,) and s.dtype == np.int64 for s in sequences)
    kept = np.concatenate(sequences)
    assert kept.tolist() == store.tokens[: len(kept)].tolist()
    assert len(kept) + store.dropped_tokens == store.num_tokens
    assert store.dropped_tokens < length


def test_index_out_of_range_ends_iteration(tokenizer):
    store = pack_documents(TEXTS, tokenizer, 8)
    assert len(list(store)) == len(store)
    with pytest.raises(IndexError):
        store[-1]


def test_store_is_used_again_also_for_another_length(tokenizer, writes):
    for length in (4, 4, 8):
        pack_documents(TEXTS, tokenizer, length)
    assert len(writes) == 1


def test_earlier_use_of_the_tokenizer_makes_no_other_store(tokenizer, writes):
    pack_documents(TEXTS, tokenizer, 4)
    tokenizer(TEXTS, padding=True, truncation=True, max_length=3)
    store = pack_documents(TEXTS, tokenizer, 4)
    assert len(writes) == 1
    assert store.num_tokens > 12


def test_other_text_order_or_division_makes_another_store(tokenizer, writes):
    joined = [TEXTS[0] + TEXTS[1], TEXTS[2]]
    shifted = [TEXTS[0][:-1], TEXTS[0][-1] + TEXTS[1], TEXTS[2]]
    paths = {pack_documents(t, tokenizer, 4).path for t in (TEXTS, TEXTS[::-1], joined, shifted)}
    assert len(paths) == len(writes) == 4


def test_other_tokenizer_makes_another_store(tokenizer):
    other = train_byte_bpe(TEXTS, 266)
    assert pack_documents(TEXTS, tokenizer, 4).path != pack_documents(TEXTS, other, 4).path


def test_store_cut_short_is_made_again(tokenizer, writes):
    store = pack_documents(TEXTS, tokenizer, 4)
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:-2])
    assert pack_documents(TEXTS, tokenizer, 4).path.read_bytes() == whole
    store.path.with_suffix(".json").write_text("{")
    pack_documents(TEXTS, tokenizer, 4)
    assert len(writes) == 3


def test_pickled_store_carries_the_path_and_not_the_tokens(tokenizer):
    store = pack_documents(TEXTS * 200, tokenizer, 4)
    store[0]  # mapped now
    data = pickle.dumps(store)
    assert len(data) < 2000
    assert pickle.loads(data)[5].tolist() == store[5].tolist()


def test_text_shorter_than_a_sequence_is_refused(tokenizer):
    with pytest.raises(DataError, match="fewer than one sequence of 4096"):
        pack_documents(TEXTS, tokenizer, 4096)


def test_large_vocabulary_keeps_its_token_ids(tokenizer, monkeypatch):
    # A real one would take long to train; the choice of width is what is at stake.
    monkeypatch.setattr(type(tokenizer), "__len__", lambda self: 70_000)
    assert pack_documents(TEXTS, tokenizer, 4).tokens.dtype == np.uint32
