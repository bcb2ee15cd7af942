"""What every training has of Lightning, where Lightning by itself would refuse it."""

from __future__ import annotations

from typing import Any

import lightning
import pytest
import torch

from nivel.runtime.training import make_trainer


class Sums(lightning.LightningModule):
    """One matrix, and a gradient far longer than what it is clipped to."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.matrix = torch.nn.Linear(4, 4, bias=False)
        self.lengths: list[float] = []

    def train_dataloader(self) -> Any:
        return torch.utils.data.DataLoader(torch.ones(8, 4), batch_size=4)  # type: ignore[arg-type]

    def training_step(self, batch: Any, index: int) -> Any:
        return (self.matrix(batch) ** 2).sum() * 1000

    def on_before_zero_grad(self, optimizer: Any) -> None:
        if self.matrix.weight.grad is not None:
            self.lengths.append(float(self.matrix.weight.grad.norm()))

    def configure_optimizers(self) -> Any:
        return torch.optim.AdamW(self.parameters(), lr=0.1, fused=True)


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_gradients_are_clipped_with_the_fused_optimizer_too(precision: str) -> None:
    module = Sums()
    make_trainer(
        accelerator="cpu", devices=1, strategy="auto", precision=precision, steps=2,
        accumulation=1, max_grad_norm=0.5, callbacks=[],
    ).fit(module)  # fmt: skip
    assert module.lengths == pytest.approx([0.5, 0.5][: len(module.lengths)], rel=1e-3)
    assert module.lengths
