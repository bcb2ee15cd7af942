"""Judged answers as they are found in the wild, and what of them is learned."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nivel.compiler.formats import recognise as compiler_recognises
from nivel.runtime.data import encode_pairs, load_pairs, load_verdicts
from nivel.runtime.data.encodings import IGNORED
from nivel.runtime.data.formats import recognise
from nivel.runtime.data.judged import read_pair, read_verdict
from nivel.runtime.errors import DataError

from .test_sft import tokenizer

ASKED = [{"role": "user", "content": "red?"}]
GOOD, BAD = ({"role": "assistant", "content": text} for text in ("green", "blue"))
PAIRS: dict[str, dict[str, Any]] = {
    "texts": {"prompt": "red?", "chosen": "green", "rejected": "blue"},
    "messages after a prompt": {"prompt": ASKED, "chosen": [GOOD], "rejected": [BAD]},
    "whole conversations": {"chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD]},
    "whole conversations beside their prompt": {
        "prompt": "red?", "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD],
    },
    "ShareGPT": {
        "conversations": [{"from": "human", "value": "red?"}],
        "chosen": {"from": "gpt", "value": "green"},
        "rejected": {"from": "gpt", "value": "blue"},
    },
    "Alpaca": {"instruction": "red?", "input": "", "chosen": "green", "rejected": "blue"},
    "a question": {"system": "", "question": "red?", "chosen": "green", "rejected": "blue"},
}  # fmt: skip
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "red?", "chosen": "green", "rejected": "green"}, "are the same"),
    ({"chosen": [*ASKED, GOOD], "rejected": [*ASKED, GOOD]}, "are the same"),
    ({"prompt": "red?", "chosen": "green", "rejected": " "}, "rejected answer is empty"),
    ({"prompt": "red?", "chosen": [], "rejected": [BAD]}, "holds something"),
    ({"chosen": "green", "rejected": "blue"}, "has no prompt"),
    ({"prompt": "red?", "chosen": ASKED, "rejected": [BAD]}, "is not the assistant's"),
    ({"prompt": "why?", "chosen": [*ASKED, GOOD], "rejected": [*ASKED, BAD]}, "`prompt` is not"),
    ({"prompt": [GOOD], "chosen": [GOOD], "rejected": [BAD]}, "nobody asks"),
    ({"prompt": "red?", "chosen": 3, "rejected": "blue"}, "`chosen`"),
]


def write(folder: Path, *rows: dict[str, Any], name: str = "rows.jsonl") -> str:
    (folder / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return name


@pytest.mark.parametrize("row", PAIRS.values(), ids=list(PAIRS))
def test_every_form_of_a_pair_is_the_same_pair(row: dict[str, Any]) -> None:
    assert recognise(row, "text", "label") == ("chosen-rejected",)
    pair = read_pair("row", row)
    assert pair.chosen.messages == (*ASKED, GOOD) and pair.rejected.messages == (*ASKED, BAD)
    assert not pair.chosen.context


@pytest.mark.parametrize(("row", "message"), WRONG, ids=[text for _, text in WRONG])
def test_a_row_that_is_no_pair_is_refused_with_its_place(row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_pair("rows.jsonl:7", row)
    assert str(caught.value).startswith("rows.jsonl:7: ")


def test_a_verdict_is_of_the_last_answer() -> None:
    talk = [*ASKED, BAD, {"role": "user", "content": "no?"}, GOOD]
    for row in ({"messages": talk, "label": True}, {"conversations": talk, "kto_tag": True}):
        found = read_verdict("row", row)
        assert found.good and found.answered.context == {1}
    row = {"prompt": "red?", "completion": "green", "label": False}
    assert recognise(row, "text", "label") == ("verdict",)
    assert not read_verdict("row", row).good
    with pytest.raises(DataError, match=r"row: the judged answer is not the assistant's"):
        read_verdict("row", {"messages": talk[:3], "label": True})


def test_the_compiler_tells_the_same_formats() -> None:
    rows = [*PAIRS.values(), {"prompt": "a", "completion": "b", "label": True},
            {"messages": ASKED, "label": False}, {"messages": ASKED, "label": "no"}]  # fmt: skip
    for row in rows:
        assert recognise(row, "text", "label") == compiler_recognises(row, "text", "label")


def test_pairs_are_loaded_from_files_and_halved_where_verdicts_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, *(PAIRS["texts"] | {"prompt": f"{k}?"} for k in range(5)))
    pairs = load_pairs(path=path, limit=3, seed=1)
    assert len(pairs) == 3 and [pair.id for pair in pairs] != sorted(pair.id for pair in pairs)
    halves = load_verdicts(path=path, limit=3, seed=1)
    assert [(one.id, one.good) for one in halves[:2]] == [
        (f"{pairs[0].id} chosen", True), (f"{pairs[0].id} rejected", False),
    ]  # fmt: skip
    judged = write(tmp_path, *({"messages": [*ASKED, GOOD], "label": True} for _ in range(2)))
    with pytest.raises(DataError, match="verdict"):
        load_pairs(path=judged)
    with pytest.raises(DataError, match="all 2 answers are good"):
        load_verdicts(path=judged)
    with pytest.raises(DataError, match="learning a preference takes"):
        load_pairs(path=write(tmp_path, {"messages": [*ASKED, GOOD]}))


def test_the_answers_and_their_ends_are_learned_and_earlier_turns_are_not() -> None:
    made = tokenizer()
    row = {
        "conversations": [
            {"from": "human", "value": "red?"}, {"from": "gpt", "value": "blue"},
            {"from": "human", "value": "no?"},
        ],
        "chosen": {"from": "gpt", "value": "green"},
        "rejected": {"from": "gpt", "value": "the question"},
    }  # fmt: skip
    pairs = encode_pairs([read_pair("row", row)], made, max_length=200)
    for side, text in ((pairs.chosen, "green"), (pairs.rejected, "the question")):
        (ids,), (labels,) = side.input_ids, side.labels
        learned = [token for token, label in zip(ids, labels, strict=True) if label != IGNORED]
        assert made.decode(learned) == f"{text}<|im_end|>"
    first = next(k for k, label in enumerate(pairs.chosen.labels[0]) if label != IGNORED)
    assert pairs.chosen.input_ids[0][:first] == pairs.rejected.input_ids[0][:first]


def test_a_pair_is_dropped_whole_and_cut_answers_that_are_the_same_are_refused() -> None:
    made = tokenizer()
    rows = [
        {"prompt": "red?", "chosen": "green", "rejected": "blue " * 30},
        {"prompt": "red?", "chosen": "green", "rejected": "blue"},
    ]
    pairs = [read_pair(f"row {k}", row) for k, row in enumerate(rows)]
    long = len(encode_pairs(pairs[1:], made, max_length=200).chosen.input_ids[0]) + 2
    kept = encode_pairs(pairs, made, max_length=long, too_long="drop", too_long_at_most=0.5)
    assert (len(kept), kept.dropped, kept.row_ids) == (1, 1, ("row 1",))
    with pytest.raises(DataError, match="1 of 2 rows are longer than max_length"):
        encode_pairs(pairs, made, max_length=long)
    cut = encode_pairs(pairs, made, max_length=long, too_long="cut", too_long_at_most=0.5)
    assert cut.truncated == 1 and len(cut.rejected.input_ids[0]) == long
    same = [read_pair("row", {"prompt": "red?", "chosen": "a " * 40, "rejected": "a " * 41})]
    with pytest.raises(DataError, match="two answers of the same tokens"):
        encode_pairs(same, made, max_length=60, too_long="cut", too_long_at_most=1.0)


def test_the_built_in_pairs_are_right_and_wrong_answers_of_their_own_split() -> None:
    seen: dict[str, set[str]] = {}
    for split in ("train", "test"):
        pairs = load_pairs(builtin="python-docs-pairs", split=split)
        assert len(pairs) > 100
        texts = {pair.chosen.messages[-1]["content"] for pair in pairs}
        assert {pair.rejected.messages[-1]["content"] for pair in pairs} <= texts
        seen[split] = texts
    assert not seen["train"] & seen["test"]
