"""A model behind an address that speaks OpenAI's format."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import final

from ..errors import ModelError
from .price import Price, find_price
from .probed import Watched
from .redact import hide
from .session import Session
from .transport import Door, check_address
from .types import JSON, Answer, Cell

__all__ = ["Endpoint"]

# Hosts where the longest answer is named as OpenAI now names it, thoughts included.
_NEW_LIMIT = ("api.openai.com", ".openai.azure.com")


@final
class Endpoint:
    """A backend that asks an OpenAI-compatible service.

    Args:
        name: the backend's name in the matrix.
        base_url: the address, such as `https://api.openai.com/v1`.
        model: the model's name there.
        key_env: environment variable that holds the key; None sends none.
        key_host: the host the key belongs to; it is sent to no other.
        concurrency: calls in flight at most.
        timeout: seconds for one call.
        resend_timeouts: a call that timed out may have been paid; True sends it again.
        price: of its tokens; None looks it up in genai-prices, where that is installed.
        batch_price: of tokens that go through its batch service; None is not known.
        capabilities: the record of a probe, a file in the project; that the endpoint serves
            another model by now is said.
        limit_name: the field for the longest answer; None chooses by the host.

    Raises:
        ModelError: the address cannot be used or the key would go to another host.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str,
        model: str,
        key_env: str | None = None,
        key_host: str | None = None,
        concurrency: int = 8,
        timeout: float = 600.0,
        resend_timeouts: bool = False,
        price: Price | None = None,
        batch_price: Price | None = None,
        capabilities: str | None = None,
        limit_name: str | None = None,
    ) -> None:
        if (key_env is None) != (key_host is None):
            raise ModelError("a key needs both its variable and its host", "give env and host")
        if concurrency < 1 or timeout <= 0:
            raise ModelError("concurrency and timeout must be above 0")
        host = check_address(base_url, key_host).hostname or ""
        self.name, self.model, self.base_url = name, model, base_url.rstrip("/")
        self.price = price or find_price(self.base_url, model)
        self.batch_price, self._capabilities = batch_price, capabilities
        self.limit_name = limit_name or _limit_name(host)
        self._key_env, self._key_host = key_env, key_host
        self._concurrency, self._timeout = concurrency, timeout
        self._resend = resend_timeouts

    def identity(self) -> dict[str, JSON]:
        """Return what shapes its answers: the address and the model's name there."""
        return {"type": "endpoint", "base_url": self.base_url, "model": self.model}

    def answer(
        self,
        cells: Sequence[Cell],
        intent: Callable[[Cell], None],
        done: Callable[[Cell, Answer], None],
        stop: Callable[[], bool],
    ) -> None:
        """Answer the cells; see `Backend`.

        An interrupt or SIGTERM lets calls in flight end, which are paid already, and is then
        raised; a second one drops them.

        Raises:
            ModelError: the key is missing, the record of the probe cannot be read, or the endpoint
                will answer none of them.
        """
        if not cells:
            return
        if self._capabilities is not None:
            done = Watched(self._capabilities, done)
        session = Session(
            self.door(),
            model=self.model,
            limit_name=self.limit_name,
            concurrency=self._concurrency,
            resend_timeouts=self._resend,
            price=self.price,
            intent=intent,
            done=done,
            stop=stop,
        )
        with _terminating():
            _sit(session, cells)

    def door(self) -> Door:
        """Open the door to this endpoint.

        Raises:
            ModelError: the variable that should hold the key is not set.
        """
        return Door(self.base_url, self._key(), self._key_host, self._timeout)

    def _key(self) -> str | None:
        """Return the key, once it is known to everything that writes."""
        if self._key_env is None:
            return None
        key = os.environ.get(self._key_env, "").strip()
        if not key:
            raise ModelError(
                f"{self.name} needs a key, and {self._key_env} is not set",
                f"export {self._key_env}=... in the shell that runs this",
            )
        hide(key, self._key_env)
        if not key.isascii() or not key.isprintable():
            raise ModelError(f"{self._key_env} holds characters that no key has")
        return key


def _limit_name(host: str) -> str:
    new = any(host == name or host.endswith(name) for name in _NEW_LIMIT)
    return "max_completion_tokens" if new else "max_tokens"


def _sit(session: Session, cells: Sequence[Cell]) -> None:
    """See a session through; after an interrupt, only what is in flight."""
    threads = session.start(cells)
    try:
        _join(threads)
    except (KeyboardInterrupt, SystemExit):
        print("stopping; waiting for answers under way, once more to drop them", file=sys.stderr)
        session.halt()
        _join(threads)
        raise
    session.check()


def _join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        while thread.is_alive():
            thread.join(1.0)  # without a limit, Windows would not see an interrupt


@contextlib.contextmanager
def _terminating() -> Iterator[None]:
    """Let SIGTERM end the program as an interrupt does: once calls in flight have ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _exit)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit(number: int, frame: object) -> None:
    raise SystemExit(128 + number)
