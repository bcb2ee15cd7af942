"""Keep Transformers' own progress bars off the screen."""

import contextlib
import warnings
from collections.abc import Iterator
from typing import Any

from transformers.utils import logging as transformers_logging

__all__ = ["quiet", "silent"]

# peft still asks Transformers by the old name: nothing that a user could act upon
warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Show no bars inside the block: the screen belongs to the run's own progress."""
    bars: Any = transformers_logging  # untyped in Transformers
    shown = bars.is_progress_bar_enabled()
    bars.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bar()


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Show neither bars nor reports inside the block, such as those of weights that are new."""
    levels: Any = transformers_logging  # untyped in Transformers
    before = levels.get_verbosity()
    levels.set_verbosity_error()
    try:
        with quiet():
            yield
    finally:
        levels.set_verbosity(before)
