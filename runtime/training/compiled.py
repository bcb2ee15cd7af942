"""Blocks that torch.compile has made one piece of machine code each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from transformers.modeling_layers import GradientCheckpointingLayer

from ..errors import ModelError, RunError


class CompiledBlocks(Callback):
    """Compiles each block of the model for the time of the training.

    All blocks share one code, so it is made once for each way of calling it; what lies outside
    them (embeddings, the loss in pieces, hooks) is as ever. Blocks keep their names, and after the
    training they are what they were: evaluation has rows of many shapes.

    Args:
        dynamic: whether lengths differ from row to row, so that one code has to do for all.
    """

    def __init__(self, *, dynamic: bool) -> None:
        self.dynamic = dynamic

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        _refuse_without_compiler()
        for block in blocks_of(pl_module):
            block.compile(dynamic=self.dynamic)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._undo(pl_module)

    def on_exception(
        self, trainer: Trainer, pl_module: LightningModule, exception: BaseException
    ) -> None:
        self._undo(pl_module)

    def _undo(self, module: LightningModule) -> None:
        for block in blocks_of(module):
            block._compiled_call_impl = None


def blocks_of(module: torch.nn.Module) -> list[Any]:
    """Return the blocks of Transformers' models inside `module`.

    Raises:
        ModelError: it has none.
    """
    found = [part for part in module.modules() if isinstance(part, GradientCheckpointingLayer)]
    if not found:
        raise ModelError(
            f"{type(getattr(module, 'model', module)).__name__} has no blocks to compile",
            "write `hardware: {compile: false}`",
        )
    return found


def _refuse_without_compiler() -> None:
    """Say in one sentence what torch would say in a page.

    Raises:
        RunError: there is no C++ compiler.
    """
    name = os.environ.get("CXX", "g++")
    if shutil.which(name) is None:
        raise RunError(
            f"hardware.compile needs a C++ compiler, and there is no {name}",
            "install gcc (g++), or write `hardware: {compile: false}`",
        )


@contextmanager
def uncompiled(module: torch.nn.Module) -> Iterator[None]:
    """Have blocks run as they are written, for what has many shapes; harmless where they do."""
    parts = [part for part in module.modules() if isinstance(part, GradientCheckpointingLayer)]
    before: list[Any] = [part._compiled_call_impl for part in parts]
    for part in parts:
        part._compiled_call_impl = None
    try:
        yield
    finally:
        for part, call in zip(parts, before, strict=True):
            part._compiled_call_impl = call
