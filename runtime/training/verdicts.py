"""Single judged answers as training rows, and how far the model has moved (KTO)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from lightning import LightningModule
from torch import Tensor

from .batches import LabelledRows
from .loader import batches_done
from .pairs import Encoded, PairRows, answer_log_probs, untuned


class _EncodedVerdicts(Protocol):
    @property
    def answers(self) -> Encoded: ...

    @property
    def others(self) -> Encoded: ...

    @property
    def good(self) -> tuple[bool, ...]: ...


class VerdictRows(PairRows):
    """Judged answers, each beside the answer to another prompt; a loss is a mean over answers."""

    unit = "answers"

    def __init__(
        self, rows: _EncodedVerdicts, pad_id: int, *, reference: Tensor | None = None
    ) -> None:
        answers, others = rows.answers, rows.others
        self.count, self.good = len(answers.input_ids), rows.good
        ids, labels = answers.input_ids + others.input_ids, answers.labels + others.labels
        self.answers = LabelledRows(ids, labels, pad_id)
        self.reference = reference

    def collate(self, indices: Sequence[int]) -> dict[str, Tensor]:
        """One micro-batch: the judged answers and then the others, as `PairRows` has it.

        ``good``: (answers,), the verdicts.
        """
        batch = super().collate(indices)
        batch["good"] = torch.tensor([self.good[max(index, 0)] for index in indices])
        return batch


def verdict_log_ratios(model: Any, batch: dict[str, Tensor]) -> Tensor:
    """Return log-ratios of the judged answers to the model before tuning, in nats, (answers,).

    That model's are in the batch where they were kept, and are otherwise those of the same weights
    with the adapter switched off.
    """
    return _log_ratios(model, batch, 0)


def _log_ratios(model: Any, batch: dict[str, Tensor], side: int) -> Tensor:
    names = ("input_ids", "labels", "attention_mask", "position_ids")
    rows = {name: batch[name].chunk(2)[side] for name in names}
    found = answer_log_probs(model, rows)
    if "reference" in batch:
        return found - batch["reference"][:, side]
    with torch.no_grad(), untuned(model) as reference:
        before = answer_log_probs(reference, rows)
    return found - before


class StepDivergence:
    """How far the model is from the one before tuning: KTO's z0 (arXiv:2402.01306, section 4.2).

    It is the mean log-ratio of answers to other prompts, and 0 where that is negative; without a
    gradient. All rows of an optimizer step give one value before the first of its micro-batches is
    learned, so that neither their size nor the number of processes changes it. While the loss is
    validated it stays that of the last step.
    """

    def __init__(self) -> None:
        self.value = torch.zeros(())

    def of_step(self, module: LightningModule, model: Any, index: int) -> Tensor:
        """Return the value of the step that micro-batch `index` belongs to."""
        if module.training and index % module.trainer.accumulate_grad_batches == 0:
            self.value = self._measure(module, model)
        return self.value

    @torch.no_grad()
    def _measure(self, module: LightningModule, model: Any) -> Tensor:
        trainer: Any = module.trainer
        data, first = trainer.train_dataloader.dataset, batches_done(trainer) - 1
        training = {part: part.training for part in model.modules()}
        model.eval()
        total = torch.zeros((), device=module.device)
        for place in range(first, first + trainer.accumulate_grad_batches):
            batch = trainer.strategy.batch_to_device(data[place])
            ratios = _log_ratios(model, batch, 1) * batch["weights"]
            total = total + ratios.sum() / batch["step_answers"]
        for part, mode in training.items():
            part.training = mode
        found: Tensor = torch.as_tensor(trainer.strategy.reduce(total, reduce_op="sum"))
        return found.clamp(min=0)
