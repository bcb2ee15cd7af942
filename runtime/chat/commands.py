"""The commands of a chat: lines that begin with a slash. A new one is a function and its line here.

`//` begins a message that itself begins with a slash.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches

from ..errors import NivelError
from .bars import render_bars
from .conversation import describe
from .session import Chat

__all__ = ["COMMANDS", "Misused", "Quit", "command_in", "message_in", "obey"]


class Misused(NivelError):
    """A line is no command, or lacks what its command needs."""


class Quit(Exception):
    """The reader has had enough."""


@dataclass(frozen=True, slots=True)
class Command:
    """What a command takes, does and says."""

    takes: str
    does: str
    run: Callable[[Chat, str, int], str]


def command_in(line: str) -> str | None:
    """Return the command that a line holds, without its slash; None for a message."""
    return line[1:] if line.startswith("/") and not line.startswith("//") else None


def message_in(line: str) -> str:
    """Return the message that a line holds."""
    return line[1:] if line.startswith("//") else line


def obey(chat: Chat, command: str, columns: int = 80) -> str:
    """Do what a command says and return what to show.

    Args:
        command: without its slash.
        columns: width of the terminal.

    Raises:
        Misused: there is no such command, or it lacks something.
        Quit: the chat is to end.
        NivelError: as the chat's own methods.
    """
    name, _, rest = command.partition(" ")
    if name not in COMMANDS:
        near = get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
        cure = f"did you mean /{near[0]}?" if near else "see /help"
        raise Misused(f"there is no command /{name}", f"{cure} A message may begin with //")
    found, rest = COMMANDS[name], rest.strip()
    if rest and not found.takes:
        raise Misused(f"/{name} takes nothing", f"write /{name}")
    if not rest and found.takes and not found.takes.startswith("["):
        raise Misused(f"/{name} needs {found.takes}", f"write /{name} {found.takes}")
    return found.run(chat, rest, columns)


def _help(chat: Chat, said: str, columns: int) -> str:
    forms = {f"/{name} {one.takes}".rstrip(): one.does for name, one in COMMANDS.items()}
    width = max(map(len, forms))
    lines = [f"{form:<{width}}  {does}" for form, does in forms.items()]
    return "\n".join([*lines, f"{'//...':<{width}}  a message that begins with a slash"])


def _setting(name: str) -> Callable[[Chat, str, int], str]:
    def change(chat: Chat, said: str, columns: int) -> str:
        chat.set(name, said)
        seed = chat.in_force.seed
        return describe(chat.in_force) + (f", seed {seed}" if seed is not None else "")

    return change


def _system(chat: Chat, said: str, columns: int) -> str:
    chat.say_first(said)
    return "system message set" if said else "no system message now"


def _reset(chat: Chat, said: str, columns: int) -> str:
    chat.reset()
    return "begun anew; the settings stay"


def _undo(chat: Chat, said: str, columns: int) -> str:
    question = chat.undo()
    return f"taken back: {question}" if question else "taken back"


def _probs(chat: Chat, said: str, columns: int) -> str:
    return render_bars(chat.words(said or None), columns)


def _save(chat: Chat, said: str, columns: int) -> str:
    return chat.save(said or None)


def _tokens(chat: Chat, said: str, columns: int) -> str:
    return chat.tokens()


def _quit(chat: Chat, said: str, columns: int) -> str:
    raise Quit


COMMANDS = {
    "help": Command("", "this list", _help),
    "temperature": Command(
        "[X]",
        "0 takes the likeliest token; higher draws more widely; without X the model's own",
        _setting("temperature"),
    ),
    "max_tokens": Command(
        "[N]", "longest answer, in tokens; without N the model's own", _setting("max_tokens")
    ),
    "top_p": Command(
        "[X]",
        "draw from the likeliest tokens that together hold this share; without X the model's own",
        _setting("top_p"),
    ),
    "seed": Command("[N]", "of the drawing; another one gives another answer", _setting("seed")),
    "system": Command("[TEXT]", "message before all others; without TEXT none", _system),
    "probs": Command(
        "[TEXT]",
        "how likely each next word is: at the last answer's beginning, or after TEXT",
        _probs,
    ),
    "tokens": Command("", "how many tokens the conversation holds, and how many fit", _tokens),
    "save": Command(
        "[LABEL]",
        "add the last question to the test rows, with LABEL or the model's answer as right",
        _save,
    ),
    "undo": Command("", "take back the last question and answer", _undo),
    "reset": Command("", "begin anew with the same settings", _reset),
    "quit": Command("", "end the chat, as Ctrl-D does", _quit),
}
