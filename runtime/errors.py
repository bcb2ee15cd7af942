"""The errors a person can cause and cure, apart from bugs.

Every message says what was found and, after a dash or in a second sentence, what to change.
"""

import sys
from types import TracebackType

__all__ = [
    "DataError",
    "ExtraError",
    "ModelError",
    "NivelError",
    "RunError",
    "Stopped",
    "Truncated",
    "Waiting",
    "show_plainly",
]


class NivelError(Exception):
    """Root of the errors that the runtime raises on purpose.

    Args:
        message: what is wrong, standing alone.
        cure: what to do about it; shown on its own line.
    """

    def __init__(self, message: str, cure: str | None = None) -> None:
        super().__init__(message if cure is None else f"{message}\n  cure: {cure}")
        self.message = message
        self.cure = cure

    def __reduce__(self) -> tuple[type["NivelError"], tuple[str, str | None]]:
        # The default would pass the joined text back as the message when a worker re-raises it.
        return type(self), (self.message, self.cure)


class DataError(NivelError):
    """Rows, documents, templates or their encoding cannot be used as asked."""


class ModelError(NivelError):
    """A model or a tokenizer cannot be found, loaded, built or saved."""


class ExtraError(NivelError):
    """A package that this experiment needs is not installed, or cannot be loaded."""


class RunError(NivelError):
    """A run's folder or record is missing, damaged or of another kind."""


class Stopped(SystemExit):
    """The program was told to stop by a signal, and did so in order.

    Args:
        reason: what told it, and what was saved.
        code: exit code; 128 and the number of the signal, as shells have it.
    """

    def __init__(self, reason: str, code: int) -> None:
        super().__init__(code)
        self.reason = reason


class Truncated(RunError):
    """A run's budget ended it; its record says so, and there are no scores."""


class Waiting(SystemExit):
    """Ends a program that has done what it was told to, while its run is not at its end.

    Args:
        reason: what the run waits for; it stands in the run's record.
        code: exit code of the program.
    """

    def __init__(self, reason: str, code: int = 0) -> None:
        super().__init__(code)
        self.reason = reason


def show_plainly() -> None:
    """From now on, let this program end on a NivelError or an interrupt without a traceback.

    They are for the person who runs it; the exit code stays what it was. Anything else is a bug
    and keeps its traceback.
    """
    sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, NivelError):
        print(f"error: {error}", file=sys.stderr)
    elif issubclass(kind, KeyboardInterrupt):
        print("interrupted", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)
