"""Tokenizers trained from nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nivel.runtime.errors import DataError
from nivel.runtime.models import train_byte_bpe

TEXTS = [f"Return the {word} of the {other}." for word in ["size", "name", "type"]
         for other in ["file", "queue", "element", "tree"]]  # fmt: skip
SMALL = train_byte_bpe(TEXTS, 290)


@settings(deadline=None)
@given(st.text())
def test_any_text_survives_a_round_trip(text):
    ids = SMALL(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert SMALL.decode(ids, clean_up_tokenization_spaces=False) == text


def test_the_same_texts_give_the_same_tokenizer():
    assert train_byte_bpe(TEXTS, 290).backend_tokenizer.to_str() == SMALL.backend_tokenizer.to_str()


def test_vocabulary_is_as_large_as_asked():
    assert len(SMALL) == 290
    assert max(SMALL.get_vocab().values()) == 289


def test_end_pads_and_nothing_is_added():
    assert SMALL.eos_token == SMALL.pad_token == "<|endoftext|>"
    assert SMALL.bos_token is None
    assert SMALL.eos_token_id not in SMALL("Return")["input_ids"]


def test_frequent_words_become_single_tokens():
    assert len(SMALL(" the")["input_ids"]) == 1


def test_vocabulary_that_the_text_cannot_fill_is_refused_with_what_it_can():
    with pytest.raises(DataError, match="set tokenizer.vocab_size to") as refused:
        train_byte_bpe(["ab ab"], 5000)
    learned = int(str(refused.value).split("gives ")[1].split()[0])
    assert len(train_byte_bpe(["ab ab"], learned)) == learned
