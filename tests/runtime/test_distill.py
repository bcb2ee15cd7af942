"""Distillation against a plain loop, and what a teacher must be."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model

from nivel.runtime.data import EncodedRows
from nivel.runtime.errors import ModelError
from nivel.runtime.models import load_model, load_tokenizer, new_model, save_model, train_byte_bpe
from nivel.runtime.training import Distillation, LabelledRows, Teacher, distill_loss, token_nll

from .tiny import SIZES, tiny

ROWS = [[5, 6, 7, 8, 9, 10], [11, 12, 13], [14, 15, 16, 17, 18, 19, 20, 21]]
LABELS = [[-100, -100, 7, 8, -100, 10], [-100, -100, 13], [-100] * 6 + [20, 21]]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    for name, seed, sizes in (("student", 0, {}), ("teacher", 1, {"num_hidden_layers": 3})):
        save_model(*tiny(seed, **sizes), tmp_path / name)
    return tmp_path


def teacher(path: str = "./teacher", dtype: str = "fp32", length: int = 8) -> Teacher:
    rows = EncodedRows([[5] * length], [[5] * length])
    return Teacher(path, None, dtype, load_tokenizer("./student"), rows)


def student() -> Any:
    return load_model("./student", dtype="fp32")


def batch(rows: list[int]) -> dict[str, torch.Tensor]:
    return LabelledRows(ROWS, LABELS, 0).collate(rows)


def by_hand(divergence: str, temperature: float, alpha: float) -> float:
    """One row at a time, one token at a time, in double precision and by the definitions."""
    ours, theirs = student().double(), load_model("./teacher", dtype="fp32").double()
    total = 0.0
    for row, labels in zip(ROWS, LABELS, strict=True):
        with torch.no_grad():
            one, two = (m(torch.tensor([row])).logits[0].tolist() for m in (ours, theirs))
        for place, label in enumerate(labels):
            if label == -100 or place == 0:
                continue
            hot = shares(one[place - 1], 1.0)
            total += (1 - alpha) * -math.log(hot[label])
            p, q = shares(two[place - 1], temperature), shares(one[place - 1], temperature)
            if divergence == "reverse":
                p, q = q, p
            apart = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
            total += alpha * temperature**2 * apart
    return total


def shares(logits: list[float], temperature: float) -> list[float]:
    high = max(logits)
    weights = [math.exp((one - high) / temperature) for one in logits]
    return [one / sum(weights) for one in weights]


@pytest.mark.parametrize("divergence", ["forward", "reverse"])
@pytest.mark.parametrize("temperature, alpha", [(1.0, 0.5), (2.0, 1.0), (0.7, 0.3)])
def test_the_loss_is_that_of_the_definition(
    divergence: str, temperature: float, alpha: float
) -> None:
    how = Distillation(temperature=temperature, alpha=alpha, divergence=divergence)
    asked, one = student(), teacher()
    whole = distill_loss(asked, one, batch([0, 1, 2]), how)
    assert float(whole) == pytest.approx(by_hand(divergence, temperature, alpha), rel=2e-5)
    parts = sum(float(distill_loss(asked, one, batch([row]), how)) for row in range(3))
    assert parts == pytest.approx(float(whole), rel=1e-5)  # however a step is cut


def test_gradients_of_parts_add_up_to_those_of_the_whole() -> None:
    how = Distillation(temperature=2.0, alpha=0.5, divergence="forward")
    grads = []
    for parts in ([[0, 1, 2]], [[0], [1, 2]]):
        asked, one = student(), teacher()
        for rows in parts:
            distill_loss(asked, one, batch(rows), how).backward()
        grads.append(asked.model.embed_tokens.weight.grad)
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-6)


def test_a_student_that_is_its_teacher_has_only_the_rows_to_learn() -> None:
    asked, same = student(), teacher("./student")
    whole, half = (Distillation(temperature=3.0, alpha=a, divergence="reverse") for a in (1.0, 0.5))
    nothing = distill_loss(asked, same, batch([0, 2]), whole)
    assert float(nothing) == pytest.approx(0.0, abs=1e-5)
    half = distill_loss(asked, same, batch([0, 2]), half)
    assert float(half) == pytest.approx(0.5 * float(token_nll(asked, batch([0, 2]))), rel=1e-5)


def test_only_the_student_is_trained_and_the_teacher_keeps_its_data_type() -> None:
    config = LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM")
    asked, one = get_peft_model(student(), config), teacher(dtype="bf16")
    asked.train()
    how = Distillation(temperature=1.0, alpha=0.5, divergence="forward")
    seen = []
    one.model.lm_head.register_forward_hook(lambda m, i, o: seen.append(o.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = distill_loss(asked, one, batch([0, 1]), how)
    loss.backward()
    assert seen == [torch.bfloat16] and loss.dtype == torch.float32
    full = teacher()
    full.model.lm_head.register_forward_hook(lambda m, i, o: seen.append(o.dtype))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        distill_loss(asked, full, batch([0]), how)
    assert seen[1:] == [torch.float32]  # its own, under autocast too
    assert all(p.grad is None for p in one.model.parameters()) and not one.model.training
    assert any(p.grad is not None for p in asked.parameters())


def test_rows_without_a_trained_token_give_a_zero_that_reaches_all() -> None:
    asked = student()
    empty = LabelledRows([ROWS[0]], [[-100] * 6], 0).collate([0])
    how = Distillation(temperature=1.0, alpha=0.5, divergence="forward")
    loss = distill_loss(asked, teacher(), empty, how)
    loss.backward()
    assert float(loss) == 0.0 and asked.model.norm.weight.grad is not None


def test_a_teacher_of_other_tokens_is_refused(project: Path) -> None:
    tokenizer = train_byte_bpe(
        ["quite another text with its own merges, as many as are asked for, merges"], 285
    )
    save_model(new_model("llama", SIZES, tokenizer), tokenizer, project / "other")
    with pytest.raises(ModelError, match="does not share the student's tokenizer"):
        teacher("./other")
    own, tokenizer = tiny(1)
    tokenizer.add_tokens(["<more>"])
    own.resize_token_embeddings(len(tokenizer))
    save_model(own, tokenizer, project / "longer")
    with pytest.raises(ModelError, match="it has 291 tokens and the student 290"):
        teacher("./longer")


def test_padded_vocabularies_are_cut_to_the_tokens_that_both_have(project: Path) -> None:
    wide, tokenizer = tiny(1, num_hidden_layers=3)
    wide.resize_token_embeddings(320, mean_resizing=False)
    save_model(wide, tokenizer, project / "wide")
    how = Distillation(temperature=1.0, alpha=1.0, divergence="forward")
    one, two = (
        float(distill_loss(student(), teacher(path), batch([0, 1]), how))
        for path in ("./teacher", "./wide")
    )
    assert one == pytest.approx(two, rel=1e-5)


def test_a_teacher_that_reads_too_little_is_refused() -> None:
    with pytest.raises(ModelError, match="reads 512 positions, and rows have up to 600"):
        teacher(length=600)
