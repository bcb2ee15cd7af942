"""Weights that are not the last ones: means over time, which are validated and saved.

Training goes on from its own weights: a mean is put in their place for a validation and they are
put back bit by bit, so that when there was one changes nothing. What a mean needs is in every
checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from lightning import Callback, LightningModule, Trainer
from safetensors import safe_open

from ..errors import RunError
from ..records import Run
from .places import TENSORS, all_steps, path_of

Weights = dict[str, torch.Tensor]


class Average(Callback):
    """What averages have in common; each says what its weights are.

    It has to stand before the callbacks that validate and save, so that they see its state.
    """

    def weights(self, module: LightningModule) -> Weights:
        """Return the mean of every trained parameter, by name; the parameters themselves at first,
        where nothing is averaged yet."""
        raise NotImplementedError

    def recall(self, module: LightningModule, checkpoint: Mapping[str, Any]) -> None:
        """Take the state back that was saved in `checkpoint`, whose weights `module` has."""
        raise NotImplementedError

    @contextmanager
    def applied(self, module: LightningModule) -> Iterator[None]:
        """Have the mean in place of the weights, for a while."""
        parameters = trained_parameters(module)
        before = {name: p.detach().clone() for name, p in parameters.items()}
        self.apply(module)
        try:
            yield
        finally:
            _put(parameters, before)

    def apply(self, module: LightningModule) -> None:
        """Put the mean in place of the weights, for good."""
        _put(trained_parameters(module), self.weights(module))


def trained_parameters(module: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """Return the parameters that are trained, by name; one that layers share is there once."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


@torch.no_grad()
def _put(parameters: Mapping[str, torch.nn.Parameter], values: Weights) -> None:
    for name, parameter in parameters.items():
        parameter.copy_(values[name])


class MovingAverage(Average):
    """Exponential moving average of the weights after each step, begun with those after the first.

    Args:
        decay: share of the average that stays at a step, between 0 and 1.
    """

    def __init__(self, *, decay: float) -> None:
        self.decay = decay
        self._mean: Weights = {}

    @torch.no_grad()
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return  # in the midst of an optimizer step
        now = trained_parameters(pl_module)
        if not self._mean:
            self._mean = {name: p.detach().clone() for name, p in now.items()}
            return
        self._mean = {name: mean.to(now[name].device) for name, mean in self._mean.items()}
        means, latest = [self._mean[name] for name in now], list[torch.Tensor](now.values())
        torch._foreach_lerp_(means, latest, weight=1.0 - self.decay)

    def weights(self, module: LightningModule) -> Weights:
        return self._mean or {name: p.detach() for name, p in trained_parameters(module).items()}

    def state_dict(self) -> dict[str, Any]:
        return {"mean": self._mean}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._mean = dict(state_dict["mean"])

    def recall(self, module: LightningModule, checkpoint: Mapping[str, Any]) -> None:
        self.load_state_dict(checkpoint["callbacks"][self.state_key])


class CheckpointAverage(Average):
    """Mean of the weights now and of the `last` - 1 regular checkpoints before.

    Checkpoints that a signal asked for are not regular, so that they change nothing.

    Args:
        run: the checkpoints are in its folder.
        last: sets of weights in the mean, those now included.
        every: steps between two regular checkpoints.
    """

    def __init__(self, run: Run, *, last: int, every: int) -> None:
        self.folder, self.last, self.every = run.folder, last, every

    def weights(self, module: LightningModule) -> Weights:
        now = trained_parameters(module)
        step = module.trainer.global_step
        total = {name: p.detach().double() for name, p in now.items()}
        before = [each for each in all_steps(self.folder) if each < step and self.regular(each)]
        chosen = before[-(self.last - 1) :]
        for each in chosen:
            with safe_open(path_of(self.folder, each) / TENSORS, "pt") as file:
                for name, sum_ in total.items():
                    sum_ += file.get_tensor(f"/state_dict/{name}").to(sum_)
        return {name: (sum_ / (len(chosen) + 1)).to(now[name]) for name, sum_ in total.items()}

    def regular(self, step: int) -> bool:
        """Whether a checkpoint after `step` is one of those that are averaged."""
        return step % self.every == 0

    def needed(self, step: int) -> list[int]:
        """Return the steps of the checkpoints that a mean at `step`, or after it, is made of."""
        before = [each for each in all_steps(self.folder) if each <= step and self.regular(each)]
        return before[-self.last :]

    def recall(self, module: LightningModule, checkpoint: Mapping[str, Any]) -> None:
        raise RunError("a mean of checkpoints is that of the last step, and has no best one")


class _ScheduleFree(Protocol):
    param_groups: list[dict[str, Any]]
    state: Mapping[torch.nn.Parameter, Mapping[str, torch.Tensor]]

    def train(self) -> None: ...

    def load_state_dict(self, state_dict: dict[str, Any]) -> None: ...


class ScheduleFreeAverage(Average):
    """The average that the schedule-free optimizer makes, arXiv:2405.15682.

    The optimizer's parameters are y, a point between the average x and the steps' own z. Training
    and checkpoints have y and z; x = y + (1 - 1 / beta1) (z - y) is computed where it is used.
    """

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        _optimizer(pl_module).train()

    def weights(self, module: LightningModule) -> Weights:
        optimizer = _optimizer(module)
        betas = {id(p): g["betas"][0] for g in optimizer.param_groups for p in g["params"]}
        found = {}
        for name, p in trained_parameters(module).items():
            z = optimizer.state.get(p, {}).get("z")
            y = p.detach()
            found[name] = y if z is None else y.lerp(z.to(y.device), 1.0 - 1.0 / betas[id(p)])
        return found

    def recall(self, module: LightningModule, checkpoint: Mapping[str, Any]) -> None:
        _optimizer(module).load_state_dict(checkpoint["optimizer_states"][0])


def _optimizer(module: LightningModule) -> _ScheduleFree:
    found: Any = module.trainer.optimizers[0]
    return found  # type: ignore[no-any-return]
