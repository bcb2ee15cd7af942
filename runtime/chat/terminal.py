"""A chat in a terminal, or with lines from a pipe.

Answers go to standard output; what is said about them goes there too in a terminal and to standard
error otherwise, so that a script reads answers alone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from typing import TextIO, final

from ..errors import DataError, NivelError
from .bars import harmless
from .commands import Misused, Quit, command_in, message_in, obey
from .conversation import describe, how_it_ended
from .session import Chat, introduction
from .streaming import End

__all__ = ["MISUSED", "RUN_FAILED", "chat_in_terminal"]

MISUSED, RUN_FAILED = 2, 3


def chat_in_terminal(chat: Chat, notes: tuple[str, ...] = ()) -> int:
    """Talk until the input ends, and return the exit code.

    In a terminal, faults are shown and the chat goes on. With lines from a pipe the first fault
    ends it, since what follows was written for another conversation.

    Args:
        chat: just begun.
        notes: what else to say at the start.
    """
    return _Terminal(chat, sys.stdin, sys.stdout).run(notes)


@final
class _Terminal:
    def __init__(self, chat: Chat, stdin: TextIO, stdout: TextIO) -> None:
        self.chat, self.stdin, self.stdout = chat, stdin, stdout
        self.live = stdin.isatty() and stdout.isatty()
        self.safe = stdout.isatty()  # a terminal obeys what it is shown
        self.color = self.live and not os.environ.get("NO_COLOR")

    def run(self, notes: tuple[str, ...]) -> int:
        if self.live:
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401 - lets lines be edited
        for note in (*introduction(self.chat), *notes):
            self._note(note)
        if self.live:
            self._note("/help lists the commands; Ctrl-C stops an answer, Ctrl-D ends the chat")
        while True:
            try:
                line = self._read()
                if line is None:
                    return 0
                self._do(line)
            except Quit:
                return 0
            except NivelError as error:
                print(f"error: {harmless(str(error))}", file=sys.stderr, flush=True)
                if not self.live:
                    return MISUSED if isinstance(error, Misused) else RUN_FAILED
            except KeyboardInterrupt:
                if not self.live:
                    return 128 + 2
                self._write("\n")

    def _read(self) -> str | None:
        """Return the next line, or None at the end of the input.

        Raises:
            DataError: it is not UTF-8.
        """
        try:
            if not self.live:
                line = self.stdin.readline()
                return line.rstrip("\r\n") if line else None
            return input(f"[{describe(self.chat.in_force)}] > ")
        except UnicodeDecodeError as error:
            raise DataError("the message is not UTF-8", "save or send it as UTF-8") from error
        except EOFError:
            self._write("\n")
            return None

    def _do(self, line: str) -> None:
        if (command := command_in(line)) is not None:
            width = shutil.get_terminal_size((100, 24)).columns
            self._write(self._clean(obey(self.chat, command, width)) + "\n")
        elif line.strip() or (self.chat.conversation.plain and self.chat.conversation.turns):
            self._answer(message_in(line))

    def _answer(self, question: str) -> None:
        """Show the answer as it comes; an interrupt ends the answer and not the chat."""
        shown = ""
        try:
            with contextlib.closing(self.chat.answer(question)) as pieces:
                for found in pieces:
                    if isinstance(found, End):
                        self._ended(found, shown)
                    else:
                        shown += found
                        self._write(self._clean(found))
        except KeyboardInterrupt:
            if not self.live:
                raise
            self._write("\n")
            self._note("(stopped)")
        except NivelError:
            if shown:
                self._write("\n")
            raise

    def _ended(self, end: End, shown: str) -> None:
        self._write("\n")
        if end.text != shown:
            self._note("(some characters turned out to be none; the answer is kept as follows)")
            self._write(self._clean(end.text) + "\n")
        said = how_it_ended(end.finish, self.chat.in_force)
        if said is None:
            if not end.text:
                self._note("(an empty answer)")
            return
        if end.finish == "length":
            said += "; more with /max_tokens"
            said += ", or with an empty line" if self.chat.conversation.plain else ""
        self._note(f"({said})")

    def _clean(self, text: str) -> str:
        return harmless(text) if self.safe else text

    def _note(self, text: str) -> None:
        text = harmless(text)
        if not self.live:
            print(text, file=sys.stderr, flush=True)
            return
        self._write(f"\x1b[2m{text}\x1b[0m\n" if self.color else f"{text}\n")

    def _write(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
