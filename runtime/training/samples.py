"""Texts that a model writes in the midst of its training, for people to read."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from ..records import Run
from ..records.files import append_json_line, read_json_lines, write_json_lines
from ..records.ranks import is_rank_zero
from .averages import Average
from .compiled import uncompiled
from .head import resting
from .sharding import is_sharded, settle

FILE = "samples.jsonl"


class Samples(Callback):
    """Continues each prompt every so many optimizer steps and after the last, into `samples.jsonl`.

    Nothing of the training depends on it: modes, weights and random state are as before.

    Args:
        prompts: what is continued.
        max_tokens: tokens of a continuation at most; fewer where the model reads no more.
        temperature: 0 takes the likeliest token, more draws; the same draws at each step.
        every: steps between two rounds; None: after the last step alone.
        average: what writes, in place of the weights of the step.
    """

    def __init__(
        self,
        run: Run,
        tokenizer: Any,
        *,
        prompts: Sequence[str],
        max_tokens: int,
        temperature: float,
        every: int | None = None,
        average: Average | None = None,
    ) -> None:
        self.run, self.tokenizer, self.prompts = run, tokenizer, list(prompts)
        self.max_tokens, self.temperature = max_tokens, temperature
        self.every, self.average = every, average
        self._path = run.folder / FILE

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if is_rank_zero() and self._path.exists():  # what comes after will be written again
            lines = read_json_lines(self._path)
            write_json_lines(self._path, [x for x in lines if x["step"] <= trainer.global_step])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        if not is_rank_zero() and not is_sharded(pl_module):
            return  # of a model in parts all processes have to write, to the same end
        step = trainer.global_step
        ends = step == trainer.max_steps or trainer.should_stop
        if ends or (self.every is not None and step % self.every == 0):
            self._write(pl_module, step)

    def _write(self, module: Any, step: int) -> None:
        used = self.average.applied(module) if self.average else nullcontext()
        # blocks in parts are put together in the precision that they are trained in
        cast = (
            module.trainer.precision_plugin.val_step_context if is_sharded(module) else nullcontext
        )
        with used, uncompiled(module), resting(module), cast():
            texts = [self._continue(module, prompt) for prompt in self.prompts]
            settle(module)
        if not is_rank_zero():
            return
        for prompt, text in zip(self.prompts, texts, strict=True):
            append_json_line(self._path, {"step": step, "prompt": prompt, "text": text})
        print(f"sample after step {step}: {self.prompts[0] + texts[0]!r}", file=sys.stderr)

    def _continue(self, module: Any, prompt: str) -> str:
        model, place = module.model, module.trainer.strategy.root_device
        ids = self.tokenizer(prompt, return_tensors="pt")["input_ids"].to(place)
        room = getattr(model.config, "max_position_embeddings", None)
        most = self.max_tokens if room is None else min(self.max_tokens, room - ids.shape[1])
        if most < 1:
            return ""
        torch.manual_seed(0)  # the same draws each time; the state outside is put back
        drawn: dict[str, Any] = {"do_sample": False}
        if self.temperature:
            drawn = {"do_sample": True, "temperature": self.temperature, "top_k": 0}
        written = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=most,
            pad_token_id=self.tokenizer.pad_token_id,
            synced_gpus=is_sharded(module),
            **drawn,
        )
        text: str = self.tokenizer.decode(written[0, ids.shape[1] :], skip_special_tokens=True)
        return text
