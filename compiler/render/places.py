"""Where a finding is, for programs: a file of the project, or something that is none."""

from __future__ import annotations

import os
from urllib.parse import quote

from ..diagnostics import Location

STDIN = "<stdin>"
"""How a spec that came by a pipe is named."""


_ELSEWHERE = ("--", "pkg:", "git+")
"""How a place on the command line, in a Python package or in a git commit begins."""


def is_file(where: Location | None) -> bool:
    """Tell whether the place is in a file of this disk that has a path."""
    return where is not None and where.file != STDIN and not where.file.startswith(_ELSEWHERE)


def as_uri(path: str) -> tuple[str, bool]:
    """Return the percent-encoded URI of a file, and whether it is relative to the project.

    A file outside the working folder gets its absolute URI: `..` has no meaning against a root
    that only the reader knows. Bytes of a name that are no UTF-8 are encoded as they are. The
    name of a file in a package or commit is a URI already.
    """
    if path.startswith(_ELSEWHERE):
        return quote(os.fsencode(path), safe=":/@+#=&?%"), False
    short = os.path.normpath(path)
    inside = not os.path.isabs(short) and short.split(os.sep)[0] != os.pardir
    plain = (short if inside else os.path.abspath(short)).replace(os.sep, "/")
    encoded = quote(os.fsencode(plain), safe="/")
    return (encoded, True) if inside else ("file://" + encoded, False)
