"""Packages that only some experiments need, each of an extra of this project."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from .errors import ExtraError

__all__ = ["find_extra", "load_extra"]


def find_extra(package: str, extra: str, *, who: str) -> None:
    """See that an optional package is installed, without loading it.

    Raises:
        ExtraError: it is not; the arguments are those of `load_extra`.
    """
    if find_spec(package) is None:
        message = f"{who} needs the package {package}, which is not installed"
        raise ExtraError(message, f"pip install 'nivel[{extra}]'")


def load_extra(module: str, extra: str, *, who: str) -> Any:
    """Return a module of an optional package.

    Args:
        module: its whole name.
        extra: the extra of nivel that installs it.
        who: what needs it, as a spec says it; the sentence begins with it.

    Raises:
        ExtraError: the package is not installed, or cannot be loaded.
    """
    package = module.partition(".")[0].replace("_", "-")
    try:
        return import_module(module)
    except ImportError as error:
        message = f"{who} needs the package {package}, which cannot be loaded: {error}"
        raise ExtraError(message, f"pip install 'nivel[{extra}]'") from error
