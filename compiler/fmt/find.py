"""Which files of a folder are specs or parts of specs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from .format import section_order

_ENDINGS = (".yaml", ".yml")
_SKIPPED = frozenset(("runs", "node_modules", "__pycache__"))
"""Besides hidden folders; what a run recorded is evidence and stays as it is."""

_TOP_KEY = re.compile(r"^([A-Za-z_][\w-]*)[ \t]*:(?:\s|\Z)", re.MULTILINE)


def find_specs(folder: str) -> Iterator[str]:
    """Yield the specs below ``folder`` in the order of their names.

    A file is one if it has the key ``nivel``, or if all its top-level keys are sections of a spec:
    a project holds YAML of other tools too, and that is not ours to lay out.
    """
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if name[0] != "." and name not in _SKIPPED)
        for name in sorted(files):
            path = os.path.normpath(os.path.join(here, name))
            if name.endswith(_ENDINGS) and _looks_like_a_spec(path):
                yield path


def _looks_like_a_spec(path: str) -> bool:
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        keys = set(_TOP_KEY.findall(file.read(1_000_000)))
    return "nivel" in keys or (bool(keys) and keys <= set(section_order(None)))
