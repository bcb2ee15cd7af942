"""Keep Transformers' own progress bars off the screen."""

import contextlib
from collections.abc import Iterator
from typing import Any

from transformers.utils import logging as transformers_logging

__all__ = ["quiet"]


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
