"""Why an extended file cannot be had; the loader turns it into a finding at the name."""

from __future__ import annotations


class Refused(Exception):
    """A name under ``extends`` leads nowhere, or where it may not; ``code`` is NV5xx."""

    def __init__(self, code: str, message: str, cure: str | None = None) -> None:
        self.code, self.message, self.cure = code, message, cure
        super().__init__(message)


def inside(path: str, folder: str) -> bool:
    """Tell whether ``path`` is ``folder`` or lies in it; both with links resolved."""
    import os

    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
