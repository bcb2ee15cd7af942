"""A batch that grows in the beginning of a training."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRamp:
    """The sizes ``start``, 2 x ``start``, 3 x ``start``, ... for ``steps`` steps each.

    Every size up to the batch is so held for as long, and gradients are noisier while they are
    large (McCandlish et al., arXiv:1812.06162; linear as in arXiv:2005.14165, appendix B). The
    number of micro-batches in a step stays what it is: they are smaller at first.

    Attributes:
        start: sequences in the first steps; a divisor of the batch.
        steps: optimizer steps of each size below the batch.
    """

    start: int
    steps: int

    def batch(self, step: int, full: int) -> int:
        """Return the sequences of step `step`, counted from 0, where `full` are those at last."""
        return min((step // self.steps + 1) * self.start, full)

    def first(self, step: int, full: int) -> int:
        """Return how many sequences all steps before `step` hold."""
        stages = full // self.start - 1
        whole = min(step // self.steps, stages)
        done = self.steps * self.start * whole * (whole + 1) // 2
        return done + (step - whole * self.steps) * self.batch(step, full)
