"""What a run has trained, as a folder that stands by itself.

A format is a file here that `folders.py` calls; a data type is a line of `DTYPES`.
"""

from .dtypes import DTYPES
from .folders import Exported, export_run

__all__ = ["DTYPES", "Exported", "export_run"]
