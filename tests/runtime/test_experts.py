"""Mixtures of experts: losses of routers, how experts are computed and drawn, what is saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from nivel.compiler.sizes import ARCHITECTURES
from nivel.runtime.models import (
    checkpoint_activations,
    initialize,
    new_model,
    save_model,
    train_byte_bpe,
)
from nivel.runtime.training import TokenRows, routed_loss, token_nll
from nivel.runtime.training.documents import keep_apart
from nivel.runtime.training.experts import routers_of
from nivel.runtime.training.utilisation import flops_per_token

TOKENIZER = train_byte_bpe(["a small text of words and of other words. " * 9], 270)
LENGTH, EXPERTS = 24, 8
COMMON = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4,
          "num_key_value_heads": 2, "num_experts_per_tok": 2}  # fmt: skip
SIZES: dict[str, dict[str, Any]] = {
    "mixtral": {**COMMON, "intermediate_size": 24, "num_local_experts": EXPERTS},
    "olmoe": {**COMMON, "intermediate_size": 24, "num_experts": EXPERTS},
    "qwen2_moe": {**COMMON, "moe_intermediate_size": 24, "num_experts": EXPERTS,
                  "shared_expert_intermediate_size": 40},
    "qwen3_moe": {**COMMON, "moe_intermediate_size": 24, "num_experts": EXPERTS, "head_dim": 12},
}  # fmt: skip


def made(kind: str = "olmoe") -> Any:
    torch.manual_seed(0)
    model = new_model(kind, {**SIZES[kind], "initializer_range": 0.2}, TOKENIZER)
    return model.train()


class Store:
    """Sequences of random tokens; the end of a document, 0, stands in some of them."""

    def __init__(self, rows: int) -> None:
        draw = torch.Generator().manual_seed(1)
        self.ids = torch.randint(0, 12, (rows, LENGTH), generator=draw)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> Any:
        return self.ids[index].numpy()


def step(model: Any, rows: TokenRows, parts: list[list[int]], **weights: float) -> Any:
    """The loss, what is recorded, and the gradients of a step of these micro-batches."""
    model.zero_grad()
    total = sum(rows.trained_tokens(i) for part in parts for i in part if i >= 0)
    losses, sums = [], {}
    for part in parts:
        batch = {**rows.collate(part), "step_tokens": torch.tensor(total)}
        loss, recorded = routed_loss(model, batch, sequence_length=LENGTH, **weights)
        loss.backward()
        losses.append(loss.detach())
        sums = {name: sums.get(name, 0) + value for name, value in recorded.items()}
    gradients = {name: p.grad.clone() for name, p in model.named_parameters()}
    return torch.stack(losses).sum(), sums, gradients


def near(left: Tensor, right: Tensor) -> bool:
    return torch.allclose(left, right, rtol=2e-4, atol=2e-6)


@pytest.mark.parametrize("end", [None, 0], ids=["whole", "documents apart"])
def test_micro_batches_change_nothing_of_what_a_step_learns_from(end: int | None) -> None:
    model, rows = made(), TokenRows(Store(6), end)
    weights = {"balance": 0.5, "router_z": 0.1, "z_loss": 0.01}
    if end is not None:
        keep_apart(model, "cpu")
    whole = step(model, rows, [[0, 1, 2, 3, 4, 5]], **weights)
    for parts in (
        [[3, 0], [5, 1], [2, 4]],
        [[n] for n in range(6)],
        [[0, 1, 2, 3], [4, 5, -1, -1]],
    ):
        other = step(model, rows, parts, **weights)
        assert near(whole[0], other[0]) and near(whole[1]["balance"], other[1]["balance"])
        assert torch.equal(whole[1]["load"], other[1]["load"])
        assert all(near(whole[2][name], other[2][name]) for name in whole[2])


def by_the_book(model: Any, ids: Tensor) -> tuple[float, float]:
    """Balance loss and squared log of the normaliser of one sequence, a number at a time."""
    logits: list[Tensor] = []
    hooks = [
        r.register_forward_hook(lambda _, i, out: logits.append(out[0])) for r in routers_of(model)
    ]
    with torch.no_grad():
        model(input_ids=ids[None], use_cache=False)
    for hook in hooks:
        hook.remove()
    uneven = squares = 0.0
    for block in logits:
        scores = [row.softmax(0).tolist() for row in block]
        for expert in range(EXPERTS):
            best = [sorted(range(EXPERTS), key=lambda e: -row[e])[:2] for row in scores]
            f = EXPERTS / (2 * LENGTH) * sum(expert in chosen for chosen in best)
            uneven += f * sum(row[expert] for row in scores) / LENGTH / len(logits)
        squares += sum(float(row.logsumexp(0)) ** 2 for row in block) / LENGTH / len(logits)
    return uneven, squares


@pytest.mark.parametrize("kind", SIZES)
def test_losses_of_routers_are_those_of_the_papers(kind: str) -> None:
    model, rows = made(kind), TokenRows(Store(2))
    plain = token_nll(model, rows.collate([0, 1])).item() / (2 * (LENGTH - 1))
    expected = [by_the_book(model, rows.store.ids[n]) for n in (0, 1)]  # type: ignore[attr-defined]
    uneven, squares = (sum(pair) / 2 for pair in zip(*expected, strict=True))
    loss, sums, gradients = step(model, rows, [[0, 1]], balance=0.5, router_z=0.25)
    assert sums["nll"].item() == pytest.approx(plain, rel=1e-5)
    assert sums["balance"].item() == pytest.approx(uneven, rel=1e-5)
    assert loss.item() == pytest.approx(plain + 0.5 * uneven + 0.25 * squares, rel=1e-5)
    assert sums["load"].sum(1).tolist() == [2.0 * 2 * LENGTH] * 3
    without = step(model, rows, [[0, 1]], balance=0.0)[2]
    router = next(name for name in gradients if name.endswith("mlp.gate.weight"))
    assert not near(gradients[router], without[router])


def test_even_experts_have_a_balance_loss_of_one() -> None:
    model = made()
    for router in routers_of(model):
        torch.nn.init.zeros_(router.weight)  # type: ignore[arg-type]
    assert step(model, TokenRows(Store(3)), [[0, 1, 2]], balance=1.0)[1][
        "balance"
    ] == pytest.approx(1)


def test_blocks_computed_again_give_the_same_gradients() -> None:
    model, rows = made(), TokenRows(Store(3))
    before = step(model, rows, [[0, 1, 2]], balance=0.5, router_z=0.1)
    checkpoint_activations(model)
    after = step(model, rows, [[0, 1, 2]], balance=0.5, router_z=0.1)
    assert torch.equal(before[0], after[0])
    assert all(torch.equal(before[2][name], after[2][name]) for name in before[2])


@pytest.mark.parametrize("kind", SIZES)
def test_experts_computed_together_are_those_computed_one_by_one(kind: str) -> None:
    model, rows = made(kind), TokenRows(Store(4))
    assert model.config._experts_implementation == "nivel_grouped"
    ours = step(model, rows, [[0, 1, 2, 3]], balance=0.1)
    with torch.autocast("cpu", torch.bfloat16):
        short = step(model, rows, [[0, 1, 2, 3]], balance=0.1)
    model.set_experts_implementation("eager")
    plain = step(model, rows, [[0, 1, 2, 3]], balance=0.1)
    assert all(near(ours[2][name], plain[2][name]) for name in plain[2])
    assert short[0].item() == pytest.approx(plain[0].item(), rel=0.02)


def test_experts_are_multiplied_in_the_type_of_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.dtype] = []
    grouped = torch.nn.functional.grouped_mm

    def watched(left: Tensor, right: Tensor, **more: Any) -> Tensor:
        seen.append(right.dtype)
        return grouped(left, right, **more)

    monkeypatch.setattr(torch.nn.functional, "grouped_mm", watched)
    model, rows = made(), TokenRows(Store(1))
    step(model, rows, [[0]], balance=0.1)
    assert set(seen) == {torch.float32}
    seen.clear()
    with torch.autocast("cpu", torch.bfloat16):
        step(model, rows, [[0]], balance=0.1)
    assert set(seen) == {torch.bfloat16}


@pytest.mark.parametrize("kind", SIZES)
def test_experts_and_routers_are_drawn_as_the_spec_says(kind: str) -> None:
    model = made(kind)
    torch.manual_seed(1)
    initialize(model, std=0.05, scale_residuals=True)
    for name, weights in model.named_parameters():
        if weights.ndim >= 2:
            writes = "o_proj" in name or "down_proj" in name
            expected = 0.05 / 6**0.5 if writes else 0.05
            assert weights.std().item() == pytest.approx(expected, rel=0.15), name


@pytest.mark.parametrize("kind", SIZES)
def test_what_is_saved_is_an_ordinary_folder(kind: str, tmp_path: Path) -> None:
    model = made(kind).eval()
    save_model(model, TOKENIZER, tmp_path / "model")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    ids = torch.arange(1, 20)[None]
    assert torch.allclose(again(ids).logits, model(ids).logits, atol=1e-5)
    assert "nivel" not in (tmp_path / "model" / "config.json").read_text()


def test_operations_count_the_experts_that_are_chosen() -> None:
    model = made()
    numbers = {name: p.numel() for name, p in model.named_parameters() if p.ndim >= 2}
    met = sum(n // 4 if "experts" in name else n for name, n in numbers.items())
    met -= numbers["model.embed_tokens.weight"] * (not model.config.tie_word_embeddings)
    attention = 12 * 3 * 32 * LENGTH
    assert flops_per_token(model, LENGTH) == 6 * met + attention


def test_every_family_with_experts_is_tried_here() -> None:
    assert set(SIZES) == {name for name, family in ARCHITECTURES.items() if family.experts}
