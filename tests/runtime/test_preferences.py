"""Losses of preferences against plain loops, and the two ways to the model before tuning."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import peft
import pytest
import torch

from nivel.runtime.data import EncodedPairs, EncodedRows
from nivel.runtime.models import add_soft_prompt
from nivel.runtime.training import (
    PairRows,
    dpo_loss,
    keep_reference,
    kept_log_probs,
    kto_loss,
    orpo_loss,
    pair_log_probs,
    reference_log_probs,
    sft_loss,
    simpo_loss,
)
from nivel.runtime.training.batches import IGNORED, PADDING_ROW
from nivel.runtime.training.pairs import PairLogProbs
from nivel.runtime.training.preferences import DPO_LOSSES

from .tiny import tiny


def pairs(count: int = 5) -> EncodedPairs:
    """Pairs of different lengths, each with a prompt of its own."""
    torch.manual_seed(1)
    sides = []
    prompts = [torch.randint(5, 280, (3 + k % 3,)).tolist() for k in range(count)]
    for longest in (4, 7):
        answers = [torch.randint(5, 280, (2 + k % longest,)).tolist() for k in range(count)]
        ids = [prompt + answer for prompt, answer in zip(prompts, answers, strict=True)]
        labels = [
            [IGNORED] * len(prompt) + answer
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
        sides.append(EncodedRows(ids, labels))
    return EncodedPairs(*sides, 0, 0, tuple(map(str, range(count))))


def plain_log_prob(model: Any, ids: list[int], labels: list[int]) -> float:
    """One answer token by token, unpadded and alone."""
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0].double()
    total = 0.0
    for place, label in enumerate(labels):
        if label != IGNORED:
            total += float(logits[place - 1].log_softmax(-1)[label])
    return total


def test_log_probabilities_are_those_of_answers_alone_whatever_the_batch() -> None:
    model, _ = tiny()
    made = pairs()
    rows = PairRows(made, pad_id=0)
    batch = rows.collate([3, 0, PADDING_ROW, 4])
    assert batch["weights"].tolist() == [1, 1, 0, 1]
    found = pair_log_probs(model, batch)
    for line, index in ((0, 3), (1, 0), (3, 4)):
        for side, got in ((made.chosen, found.chosen), (made.rejected, found.rejected)):
            want = plain_log_prob(model, side.input_ids[index], side.labels[index])
            assert got[line].item() == pytest.approx(want, rel=1e-5)
    lengths = [sum(label != IGNORED for label in made.chosen.labels[index]) for index in (3, 0)]
    assert found.chosen_tokens[:2].tolist() == lengths


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def by_hand(kind: str, c: float, r: float, beta: float, wrong: float) -> float:
    """The formulas of the papers, on log-ratios of one pair."""
    m = beta * (c - r)
    if kind in ("sigmoid", "robust"):
        right, flipped = -math.log(sigmoid(m)), -math.log(sigmoid(-m))
        if kind == "sigmoid":
            return (1 - wrong) * right + wrong * flipped
        return ((1 - wrong) * right - wrong * flipped) / (1 - 2 * wrong)
    if kind == "exo_pair":
        p, q = sigmoid(m), 1 - sigmoid(m)
        return p * math.log(p / (1 - wrong)) + q * math.log(q / wrong)
    rc, rr = beta * c, beta * r
    return {
        "hinge": max(0.0, 1 - m),
        "ipo": (c - r - 0.5 / beta) ** 2,
        "nca_pair": -math.log(sigmoid(rc)) - 0.5 * math.log(sigmoid(-rc))
        - 0.5 * math.log(sigmoid(-rr)),
        "sppo_hard": (c - 0.5 / beta) ** 2 + (r + 0.5 / beta) ** 2,
        "apo_zero": 1 - sigmoid(rc) + sigmoid(rr),
        "apo_down": sigmoid(rc) + 1 - sigmoid(m),
    }[kind]  # fmt: skip


@pytest.mark.parametrize("kind", DPO_LOSSES)
def test_each_loss_is_the_formula_of_its_paper(kind: str) -> None:
    torch.manual_seed(0)
    policy = PairLogProbs(*(-20 * torch.rand(2, 6)), *torch.randint(2, 9, (2, 6)))
    reference = PairLogProbs(
        *(-20 * torch.rand(2, 6)), policy.chosen_tokens, policy.rejected_tokens
    )
    wrong = 0.2 if kind in ("sigmoid", "robust", "exo_pair") else 0.0
    found = dpo_loss(policy, reference, beta=0.3, loss_type=kind, label_smoothing=wrong)
    for k in range(6):
        c = (policy.chosen[k] - reference.chosen[k]).item()
        r = (policy.rejected[k] - reference.rejected[k]).item()
        if kind == "ipo":
            c, r = c / policy.chosen_tokens[k].item(), r / policy.rejected_tokens[k].item()
        assert found[k].item() == pytest.approx(by_hand(kind, c, r, 0.3, wrong), rel=1e-4, abs=1e-6)


def test_losses_without_a_reference_are_the_formulas_of_their_papers() -> None:
    torch.manual_seed(0)
    policy = PairLogProbs(*(-20 * torch.rand(2, 6)), *torch.randint(2, 9, (2, 6)))
    odds, simple, likely = (
        orpo_loss(policy, beta=0.3),
        simpo_loss(policy, beta=2.0, gamma=0.7),
        sft_loss(policy),
    )
    for k in range(6):
        c, r = (
            (side[k] / count[k]).item()
            for side, count in ((policy.chosen, policy.chosen_tokens),
                                (policy.rejected, policy.rejected_tokens))
        )  # fmt: skip
        ratio = math.log(math.exp(c) / (1 - math.exp(c))) - math.log(
            math.exp(r) / (1 - math.exp(r))
        )
        assert odds[k].item() == pytest.approx(-c - 0.3 * math.log(sigmoid(ratio)), rel=1e-4)
        assert simple[k].item() == pytest.approx(-math.log(sigmoid(2 * (c - r) - 0.7)), rel=1e-4)
        assert likely[k].item() == pytest.approx(-c, rel=1e-5)
    sure = PairLogProbs(*torch.zeros(2, 1), *torch.ones(2, 1))
    assert orpo_loss(sure, beta=1.0).isfinite().all()  # a probability of 1 has no odds


def test_the_loss_of_single_answers_is_the_formula_of_its_paper() -> None:
    ratios, good = torch.tensor([1.0, -2.0, 0.5, 3.0]), torch.tensor([True, True, False, False])
    found = kto_loss(
        ratios, good, torch.tensor(0.4), beta=0.5, desirable_weight=1.2, undesirable_weight=0.7
    )
    for k in range(4):
        beyond = 0.5 * (ratios[k].item() - 0.4)
        value = 1.2 * sigmoid(beyond) if good[k] else 0.7 * sigmoid(-beyond)
        assert found[k].item() == pytest.approx((1.2 if good[k] else 0.7) - value, rel=1e-5)


ADAPTERS = {
    "lora": peft.LoraConfig(r=4, lora_dropout=0.3, target_modules="all-linear"),
    "ia3": peft.IA3Config(target_modules=["v_proj"], feedforward_modules=[]),
    "prompt": peft.PromptTuningConfig(num_virtual_tokens=3),
}


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_that_learned_is_switched_off_for_the_reference(name: str) -> None:
    model, _ = tiny()
    batch = PairRows(pairs(), pad_id=0).collate(range(5))
    before = pair_log_probs(model, batch)
    config = ADAPTERS[name]
    config.task_type = "CAUSAL_LM"
    tuned: Any = (
        add_soft_prompt(model, config, "x", None)
        if name == "prompt"
        else peft.get_peft_model(model, config)
    )
    for parameter in tuned.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter)
    tuned.train()
    after, off = pair_log_probs(tuned, batch), reference_log_probs(tuned, batch)
    assert tuned.training and not torch.allclose(after.chosen, before.chosen, atol=1e-2)
    torch.testing.assert_close(off.chosen, before.chosen)
    torch.testing.assert_close(off.rejected, before.rejected)
    assert not off.chosen.requires_grad and after.chosen.requires_grad


def test_a_kept_reference_is_read_again_and_not_that_of_other_rows(tmp_path: Path) -> None:
    model, _ = tiny()
    model.train()
    rows = keep_reference(model, PairRows(pairs(), 0), tmp_path, micro_batch=2)
    assert model.training
    batch = rows.collate([2, 0])
    kept, now = kept_log_probs(batch), pair_log_probs(model, batch)
    torch.testing.assert_close(kept.chosen, now.chosen)
    torch.testing.assert_close(kept.rejected, now.rejected)
    for parameter in model.parameters():  # trained, and then cut off
        parameter.data.zero_()
    again = keep_reference(model, PairRows(pairs(), 0), tmp_path, micro_batch=2)
    assert torch.equal(again.reference, rows.reference)  # type: ignore[arg-type]
    other = keep_reference(model, PairRows(pairs(4), 0), tmp_path, micro_batch=2)
    assert not torch.allclose(other.reference[:4], rows.reference[:4])  # type: ignore[index]
