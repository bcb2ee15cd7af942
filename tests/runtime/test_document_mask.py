"""A document that sees only itself is computed as if it stood alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from nivel.runtime.data import TokenStore, pack_documents
from nivel.runtime.evaluation import bits_per_byte
from nivel.runtime.masked import masked_bits_per_byte
from nivel.runtime.models import new_model, train_byte_bpe
from nivel.runtime.training import TokenRows, token_nll
from nivel.runtime.training.batches import IGNORED, MicroBatches
from nivel.runtime.training.documents import kept_apart

LENGTH = 24
TEXTS = [f"{'word ' * (1 + n % 9)}number {n} says {n * n}." for n in range(60)]
END = 0
SIZES = {
    "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": LENGTH,
}  # fmt: skip


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TokenStore:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    tokenizer = train_byte_bpe(TEXTS, 280)
    assert tokenizer.eos_token_id == END
    return pack_documents(TEXTS, tokenizer, LENGTH)


@pytest.fixture
def model() -> torch.nn.Module:
    torch.manual_seed(1)
    return new_model("llama", SIZES, train_byte_bpe(TEXTS, 280)).eval()


def alone(model: torch.nn.Module, rows: TokenRows, index: int) -> float:
    """The loss of a sequence, each of its documents computed by itself."""
    total = 0.0
    for part in rows.documents(index):
        if len(part) > 1:
            batch = {"input_ids": part[None], "labels": part[None]}
            total += float(token_nll(model, batch).detach())
    return total


def test_the_masked_loss_is_that_of_every_document_by_itself(
    store: TokenStore, model: torch.nn.Module
) -> None:
    rows = TokenRows(store, END)
    some = range(8)
    assert any(len(rows.documents(index)) > 2 for index in some)
    expected = sum(alone(model, rows, index) for index in some)
    with kept_apart(model, "cpu"), torch.no_grad():
        masked = float(token_nll(model, rows.collate(some)))
        unmasked = float(token_nll(model, TokenRows(store).collate(some)))
    assert masked == pytest.approx(expected, rel=1e-5)
    assert abs(unmasked - expected) > 0.01 * expected


def test_no_document_learns_to_follow_another(store: TokenStore) -> None:
    rows = TokenRows(store, END)
    for index in range(len(rows)):
        batch = rows.collate([index])
        ids, labels = batch["input_ids"][0], batch["labels"][0]
        assert ids.tolist() == store[index].tolist()
        starts = [0, *((ids[:-1] == END).nonzero().flatten() + 1).tolist()]
        assert (labels == IGNORED).nonzero().flatten().tolist() == starts
        assert batch["position_ids"][0][starts].tolist() == [0] * len(starts)
        assert int((labels[1:] != IGNORED).sum()) == rows.trained_tokens(index)
        assert (
            batch["documents"][0].tolist()
            == torch.bucketize(torch.arange(len(ids)), torch.tensor(starts), right=True)
            .sub(1)
            .tolist()
        )


def test_a_row_that_fills_up_trains_nothing(store: TokenStore) -> None:
    batch = TokenRows(store, END).collate([-1])
    assert batch["labels"].tolist() == [[IGNORED]]


@pytest.mark.parametrize("micro_batch", [1, 2, 6])
def test_the_gradient_does_not_depend_on_the_micro_batch(
    store: TokenStore, model: torch.nn.Module, micro_batch: int
) -> None:
    with kept_apart(model, "cpu"):
        grads = []
        for size in (6, micro_batch):
            batches = MicroBatches(TokenRows(store, END), batch=6, micro_batch=size, steps=1,
                                   seed=1, rank=0, world=1)  # fmt: skip
            model.zero_grad()
            for batch in (batches[k] for k in range(len(batches))):
                (token_nll(model, batch) / batch["step_tokens"]).backward()
            grads.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    torch.testing.assert_close(grads[0], grads[1], rtol=1e-4, atol=1e-6)


def test_bits_per_byte_are_of_masked_documents(store: TokenStore, model: torch.nn.Module) -> None:
    rows = TokenRows(store, END)
    nats = sum(alone(model, rows, index) for index in range(len(rows)))
    predicted = sum(rows.trained_tokens(index) for index in range(len(rows)))
    expected = nats / predicted / torch.tensor(2.0).log() * store.num_tokens / store.num_bytes
    found = masked_bits_per_byte(model, store, END)
    assert found == pytest.approx(float(expected), rel=1e-5)
    assert model.config._attn_implementation != "nivel_rows"
    assert found != pytest.approx(bits_per_byte(model, store), rel=1e-3)
