"""Liger's kernels (arXiv:2410.10989) in place of a model's norms, rotations and gated MLPs."""

from __future__ import annotations

from typing import Any

from lightning import Callback, LightningModule, Trainer

from ..errors import ModelError, RunError
from ..extras import load_extra


class LigerKernels(Callback):
    """Puts Liger's kernels into the model before it is trained, and leaves them there.

    Each does in one pass over memory what Transformers writes as several operations; names and
    shapes of weights stay as they are, so what is saved is an ordinary model. The loss stays
    nivel's own: it is taken in pieces and summed over an optimizer step.
    """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.strategy.root_device.type != "cuda":
            raise RunError("Liger's kernels run on a GPU alone", "write `hardware.kernels: torch`")
        use_liger(pl_module.model)


def use_liger(model: Any) -> None:
    """Put the kernels into a model of Transformers, with or without a peft adapter.

    Raises:
        ExtraError: the package is not there.
        ModelError: it has no kernels for the family, or cannot put them into this model.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    kind = base.config.model_type
    patches = load_extra("liger_kernel.transformers.monkey_patch", "liger", who="hardware.kernels")
    if kind not in patches.MODEL_TYPE_TO_APPLY_LIGER_FN:
        known = ", ".join(sorted(patches.MODEL_TYPE_TO_APPLY_LIGER_FN))
        raise ModelError(f"Liger has no kernels for models of type {kind}", f"it has: {known}")
    try:
        patches._apply_liger_kernel_to_instance(
            model=base, cross_entropy=False, fused_linear_cross_entropy=False
        )
    except (AttributeError, TypeError, ImportError) as error:
        cause = str(error).strip().partition("\n")[0]
        raise ModelError(
            f"Liger's kernels do not fit {type(base).__name__} of this Transformers: {cause}",
            "write `hardware.kernels: torch`",
        ) from error
