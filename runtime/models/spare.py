"""Less memory in training, for more time."""

from typing import Any

from ..errors import ModelError

__all__ = ["checkpoint_activations"]


def checkpoint_activations(model: Any) -> None:
    """Have each block of `model` computed again on the way back, in place of keeping what it made.

    What is computed is the same, dropout included. (Chen et al., arXiv:1604.06174.)

    Raises:
        ModelError: the model has no blocks that can be.
    """
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    try:
        # not reentrant: that one needs an input with a gradient, which frozen weights do not give
        base.gradient_checkpointing_enable({"use_reentrant": False})
    except ValueError as error:
        raise ModelError(
            f"{type(base).__name__} cannot compute its blocks again: {error}",
            "leave out hardware.activation_checkpointing",
        ) from error
