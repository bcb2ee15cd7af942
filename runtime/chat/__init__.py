"""Talking with a model, in a terminal or on a page of one's own.

A new kind of model is a `Streamer` beside `local.py` and `remote.py`; a new command one line in
`commands.py`. Nothing here loads torch until a local model is used.
"""

from .conversation import Conversation, Turn, changed
from .local import LocalStreamer
from .remote import EndpointStreamer
from .save import TestRows
from .session import Chat
from .streaming import End, Stop, Streamer, Words
from .terminal import chat_in_terminal
from .web import PageServer, chat_in_browser

__all__ = [
    "Chat",
    "Conversation",
    "End",
    "EndpointStreamer",
    "LocalStreamer",
    "PageServer",
    "Stop",
    "Streamer",
    "TestRows",
    "Turn",
    "Words",
    "changed",
    "chat_in_browser",
    "chat_in_terminal",
]
