"""The conversations of a page, one to a browser tab, and what a tab can ask for.

A new thing to ask for is a function and its line in `ACTIONS`.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeAlias, final

from ...errors import DataError, NivelError
from ..bars import percent
from ..conversation import SETTINGS, describe, how_it_ended
from ..session import Chat, introduction
from ..streaming import End, Stop

__all__ = ["ACTIONS", "Body", "Gone", "Tab", "Tabs", "told"]

MOST_TABS = 64  # conversations that are kept; the one that rested longest makes room
Body: TypeAlias = Mapping[str, Any]  # what a request says, from JSON
Event: TypeAlias = dict[str, Any]  # what an answer's stream says, as JSON


class Gone(NivelError):
    """A tab's conversation is not kept any more."""


@final
class Tab:
    """One conversation, and the wish to stop its answer.

    The page numbers its answers, since a stop may overtake the question that it is about.
    """

    def __init__(self, chat: Chat) -> None:
        self.chat = chat
        self.at_work = threading.Lock()
        self._lock = threading.Lock()
        self._number = self._stopped = 0
        self._stop = Stop()

    def answer(self, question: str, number: int) -> Generator[Event, None, None]:
        """Yield pieces of the answer, how it ended or what went wrong, and the state after it.

        Closing the iterator stops the answer.
        """
        if not self.at_work.acquire(blocking=False):
            yield {"error": "the model is at work: wait for the answer, or stop it"}
            return
        try:
            stop = self._begin(number)
            with contextlib.closing(self.chat.answer(question, stop)) as pieces:
                for found in pieces:
                    yield self._ended(found) if isinstance(found, End) else {"piece": found}
            yield {"state": state(self)}
        except NivelError as error:
            yield {"error": told(error)}
        finally:
            self.at_work.release()

    def stop(self, number: int) -> None:
        """Stop the answer of this number, be it in work or yet to come."""
        with self._lock:
            self._stopped = max(self._stopped, number)
            stop = self._stop if number == self._number else None
        if stop is not None:
            stop.now()

    def end(self) -> None:
        """Stop whatever is in work."""
        with self._lock:
            stop = self._stop
        stop.now()

    def _begin(self, number: int) -> Stop:
        with self._lock:
            self._number, self._stop = number, Stop()
            if number <= self._stopped:
                self._stop.now()
            return self._stop

    def _ended(self, end: End) -> Event:
        why = how_it_ended(end.finish, self.chat.in_force)
        found = {"text": end.text, "finish": end.finish, "why": why, "seconds": end.seconds}
        return {"end": found | {"read": end.input_tokens, "written": end.output_tokens}}


@final
class Tabs:
    """The tabs that are open, by names that nobody can guess.

    Args:
        first: a chat just begun; every tab gets another like it.
    """

    def __init__(self, first: Chat) -> None:
        self._first = first
        self._tabs: dict[str, Tab] = {}
        self._lock = threading.Lock()

    def open(self) -> tuple[str, Tab]:
        name, tab = secrets.token_urlsafe(16), Tab(self._first.another())
        with self._lock:
            resting = [key for key, one in self._tabs.items() if not one.at_work.locked()]
            if len(self._tabs) >= MOST_TABS and resting:
                del self._tabs[resting[0]]
            self._tabs[name] = tab
        return name, tab

    def find(self, name: object) -> Tab:
        """Return a tab and count it as used.

        Raises:
            Gone: there is none of this name.
        """
        with self._lock:
            tab = self._tabs.pop(name, None) if isinstance(name, str) else None
            if tab is None:
                raise Gone("this conversation is not kept any more", "load the page again")
            self._tabs[str(name)] = tab
            return tab

    def close(self, name: object) -> None:
        """End a conversation and forget it."""
        with self._lock:
            tab = self._tabs.pop(name, None) if isinstance(name, str) else None
        if tab is not None:
            tab.end()

    def close_all(self, patience: float) -> None:
        """End all conversations and wait for their answers' ends, seconds for each at most."""
        with self._lock:
            tabs, self._tabs = list(self._tabs.values()), {}
        for tab in tabs:
            tab.end()
        for tab in tabs:
            if tab.at_work.acquire(timeout=patience):
                tab.at_work.release()


def told(error: NivelError) -> str:
    """Return what a page says of an error."""
    return error.message if error.cure is None else f"{error.message}: {error.cure}"


def state(tab: Tab) -> Event:
    """Return what a page shows beside the conversation."""
    chat, tests = tab.chat, tab.chat.tests
    said, now = chat.conversation.generation, chat.in_force
    return {
        "about": introduction(chat),
        "plain": chat.conversation.plain,
        "turns": len(chat.conversation.turns),
        "in_force": describe(now),
        "settings": {
            name: {"said": getattr(said, name), "in_force": getattr(now, name)} for name in SETTINGS
        },
        "system": chat.conversation.system or "",
        "tokens": chat.tokens(),
        "save": {
            "refusal": tests.refusal(),
            "needs_label": tests.needs_label,
            "labels": list(tests.labels),
        },
    }


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise DataError(f"{name} is no text")
    return value


def number_in(body: Body) -> int:
    """Return the number of the answer that a request is about.

    Raises:
        DataError: it has none.
    """
    value = body.get("number")
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise DataError("number is none")
    return value


def _stop(tab: Tab, body: Body) -> Event:
    tab.stop(number_in(body))
    return {}


def _set(tab: Tab, body: Body) -> Event:
    name = _text(body, "name")
    if name not in SETTINGS:
        raise DataError(f"there is no setting {name[:60]!r}")
    tab.chat.set(name, _text(body, "value"))
    return {"state": state(tab)}


def _system(tab: Tab, body: Body) -> Event:
    tab.chat.say_first(_text(body, "text"))
    return {"state": state(tab)}


def _undo(tab: Tab, body: Body) -> Event:
    return {"question": tab.chat.undo(), "state": state(tab)}


def _reset(tab: Tab, body: Body) -> Event:
    tab.chat.reset()
    return {"state": state(tab)}


def _words(tab: Tab, body: Body) -> Event:
    found = tab.chat.words(None if body.get("text") is None else _text(body, "text"))
    rows = [
        {"label": label, "share": share, "percent": percent(share)} for label, share in found.rows
    ]
    return {"heading": found.heading, "rows": rows}


def _save(tab: Tab, body: Body) -> Event:
    return {"saved": tab.chat.save(None if body.get("label") is None else _text(body, "label"))}


ACTIONS: dict[str, Callable[[Tab, Body], Event]] = {
    "stop": _stop,
    "set": _set,
    "system": _system,
    "undo": _undo,
    "reset": _reset,
    "words": _words,
    "save": _save,
}
