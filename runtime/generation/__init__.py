"""Answers written by a local model, in batches, free or held to a JSON Schema.

A new parameter of generation goes into `settings.py` and is obeyed in `choose.py`; a new way to
keep what was read goes beside `slots.py` and is chosen in `decode.py`.
"""

from .chooser import LocalChooser
from .local import LocalModel
from .saved import write_generation
from .settings import DEFAULTS, Settings, settle

__all__ = [
    "DEFAULTS",
    "LocalChooser",
    "LocalModel",
    "Settings",
    "settle",
    "write_generation",
]
