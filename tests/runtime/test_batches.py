"""Which rows a step holds, and what its loss is, depend on the seed alone."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from nivel.runtime.training import (
    LabelledRows,
    MicroBatches,
    count_steps,
    make_trainer,
    step_loader,
    token_nll,
)
from nivel.runtime.training.batches import PADDING_ROW
from nivel.runtime.training.documents import keep_apart

IDS = [[1 + (3 * row + column) % 40 for column in range(4 + row % 5)] for row in range(23)]
LABELS = [
    [-100] * (len(row) - 2 - i % 2) + row[len(row) - 2 - i % 2 :] for i, row in enumerate(IDS)
]


@pytest.fixture(scope="module")
def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    torch.set_num_threads(1)
    config = LlamaConfig(
        vocab_size=48,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    return LlamaForCausalLM(config)


def make(micro_batch: int, world: int = 1, rank: int = 0, batch: int = 8) -> MicroBatches:
    return MicroBatches(
        LabelledRows(IDS, LABELS, pad_id=0),
        batch=batch,
        micro_batch=micro_batch,
        steps=count_steps(len(IDS), 2, batch),
        seed=7,
        rank=rank,
        world=world,
        positions=2 * len(IDS),
    )


def gradient(model: LlamaForCausalLM, parts: list[dict[str, torch.Tensor]]) -> torch.Tensor:
    model.zero_grad()
    for part in parts:
        (token_nll(model, part) / part["step_tokens"]).backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_every_row_is_seen_once_an_epoch() -> None:
    batches = make(8)
    seen = [i for step in range(batches.steps) for i in batches.step_indices(step) if i >= 0]
    assert sorted(seen[:23]) == list(range(23))
    assert sorted(seen[23:]) == list(range(23))
    assert seen[:23] != seen[23:]


def test_the_layout_of_a_step_changes_neither_its_rows_nor_its_gradient(
    model: LlamaForCausalLM,
) -> None:
    for step in (0, 5):  # the last step has fewer rows than the batch
        whole = gradient(model, [make(8)[step]])
        quarters = gradient(model, [make(2)[step * 4 + turn] for turn in range(4)])
        two_processes = gradient(
            model, [make(2, 2, rank)[step * 2 + turn] for rank in range(2) for turn in range(2)]
        )
        torch.testing.assert_close(quarters, whole, rtol=1e-5, atol=1e-7)
        torch.testing.assert_close(two_processes, whole, rtol=1e-5, atol=1e-7)


def test_the_tail_only_loss_equals_the_plain_loss_over_unpadded_rows(
    model: LlamaForCausalLM,
) -> None:
    batch = make(8)[0]
    by_hand = 0.0
    for index in make(8).step_indices(0):
        ids, labels = torch.tensor([IDS[index]]), torch.tensor([LABELS[index]])
        mean = model(input_ids=ids, labels=labels).loss
        by_hand += float(mean) * int((labels[:, 1:] != -100).sum())
    assert float(token_nll(model, batch)) == pytest.approx(by_hand, rel=1e-5)


def test_step_tokens_count_the_whole_step_over_all_processes() -> None:
    trained = {rank: int(make(2, 2, rank)[0]["step_tokens"]) for rank in range(2)}
    expected = sum(
        sum(label != -100 for label in LABELS[index][1:]) for index in make(2).step_indices(0)
    )
    assert trained == {0: expected, 1: expected}


def test_a_loader_started_late_yields_what_is_left_and_reports_the_total() -> None:
    options = {"batch": 8, "micro_batch": 4, "steps": 6, "seed": 7, "epochs": 2}
    rows = LabelledRows(IDS, LABELS, pad_id=0)
    trainer = make_trainer(
        accelerator="cpu", devices=1, strategy="auto", precision="32-true", steps=6,
        accumulation=2, max_grad_norm=1.0, callbacks=[],
    )  # fmt: skip
    whole = list(step_loader(rows, trainer, **options))
    trainer.fit_loop.epoch_loop.batch_progress.total.ready = 5  # as a checkpoint leaves it
    late = step_loader(rows, trainer, **options)
    assert len(late) == len(whole) == 12
    for expected, found in zip(whole[5:], late, strict=True):
        assert torch.equal(expected["input_ids"], found["input_ids"])


def test_a_batch_that_cannot_be_cut_evenly_is_refused() -> None:
    with pytest.raises(ValueError, match="batch 8 is no multiple of 3 x 1"):
        make(3)


def test_only_positions_that_predict_a_trained_token_have_logits(model: LlamaForCausalLM) -> None:
    token_nll(model, make(8)[0])  # the first call looks at how the model ends
    shapes = []
    hook = model.lm_head.register_forward_hook(lambda m, i, out: shapes.append(out.shape))
    token_nll(model, make(8)[0])
    hook.remove()
    assert shapes == [
        (1, 1, 48)
    ]  # of one row, the model's own; the rest is one matrix, taken in pieces


@pytest.mark.parametrize("packing", [False, True])
def test_rows_are_dealt_by_length_alone_and_each_once(packing: bool) -> None:
    lengths = [5, 90, 7, 30, 31, 6, 88, 2]
    rows = LabelledRows([[1] * n for n in lengths], [[1] * n for n in lengths], 0, packing=packing)
    dealt = rows.deal([6, 5, 4, 3, 2, 1, 0, PADDING_ROW], 4)
    assert sorted(index for part in dealt for index in part) == [-1, 0, 1, 2, 3, 4, 5, 6]
    assert dealt == rows.deal([6, 5, 4, 3, 2, 1, 0, PADDING_ROW], 4)
    tokens = [rows.collate(part)["input_ids"].numel() for part in dealt]
    if packing:  # no padding, and no part longer than the longest row makes it
        assert sum(tokens) == sum(lengths[:7])
        assert max(tokens) == 90
    else:  # neighbours in length: padding is what little they differ by
        assert sum(tokens) == 2 * (90 + 31 + 7 + 5)


def test_a_step_that_is_dealt_by_length_learns_the_same_in_any_layout(
    model: LlamaForCausalLM,
) -> None:
    def parts(micro: int, packing: bool) -> list[dict[str, torch.Tensor]]:
        rows = LabelledRows(IDS, LABELS, pad_id=0, packing=packing)
        how = {"batch": 8, "steps": 6, "seed": 7, "positions": 46, "world": 1, "rank": 0}
        made = MicroBatches(rows, micro_batch=micro, **how)
        return [made[5 * 8 // micro + turn] for turn in range(8 // micro)]

    whole = gradient(model, parts(8, False))
    config = model.config._attn_implementation
    keep_apart(model, "cpu")
    for micro in (8, 2, 1):
        torch.testing.assert_close(gradient(model, parts(micro, True)), whole, rtol=1e-5, atol=1e-6)
    model.set_attn_implementation(config)
