"""A key that was read is in nothing that is written, in whatever form it comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nivel.runtime import redact as module
from nivel.runtime.errors import NivelError
from nivel.runtime.prompting import ask
from nivel.runtime.redact import hide, redact, redacted

from .kit import at, cells_of, folder
from .server import serve

KEY = "sk-test-0123456789abcdef"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys of one test are not hidden in the next."""
    monkeypatch.setattr(module, "_hidden", {})


secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=8, max_size=40)


@settings(deadline=None)  # machines differ in speed
@example("0000000\\", "", "")
@given(secrets, st.text(max_size=30), st.text(max_size=30))
def test_a_hidden_key_is_gone_plain_and_as_json(secret: str, before: str, after: str) -> None:
    module._hidden.clear()
    hide(secret, "K")
    shown = redact(before + secret + after)
    assert secret not in shown or secret in before + "[K]" + after
    encoded = redact(json.dumps({"said": f"x {secret} y"}))
    assert json.loads(encoded) == {"said": "x [K] y"}


def test_a_word_too_short_to_be_a_key_is_left() -> None:
    hide("none", "K")
    assert redact("none of it") == "none of it"


def test_names_and_values_in_any_depth_are_redacted() -> None:
    hide(KEY, "K")
    value = {"a": [1, None, {f"to {KEY}": (KEY, True)}], "b": 2.5}
    assert redacted(value) == {"a": [1, None, {"to [K]": ["[K]", True]}], "b": 2.5}


@pytest.mark.parametrize("plan", ["status:400", "status:401", "status:500", "good"])
def test_no_file_of_a_run_holds_the_key_that_a_server_repeats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: str, capsys: Any
) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)
    monkeypatch.setattr("nivel.runtime.prompting.session.MOST_ATTEMPTS", 1)
    detail = f"good:you sent {KEY}" if plan == "good" else plan
    with serve(lambda prompt, asked: detail) as server:
        endpoint = at(server.url, key_env="TEST_KEY", key_host="127.0.0.1")
        said = ""
        try:
            ask(folder(tmp_path), [endpoint], cells_of(endpoint, 2))
        except NivelError as error:
            said = str(error)
        assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"
    printed = capsys.readouterr()
    written = [path.read_text("utf-8") for path in tmp_path.iterdir()]
    assert all(KEY not in text for text in [said, printed.out, printed.err, *written])
    assert any("[TEST_KEY]" in text for text in written)
