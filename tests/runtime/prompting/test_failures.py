"""What a reply that is no answer means: its kind, whether to come back, and when."""

from __future__ import annotations

import json
from email.utils import formatdate

import pytest

from nivel.runtime.prompting.failures import Failure, refused, seconds_until_retry, wait_seconds
from nivel.runtime.prompting.transport import Reply

NOW = 1_900_000_000.0  # seconds since 1970


def reply(status: int, body: object = "", **headers: str) -> Reply:
    data = body if isinstance(body, str) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, named, data.encode())


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "86400"}, 86400.0),
        ({"retry-after": "604800"}, 604800.0),
        ({"retry-after": formatdate(NOW + 90, usegmt=True)}, 90.0),
        ({"retry-after": formatdate(NOW + 3 * 86400, usegmt=True)}, 259200.0),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "2"}, 2.0),
        ({"retry-after": formatdate(NOW - 90, usegmt=True)}, None),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Fri, 99 Foo 99999 99:99:99 GMT"}, None),
        ({}, None),
    ],
)
def test_a_server_says_when_to_come_back_in_seconds_or_by_a_date_of_whatever_length(
    headers, seconds
):
    assert seconds_until_retry(headers, NOW) == (seconds and pytest.approx(seconds, abs=0.01))


def test_the_servers_own_word_is_kept_to_and_little_is_added():
    for said in (0.02, 7.0, 300.0, 86400.0):
        failure = refused(reply(429, retry_after=str(said)))
        for attempt in (1, 50):
            assert said <= wait_seconds(failure, attempt) <= said + min(1.0, 0.1 * said)


def test_without_a_word_the_wait_doubles_up_to_a_minute():
    failure = refused(reply(429))
    for attempt, most in ((1, 0.5), (2, 1.0), (3, 2.0), (8, 60.0), (500, 60.0)):
        waits = [wait_seconds(failure, attempt) for _ in range(50)]
        assert most / 2 <= min(waits) and max(waits) <= most and len(set(waits)) > 40


@pytest.mark.parametrize(
    ("status", "body", "kind", "retry", "whole"),
    [
        (400, {"error": {"message": "no"}}, "bad-request", False, False),
        (401, {"error": {"message": "no"}}, "unauthorized", False, True),
        (402, "", "quota", False, True),
        (403, {"error": {"message": "no"}}, "forbidden", False, False),
        (404, {"error": {"message": "no"}}, "not-found", False, True),
        (408, "", "server", True, False),
        (422, {"detail": "no"}, "rejected", False, False),
        (429, {"error": {"message": "slow down", "code": "rate_limit"}}, "rate-limit", True, False),
        (429, {"error": {"message": "no", "code": "insufficient_quota"}}, "quota", False, True),
        (429, {"error": {"message": "no", "type": "insufficient_quota"}}, "quota", False, True),
        (403, {"error": {"message": "no", "code": "billing_not_active"}}, "quota", False, True),
        (500, "Internal Server Error", "server", True, False),
        (502, "<html>bad gateway</html>", "server", True, False),
        (503, "", "overloaded", True, False),
        (529, {"type": "error", "error": {"type": "overloaded_error"}}, "overloaded", True, False),
        (302, "", "redirect", False, True),
        (204, "", "rejected", False, False),
    ],
)
def test_each_status_has_a_kind_that_says_whether_to_come_back(status, body, kind, retry, whole):
    failure = refused(reply(status, body))
    assert (failure.kind, failure.retry, failure.whole) == (kind, retry, whole)
    assert failure.paid == 0


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"error": {"message": "the reason"}}, "the reason"),
        ({"error": "the reason"}, "the reason"),
        ({"detail": "the reason"}, "the reason"),
        ({"detail": [{"loc": ["body"], "msg": "the reason"}]}, "the reason"),
        ({"msg": "the reason"}, "the reason"),
        (["the reason"], "the reason"),
        ("plainly the reason", "the reason"),
        ("<html>\n  <b>the reason</b></html>", "<html> <b>the reason</b></html>"),
        ("", "no reason given"),
        ("null", "None"),
        ("[" * 100_000, "[[["),
        ("\ufeff{", "{"),
    ],
)
def test_the_servers_words_are_found_in_every_shape_that_is_in_use(body, words):
    assert words in str(refused(reply(400, body)))


def test_words_without_end_are_cut_short_and_cannot_command_a_terminal():
    failure = refused(
        reply(400, {"error": {"message": "\x1b[2J\x1b]0;title\x07 gone\r" + "x" * 9999}})
    )
    assert len(str(failure)) < 700
    assert all(sign.isprintable() for sign in str(failure))
    assert "gone" in str(failure)


def test_bytes_that_are_no_text_are_no_obstacle():
    failure = refused(Reply(500, {}, b"\xff\xfe\x00\x80"))
    assert failure.kind == "server" and isinstance(failure, Failure)
