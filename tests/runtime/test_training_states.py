"""Optimizers and averages: what they are, and that a training cut off ends with the same bits."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from nivel.runtime.errors import ModelError
from nivel.runtime.training import (
    BatchRamp,
    CheckpointAverage,
    MicroBatches,
    MovingAverage,
    ScheduleFreeAverage,
    Together,
    TokenRows,
    adamw_8bit,
    adamw_schedule_free,
    muon_groups,
    parameter_groups,
)
from nivel.runtime.training.averages import trained_parameters
from nivel.runtime.training.places import path_of
from nivel.runtime.training.state import read_state

from .learning import RATE, STEPS, Killed, learn, metrics, model, names, rows, same

ADAMW: dict[str, Any] = {"lr": RATE, "betas": (0.9, 0.95), "eps": 1e-8}


def muon(made: Any) -> Together:
    hidden, others = muon_groups(made, 0.1)
    first = torch.optim.Muon(hidden, lr=RATE, adjust_lr_fn="match_rms_adamw")
    return Together(first, torch.optim.AdamW(others, lr=RATE / 2, fused=True))


def free(made: Any) -> Any:
    return adamw_schedule_free(parameter_groups(made, 0.1), **ADAMW)


def eight_bits(made: Any) -> Any:
    optimizer = adamw_8bit(parameter_groups(made, 0.1), **ADAMW)
    optimizer.args.min_8bit_size = 256  # type: ignore[attr-defined]
    return optimizer


def needs(package: str) -> pytest.MarkDecorator:
    missing = importlib.util.find_spec(package) is None
    return pytest.mark.skipif(missing, reason=f"{package} is not installed")


Averaging = Callable[[Any], Any] | None

WAYS: dict[str, tuple[Callable[[Any], Any] | None, Averaging]] = {
    "a batch that grows": (None, None),
    "muon": (muon, None),
    "ema": (None, lambda run: MovingAverage(decay=0.8)),
    "checkpoints": (None, lambda run: CheckpointAverage(run, last=3, every=3)),
    "schedule-free": (free, lambda run: ScheduleFreeAverage()),
    "adamw-8bit": (eight_bits, None),
}
MARKS = {"schedule-free": needs("schedulefree"), "adamw-8bit": needs("bitsandbytes")}


@pytest.mark.parametrize("way", [pytest.param(way, marks=MARKS.get(way, ())) for way in WAYS])
def test_a_training_cut_off_twice_ends_with_the_bits_of_the_one_that_was_not(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, averaging = WAYS[way]
    best = way not in ("checkpoints",)
    options: dict[str, Any] = {"make": make, "averaging": averaging, "best": best}
    if way == "a batch that grows":
        options["ramp"] = BatchRamp(start=2, steps=6)
    whole = learn(tmp_path / "whole", monkeypatch, **options)
    for kill in (9, 19):  # in the midst of the steps 5 and 10
        with pytest.raises(Killed):
            learn(tmp_path / "cut", monkeypatch, kill=kill, **options)
    cut = learn(tmp_path / "cut", monkeypatch, **options)
    assert same(cut.last, whole.last) and same(cut.weights, whole.weights)
    assert metrics(tmp_path / "cut") == metrics(tmp_path / "whole")
    assert names(tmp_path / "cut") == names(tmp_path / "whole")
    assert cut.validation.state_dict() == whole.validation.state_dict()
    if averaging is not None:
        assert not same(whole.last, whole.weights)


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=MARKS.get(way, ())) for way in ("ema", "schedule-free")],
)
def test_the_weights_that_are_saved_are_those_that_were_validated(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, averaging = WAYS[way]
    trained = learn(tmp_path, monkeypatch, make=make, averaging=averaging, best=True)
    watched, module = trained.validation, trained.module
    rows = watched.rows.collate(range(len(watched.rows)))
    batch = {**rows, "step_tokens": torch.tensor(watched.tokens)}
    with torch.no_grad():
        found = float(module.eval().training_step(batch, 0)["nll"])
    assert found == pytest.approx(watched.best, rel=1e-6)


@pytest.mark.parametrize(
    "way",
    [pytest.param(way, marks=MARKS.get(way, ())) for way in ("ema", "schedule-free")],
)
def test_when_there_is_a_validation_changes_no_bit_of_what_is_learned(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make, averaging = WAYS[way]
    often = learn(tmp_path / "often", monkeypatch, make=make, averaging=averaging, validate_every=1)
    seldom = learn(
        tmp_path / "seldom", monkeypatch, make=make, averaging=averaging, validate_every=12
    )
    assert same(often.weights, seldom.weights)


def test_muon_trains_the_matrices_of_the_blocks_and_adamw_the_rest() -> None:
    made = model()
    hidden, others = muon_groups(made, 0.1)
    names_of = {id(p): name for name, p in made.named_parameters()}
    by_muon = {names_of[id(p)] for group in hidden for p in group["params"]}
    by_adamw = {names_of[id(p)] for group in others for p in group["params"]}
    assert all("layers" in name and "proj" in name for name in by_muon) and len(by_muon) == 14
    assert "model.embed_tokens.weight" in by_adamw and "model.norm.weight" in by_adamw
    assert not by_muon & by_adamw
    assert len(by_muon) + len(by_adamw) == len(list(made.parameters()))


def test_muon_takes_the_adapters_of_linear_layers() -> None:
    from peft import LoraConfig, get_peft_model

    adapted = get_peft_model(model(), LoraConfig(r=2, target_modules="all-linear"))
    hidden, others = muon_groups(adapted, 0.1)
    assert others == [] and len(hidden[0]["params"]) == 28


def test_muon_without_a_matrix_is_refused() -> None:
    made = model().requires_grad_(False)
    made.model.norm.weight.requires_grad_(True)
    with pytest.raises(ModelError, match="nothing for Muon"):
        muon_groups(made, 0.1)


def test_optimizers_together_take_the_steps_that_each_takes_alone() -> None:
    """The first part is torch's Muon, the second torch's AdamW: nothing of either is changed."""
    torch.manual_seed(0)
    start = [torch.randn(6, 4), torch.randn(5)]
    gradients = [[torch.randn(6, 4), torch.randn(5)] for _ in range(3)]

    def steps(build: Callable[[list[Any]], list[Any]]) -> list[torch.Tensor]:
        parameters = [torch.nn.Parameter(value.clone()) for value in start]
        optimizers = build(parameters)
        for each in gradients:
            for parameter, gradient in zip(parameters, each, strict=True):
                parameter.grad = gradient.clone()
            for optimizer in optimizers:
                optimizer.step()
        return [p.detach() for p in parameters]

    def parts(p: list[Any]) -> list[Any]:
        return [torch.optim.Muon([p[0]], lr=0.1), torch.optim.AdamW([p[1]], lr=0.2)]

    alone = steps(parts)
    together = steps(lambda p: [Together(*parts(p))])
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def test_a_mean_of_checkpoints_is_that_of_the_weights_in_their_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, averaging = WAYS["checkpoints"]
    trained = learn(tmp_path, monkeypatch, averaging=averaging)
    files = [read_state(path_of(tmp_path, step))["state_dict"] for step in (6, 9, STEPS)]
    for name in trained_parameters(trained.module):
        mean = torch.stack([file[name].double() for file in files]).mean(0)
        assert torch.allclose(trained.weights[name].double(), mean, atol=1e-7)


def test_a_moving_average_follows_its_formula(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, torch.Tensor]] = []

    class Spy(MovingAverage):
        def on_train_batch_end(
            self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
        ) -> None:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
            if batch_idx % 2:
                now = trained_parameters(pl_module)
                seen.append({name: p.detach().clone() for name, p in now.items()})

    trained = learn(tmp_path, monkeypatch, averaging=lambda run: Spy(decay=0.8))
    name = "model.model.norm.weight"
    mean = seen[0][name].double()
    for each in seen[1:]:
        mean = 0.8 * mean + 0.2 * each[name].double()
    assert len(seen) == STEPS
    assert torch.allclose(trained.weights[name].double(), mean, atol=1e-6)


@pytest.mark.parametrize("world", [1, 2])
def test_a_batch_that_grows_draws_each_row_once_in_the_order_of_one_that_does_not(
    world: int,
) -> None:
    data, ramp = TokenRows(rows(100)), BatchRamp(start=4, steps=2)
    options: dict[str, Any] = {"batch": 16, "micro_batch": 16 // world // 2, "seed": 1}
    grown = MicroBatches(data, steps=9, rank=0, world=world, ramp=ramp, **options)
    plain = MicroBatches(data, steps=6, rank=0, world=world, **options)
    sizes = [len(grown.step_indices(step)) for step in range(9)]
    assert sizes == [4, 4, 8, 8, 12, 12, 16, 16, 16] and sum(sizes) == 6 * 16
    drawn = [index for step in range(9) for index in grown.step_indices(step)]
    assert drawn == [index for step in range(6) for index in plain.step_indices(step)]
    assert grown.accumulation == plain.accumulation == 2
    parts = [grown[2 * step]["input_ids"].shape[0] for step in range(9)]
    assert parts == [size // 2 // world for size in sizes]
    with pytest.raises(ValueError, match="are not"):
        MicroBatches(
            data, steps=9, rank=0, world=world, ramp=BatchRamp(start=1, steps=2), **options
        )
