"""Distillation as a user runs it: a small model takes after a larger one, bit for bit the same."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from nivel.runtime.models import load_model, load_tokenizer, new_model, save_model

from .conftest import newest_run, result
from .test_ladder import write
from .test_resume import FINETUNE, SIZES, hold, tuning  # noqa: F401 - a fixture

Nivel = Callable[..., subprocess.CompletedProcess[str]]

TEACHER = "objective: {{type: distill, teacher: {{path: ./teacher}}, alpha: {alpha}, {more}}}\n"
LORA = "{type: lora, rank: 4, dropout: 0.1}"


@pytest.fixture
def taught(tuning: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    """The project of resuming, with a larger model that has the tokens of the small one."""
    monkeypatch.setenv("NIVEL_PROJECT", str(tuning))
    tokenizer = load_tokenizer("./base")
    torch.manual_seed(9)
    larger = new_model(
        "llama", {**SIZES, "num_hidden_layers": 3, "initializer_range": 0.2}, tokenizer
    )
    save_model(larger, tokenizer, tuning / "teacher")
    return tuning


def spec(
    folder: Path, name: str, *, alpha: float = 1.0, more: str = "temperature: 2", **values: str
) -> str:
    given = {"method": LORA, "train": "checkpoint_every: 4", "devices": "1", **values}
    text = FINETUNE.format(name=name, **given)
    objective = TEACHER.format(alpha=alpha, more=more)
    text = text.replace("train:\n  epochs", objective + "train:\n  epochs")
    return write(folder, f"{name}.yaml", text)


def apart(folder: Path, path: str) -> float:
    """KL(teacher || model) in nats a token over sentences that nobody trained on."""
    tokenizer = load_tokenizer(path)
    ids = torch.tensor([tokenizer("the plum and the iron near the rust is")["input_ids"]])
    with torch.no_grad():
        both = [load_model(name, dtype="fp32")(ids).logits for name in ("./teacher", path)]
    theirs, ours = (logits.log_softmax(-1) for logits in both)
    return float((theirs.exp() * (theirs - ours)).sum(-1)[:, -1].mean())


@pytest.mark.slow
def test_a_student_takes_after_its_teacher_and_a_kill_changes_no_bit(
    taught: Path, nivel: Nivel
) -> None:
    name = spec(taught, "taught", method="{type: full}", train="use: best")
    killed = hold(taught, nivel, name, "taught", kills=1)
    found = losses_of_steps(killed)
    assert found[-1] < 0.7 * found[0]
    assert apart(taught, "run:taught") < 0.7 * apart(taught, "./base")
    assert result(killed)["validation"]["loss"] < found[0]
    card = (killed / "model" / "README.md").read_text("utf-8")
    assert "distill" in card and "./teacher" in card
    lock = json.loads((killed / "lock.json").read_text("utf-8"))
    assert {"./base", "./teacher"} <= lock["model"].keys()


def losses_of_steps(folder: Path) -> list[float]:
    lines = map(json.loads, (folder / "metrics.jsonl").read_text("utf-8").splitlines())
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.slow
def test_how_a_step_is_cut_does_not_change_what_is_learned(taught: Path, nivel: Nivel) -> None:
    curves = []
    for micro in (8, 2):
        name = f"cut-{micro}"
        path = spec(
            taught, name, alpha=0.5, more="divergence: reverse", method="{type: full}", train=""
        )
        text = (taught / path).read_text()
        text = text.replace("micro_batch: 2", f"micro_batch: {micro}").replace(
            "epochs: 10", "epochs: 2"
        )
        (taught / path).write_text(text)
        nivel("run", path)
        curves.append(losses_of_steps(newest_run(taught, name)))
    assert len(curves[0]) == 6
    assert curves[1] == pytest.approx(curves[0], abs=2e-5)


def test_a_teacher_of_other_tokens_ends_the_run_in_a_sentence(taught: Path, nivel: Nivel) -> None:
    tokenizer = load_tokenizer("./teacher")
    tokenizer.add_tokens(["<more>"])
    model = load_model("./teacher", dtype="fp32")
    model.resize_token_embeddings(len(tokenizer))
    save_model(model, tokenizer, taught / "teacher")
    said = nivel("run", spec(taught, "other"), code=3).stderr
    assert "does not share the student's tokenizer" in said and "Traceback" not in said
    assert not (newest_run(taught, "other") / "metrics.jsonl").exists()
