"""`nivel migrate`: specs of an older language, rewritten in place in the present one.

Each step from one version to the next is a file here, with what moved as data; STEPS lists them.
"""

from __future__ import annotations

from .project import Migration, migrate

__all__ = ["Migration", "migrate"]
