"""What a bundle says of itself: every file with its hash, and what it needs besides.

The manifest is the first thing to compare: its own hash names the bundle, and everything in the
bundle is named by the manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from .refused import Refused

NAME = "MANIFEST.json"
VERSION = 1
MAX_BYTES = 8_000_000
PROGRAM = "compiled"
"""The folder of the emitted program."""

Facts = dict[str, dict[str, Any]]

_SHA = re.compile(r"[0-9a-f]{64}\Z")
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files in a bundle, those left out, and what has to be installed or downloaded.

    ``files`` and ``left_out`` give sha256 and size by path; ``nivel`` is the version that emitted
    the program, and ``needs`` says in words what is not in the bundle.
    """

    bundle: int
    nivel: str
    spec: str
    files: Facts
    left_out: Facts
    needs: list[str]

    def text(self) -> str:
        """Return the manifest as the text of its file."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def parse_manifest(raw: bytes) -> Manifest:
    """Return the manifest in ``raw``; raises :class:`Refused`."""
    try:
        data = json.loads(raw)
        manifest = Manifest(**data)
    except (ValueError, TypeError, RecursionError):
        raise Refused("NV530", f"its {NAME} cannot be read") from None
    lists = (manifest.files, manifest.left_out)
    sound = manifest.bundle == VERSION and all(map(_is_facts, lists))
    words = isinstance(manifest.needs, list) and all(isinstance(w, str) for w in manifest.needs)
    if not sound or not words or manifest.spec not in manifest.files:
        raise Refused("NV530", f"its {NAME} is not of version {VERSION}")
    return manifest


def _is_facts(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(one, dict)
        and set(one) == {"sha256", "size"}
        and isinstance(one["sha256"], str)
        and _SHA.match(one["sha256"]) is not None
        and type(one["size"]) is int
        for one in value.values()
    )


def check_names(names: Iterable[str], code: str) -> None:
    """Refuse names that could leave the folder they are unpacked in, or be run there.

    Also two names that are one on some systems, and a name that is a file and a folder at once.
    """
    files: set[str] = set()
    folders: set[str] = set()
    for name in names:
        fault = _fault(name)
        folded = name.casefold()
        if fault is None and folded in files:
            fault = "is there twice"
        if fault is not None:
            raise Refused(code, f"the path {name!r} {fault}")
        files.add(folded)
        steps = folded.split("/")
        folders.update("/".join(steps[:depth]) for depth in range(1, len(steps)))
    if both := files & folders:
        raise Refused(code, f"the path {min(both)!r} is a file and a folder")


def _fault(name: str) -> str | None:
    steps = name.split("/")
    if name.startswith("/") or "\\" in name or ":" in name or {"", ".", ".."} & set(steps):
        return "is not a plain path inside a folder"
    if not name.isprintable() or len(name) > 255:
        return "is too long or holds characters that cannot be shown"
    if any(step.startswith(".") or _RESERVED.match(step) for step in steps):
        return "has a hidden or reserved name"
    if name.endswith((".py", ".pth", ".so", ".pyc")) and steps[0] != PROGRAM:
        return f"is code outside `{PROGRAM}/`, which Python could import"
    return None
