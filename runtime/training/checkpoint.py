"""Checkpoints: what lets a run that was killed at any moment end as if it had not been.

The order of the rows is a function of a counter and every micro-batch seeds its own randomness, so
trained weights, optimizer, schedule and counters are the whole state. Weights that are not trained
are not in it: they come from the model that the run started from, and their hash is checked.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from ..errors import RunError
from ..records import Run
from ..records.ranks import is_rank_zero
from .averages import Average, CheckpointAverage
from .batches import Rows
from .divergence import Diverged
from .identity import identity_of, refuse_other
from .places import FOLDER, all_paths, path_of, step_of
from .sharding import is_sharded
from .shards import read_shards
from .signals import Signals
from .state import UNFINISHED, is_whole, read_state
from .validation import Validation


class Checkpoints(Callback):
    """Saves the state every so many optimizer steps, at the last one, and on a signal to stop.

    It has to be the last of the callbacks, so that it sees the state that the others leave.

    Args:
        run: checkpoints go to its folder.
        rows: what is trained on; other rows are another run.
        every: steps between two checkpoints.
        keep: newest checkpoints that stay; older ones are removed once a newer one is whole.
        best: where given, the checkpoint of the lowest validation loss stays too.
        average: what of the weights is used; what it is made of stays too.
    """

    def __init__(
        self,
        run: Run,
        rows: Rows,
        *,
        every: int,
        keep: int,
        best: Validation | None = None,
        average: Average | None = None,
    ) -> None:
        self.run, self.every, self.keep, self.best = run, every, keep, best
        self.average = average
        self.folder = run.folder / FOLDER
        self._sources = {"training": rows, **({"validation": best.rows} if best else {})}
        self._identity: dict[str, Any] = {}
        self._signals = Signals()

    def newest(self) -> str | None:
        """Return the newest whole checkpoint of the run, or None where it starts anew.

        What a killed writer left is removed; a damaged checkpoint is passed over, and said.
        """
        if is_rank_zero():
            for left in self.folder.glob(f"{UNFINISHED}*"):
                shutil.rmtree(left, ignore_errors=True)
        for path in reversed(all_paths(self.run.folder)):
            if is_whole(path):
                if is_rank_zero():
                    print(f"going on after step {step_of(path)}", file=sys.stderr, flush=True)
                return str(path)
            if is_rank_zero():
                print(f"passing over {path.name}: it is damaged", file=sys.stderr, flush=True)
        return None

    def load_best(self, module: LightningModule) -> None:
        """Give the trained parameters the values they had at the lowest validation loss.

        Raises:
            RunError: nothing was validated, or the checkpoint is damaged.
        """
        if self.best is None or self.best.best_step is None:
            raise RunError("no validation has been made, so no checkpoint is the best")
        path = path_of(self.run.folder, self.best.best_step)
        parts = is_sharded(module)  # then each process reads its own
        strategy: Any = module.trainer.strategy
        state = read_shards(path, strategy.device_mesh) if parts else read_state(path)
        module.load_state_dict(state["state_dict"], strict=False)
        if self.average is not None:
            self.average.recall(module, state)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        pl_module.strict_loading = False  # frozen weights are not in a checkpoint
        if trainer.is_global_zero:
            self._identity = identity_of(trainer, pl_module, self._sources)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if trainer.is_global_zero:
            refuse_other(checkpoint["nivel"], self._identity)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        checkpoint["nivel"] = self._identity
        checkpoint["state_dict"] = _trained(pl_module, checkpoint["state_dict"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._signals.hold()
        if getattr(trainer, "received_sigterm", False):
            self._signals.ask()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return  # in the midst of an optimizer step
        step, asked = trainer.global_step, self._signals.agreed(trainer)
        ends = step == trainer.max_steps or trainer.should_stop
        is_best = self.best is not None and self.best.best_step == step
        if step % self.every == 0 or ends or is_best or asked:
            trainer.save_checkpoint(path_of(self.run.folder, step))
            if trainer.is_global_zero:
                self._remove_old(step)
        if asked and not ends:
            if trainer.is_global_zero:
                print(f"saved after step {step}: the run can go on", file=sys.stderr, flush=True)
            self._signals.stop(asked, step)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._signals.release()

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._signals.release()
        if isinstance(exception, Diverged) and trainer.is_global_zero:
            paths = all_paths(self.run.folder)
            kept = (
                f"the last checkpoint before it is {paths[-1].name}" if paths else "none was made"
            )
            print(f"checkpoints: {kept}", file=sys.stderr, flush=True)

    def _remove_old(self, step: int) -> None:
        stays = {self.best.best_step if self.best else None}
        if isinstance(self.average, CheckpointAverage):
            stays |= set(self.average.needed(step))
        for path in all_paths(self.run.folder)[: -self.keep]:
            if step_of(path) not in stays:
                shutil.rmtree(path, ignore_errors=True)


def _trained(module: torch.nn.Module, state: Mapping[str, Any]) -> dict[str, Any]:
    """Keep of a module's state what training changes: its parameters, and buffers that are saved.

    A parameter that two layers share is kept once.
    """
    names = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    names += [name for name, _ in module.named_buffers()]
    return {name: state[name] for name in names if name in state}
