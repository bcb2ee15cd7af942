"""What `nivel preview` counts, and that a row cannot reach the terminal."""

from __future__ import annotations

import json

import pytest

from nivel.runtime.data.encodings import IGNORED, Encoding
from nivel.runtime.data.sft import encodings_of_conversations
from nivel.runtime.errors import DataError
from nivel.runtime.preview import Layout, make_preview, render_preview
from nivel.runtime.training import LabelledRows, MicroBatches

from .test_sft import LONG, talk, tokenizer


def test_learned_stretches_are_marked_and_special_tokens_shown() -> None:
    made = tokenizer()
    found = make_preview(
        list(encodings_of_conversations([LONG], made, "assistant", True)), made, shown=1
    )
    text = render_preview(found, colour=False)
    assert "<|im_start|>assistant\n[[green<|im_end|>]]" in text and "\x1b" not in text
    assert "\x1b[1mgreen<|im_end|>\x1b[0m" in render_preview(found, colour=True)
    assert found.sound and json.loads(found.to_json())["sound"]


def test_what_a_row_holds_cannot_move_the_cursor() -> None:
    made = tokenizer()
    row = talk(("user", "\x1b[2Jred\x07\u202e"), ("assistant", "\x1b]0;x\x07"))
    found = make_preview(
        list(encodings_of_conversations([row], made, "assistant", True)), made, shown=1
    )
    text = render_preview(found, colour=False)
    assert "\\x1b[2Jred\\x07\\u202e" in text
    assert all(c == "\n" or c.isprintable() for c in text)


def test_faults_and_rows_without_a_trained_token_are_counted_and_not_sound() -> None:
    made = tokenizer()
    rows = [
        Encoding("good", (5, 6, 7), (IGNORED, 6, 7)),
        Encoding("idle", (5, 6, 7), (IGNORED,) * 3),
        Encoding("bad", fault=DataError("bad: no answer")),
        Encoding("long", (5,) * 12, (5,) * 12),
    ]
    found = make_preview(rows, made, shown=4, max_length=10, layout=Layout(4, 2, 0, False))
    assert (found.rows, found.tokens, found.trained, found.dropped) == (4, 6, 2, 1)
    assert found.idle == ("idle",) and len(found.faults) == 2 and not found.sound
    assert found.lengths == {"min": 3, "median": 3, "p95": 12, "max": 12}
    sizes = {"min": 6, "mean": 6, "max": 6}
    assert found.batch == {"rows": 2, "packing": False, "tokens": sizes, "padding": 0.0}
    assert sum(count for *_, count in found.histogram) == 3
    dropped = make_preview(rows[:1] * 9 + rows[3:], made, shown=0, max_length=10, too_long="drop")
    assert dropped.sound and dropped.dropped == 1
    one = make_preview(rows, made, shown=4, row="idle")
    assert [shown.id for shown in one.shown] == ["idle"]


@pytest.mark.parametrize("packing", [False, True])
def test_the_micro_batches_that_are_shown_are_those_of_the_run(packing: bool) -> None:
    lengths = [3, 17, 5, 9, 2, 11, 4, 8, 6, 7]
    rows = [Encoding(str(n), (5,) * n, (IGNORED, *(5,) * (n - 1))) for n in lengths]
    layout = Layout(batch=4, micro_batch=2, seed=3, packing=packing)
    found = make_preview(rows, tokenizer(), shown=0, max_length=20, layout=layout)
    trained = LabelledRows([r.ids for r in rows], [r.labels for r in rows], 0, packing=packing)
    run = MicroBatches(
        trained, batch=4, micro_batch=2, steps=3, seed=3, rank=0, world=1, positions=10
    )
    blocks = [run[k]["input_ids"] for k in range(len(run))]
    real = [run[k] for k in range(len(run))]
    sizes = [b.numel() for b, one in zip(blocks, real, strict=True) if (one["labels"] >= 0).any()]
    assert found.batch["tokens"]["max"] == max(sizes)
    assert (found.batch["padding"] == 0.0) == packing
    if packing:
        assert sum(sizes) == sum(lengths)
        assert "joined into one sequence" in render_preview(found, colour=False)
