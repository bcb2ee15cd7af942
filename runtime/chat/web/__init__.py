"""The chat on a page of the reader's own browser: one address of this machine, one secret in it.

What a tab can do is an action in `tabs.py`; who may ask is decided in `server.py`; the page itself
is page.html, page.css, page.js and talk.js, put together by `page.py`.
"""

from .server import PageServer, chat_in_browser

__all__ = ["PageServer", "chat_in_browser"]
