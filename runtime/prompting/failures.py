"""What can go wrong with a call: which failures are tried again, and which may have been paid.

A failure is tried again only where trying helps. Most cost nothing, because nothing was generated;
where an answer may have been generated and not have arrived, that is said, and counted.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from .redact import redact
from .transport import Reply

__all__ = ["ASK_AGAIN", "Failure", "kind_of", "refused", "seconds_until_retry", "wait_seconds"]

# Kinds that say nothing of the cell: a resumed run asks again without being told to. `batch` is a
# request that its batch did not get to before it expired or was called off.
ASK_AGAIN = frozenset(
    {
        "unauthorized",
        "quota",
        "not-found",
        "redirect",
        "unreachable",
        "rate-limit",
        "stopped",
        "batch",
    }
)
# Kinds that every other call to the endpoint would meet as well.
_WHOLE = frozenset({"unauthorized", "quota", "not-found", "redirect"})
_RETRIED = frozenset({"rate-limit", "overloaded", "server", "unreachable", "dropped", "cut"})
_QUOTA = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
_KINDS = {
    400: "bad-request",
    401: "unauthorized",
    402: "quota",
    403: "forbidden",
    404: "not-found",
    408: "server",
    409: "server",
    425: "server",
    429: "rate-limit",
    503: "overloaded",
    529: "overloaded",
}
LONGEST_REASON = 600  # characters of a server's own words
FIRST_BACKOFF = 0.5  # seconds, where the server does not say how long
LONGEST_BACKOFF = 60.0


class Failure(Exception):
    """One call that gave no good answer.

    Attributes:
        kind: one word; see the sets above.
        retry: whether sending again can help.
        whole: whether all other calls to this endpoint would fail alike.
        paid: 1 if an answer may have been generated, else 0.
        wait: seconds that the server asks to wait, above 0, or None.
    """

    def __init__(
        self, kind: str, message: str, *, paid: int = 0, wait: float | None = None
    ) -> None:
        super().__init__(_harmless(redact(f"{kind}: {message}")))
        self.kind, self.paid, self.wait = kind, paid, wait
        self.retry = kind in _RETRIED
        self.whole = kind in _WHOLE

    @property
    def slow_down(self) -> bool:
        """Whether the server has too much to do."""
        return self.kind in ("rate-limit", "overloaded")


def kind_of(error: str) -> str:
    """Return the kind in an answer's `error`."""
    return error.partition(":")[0]


def refused(reply: Reply, now: float | None = None) -> Failure:
    """Return what a reply with any status but 200 means.

    Args:
        reply: as it came.
        now: seconds since 1970, for dates in Retry-After; None for the clock.
    """
    status, (code, reason) = reply.status, _reason(reply)
    if 300 <= status < 400:
        target = reply.headers.get("location", "nowhere")
        return Failure("redirect", f"{status}, to {target}; redirects are not followed")
    kind = _KINDS.get(status, "server" if status >= 500 else "rejected")
    if status in (403, 429) and code in _QUOTA:
        kind = "quota"
    wait = seconds_until_retry(reply.headers, now) if kind in _RETRIED else None
    return Failure(kind, f"{status}: {reason}", wait=wait)


def seconds_until_retry(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return how long a server asks to wait, of whatever length; None where it does not say.

    `Retry-After` is a number of seconds or an HTTP date (RFC 9110, section 10.2.3);
    `retry-after-ms` is what some vendors add. Zero, or a date gone by, does not say how long the
    server will be busy: it counts as not saying, or the same call would go round without end.
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * unit
        except ValueError:
            continue
        if 0 < seconds < 1e9:
            return seconds
    try:
        until = parsedate_to_datetime(headers.get("retry-after", "")).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    left = until - (time.time() if now is None else now)
    return left if left > 0 else None


def wait_seconds(failure: Failure, attempt: int) -> float:
    """Return how long to wait after the `attempt`-th failed try, counted from 1.

    The server's own word, and a little more so that not all come back at once; otherwise twice as
    long each time, from half a second to a minute, and a random half of that.
    """
    if failure.wait is not None:
        return failure.wait + random.uniform(0.0, min(1.0, 0.1 * failure.wait))
    ceiling = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2.0 ** (attempt - 1))
    return ceiling * random.uniform(0.5, 1.0)


def _reason(reply: Reply) -> tuple[str, str]:
    """Return the code and the words of an error body, in any of the shapes that are in use."""
    text = reply.body[:100_000].decode("utf-8", "replace")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return "", _short(" ".join(text.split())) or "no reason given"
    inner = body.get("error", body) if isinstance(body, dict) else body
    if not isinstance(inner, dict):
        return "", _short(str(inner))
    code = _short(str(inner.get("code") or inner.get("type") or ""))
    words = inner.get("message") or inner.get("detail") or inner.get("msg") or inner
    return code, _short(words if isinstance(words, str) else json.dumps(words, ensure_ascii=False))


def _harmless(text: str) -> str:
    """Put U+FFFD for what a terminal could obey: a server's words are shown on one."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else text[:LONGEST_REASON] + "..."
