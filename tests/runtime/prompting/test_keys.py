"""A key is sent to its own host and stands in nothing that a run writes or says.

The servers here repeat the caller's key in every way that one can: in errors, in answers, in names.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nivel.runtime.errors import ModelError
from nivel.runtime.prompting import ask, probe
from nivel.runtime.redact import hide, redact, redacted

from .kit import at, cells_of, folder
from .server import serve

KEY = 'sk-"quoted\\and-0123456789'
BOUND = {"key_env": "HOSTILE_KEY", "key_host": "127.0.0.1"}

# As nivel writes them, only shorter.
PROGRAM = '''
"""Ask one endpoint about every row."""

import sys

from nivel.runtime.data.rows import Row
from nivel.runtime.prompting import Endpoint, Generation, Question, ask, make_cells
from nivel.runtime.records import Run

ROWS = [Row(f"r{index}", {"text": f"item {index}"}, None) for index in range(20)]

with Run.open("keys", "prompt") as run:
    backends = [Endpoint("m", base_url=sys.argv[1], model="tiny", key_env="HOSTILE_KEY",
                         key_host="127.0.0.1", concurrency=2)]
    cells = make_cells(ROWS, backends, {"base": Question("{{ text }}")}, Generation(max_tokens=16))
    answers = ask(run, backends, cells)
    run.write_predictions({"id": cell.row, "text": answers[cell.id].text} for cell in cells)
    run.finish(truncated=answers.truncated, model=answers[cells[0].id].served_model)
'''
ACTIONS = [
    "echo", "status:400", "status:401", "status:500 html", "status:404", "status:429", "status:503",
]  # fmt: skip


def run(path: Path, url: str) -> subprocess.CompletedProcess[bytes]:
    program = path / "program.py"
    program.write_text(PROGRAM, "utf-8")
    more = {"NIVEL_PROJECT": str(path), "NIVEL_RUN_DIR": str(path / "run"), "HOSTILE_KEY": KEY}
    return subprocess.run(
        [sys.executable, str(program), url],
        env=os.environ | more,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("action", ACTIONS)
def test_a_key_that_a_hostile_server_repeats_is_in_no_file_and_no_message(tmp_path, action):
    def plan(prompt: str, asked: int) -> str:
        return action if prompt == "item 3" and asked == 1 or action == "echo" else "good"

    with serve(plan) as server:
        ended = run(tmp_path, server.url)
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}", "the server has it"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 5
    said = {path.name: path.read_bytes() for path in written}
    said |= {"stdout": ended.stdout, "stderr": ended.stderr}
    for name, data in said.items():
        assert b"0123456789" not in data, (name, data)
    if action in ("echo", "status:400", "status:401", "status:404"):
        assert b"[HOSTILE_KEY]" in said["ledger.jsonl"]
    if action == "echo":
        assert b"your key is [HOSTILE_KEY]" in said["predictions.jsonl"]
        assert b"[HOSTILE_KEY]" in said["result.json"]


def test_an_answer_is_the_same_when_it_has_just_come_and_when_the_ledger_holds_it(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HOSTILE_KEY", KEY)
    with serve(lambda prompt, asked: "echo") as server:
        endpoint = at(server.url, **BOUND)
        cells = cells_of(endpoint, 2)
        first = dict(ask(folder(tmp_path), [endpoint], cells))
        again = dict(ask(folder(tmp_path), [endpoint], cells))
    assert first == again and len(server.seen) == 2
    assert {answer.text for answer in first.values()} == {"your key is [HOSTILE_KEY]"}


def test_an_error_that_reaches_the_user_names_the_variable_in_place_of_the_key(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HOSTILE_KEY", KEY)
    with serve(lambda prompt, asked: "status:401") as server:
        endpoint = at(server.url, **BOUND)
        with pytest.raises(ModelError) as caught:
            ask(folder(tmp_path), [endpoint], cells_of(endpoint, 2))
        assert "you sent Bearer [HOSTILE_KEY]" in str(caught.value)
        with pytest.raises(ModelError) as caught:
            probe(endpoint)
        assert "0123456789" not in str(caught.value) + repr(caught.value.__cause__)


def test_a_key_is_sent_only_where_it_is_bound_and_none_is_taken_from_the_environment(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("HOSTILE_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serve() as server:
        with pytest.raises(ModelError, match=r"belongs to 'api\.example\.com'"):
            at(server.url, key_env="HOSTILE_KEY", key_host="api.example.com")
        with pytest.raises(ModelError, match="both its variable and its host"):
            at(server.url, key_env="HOSTILE_KEY")
        endpoint = at(server.url)
        ask(folder(tmp_path), [endpoint], cells_of(endpoint, 1))
    (seen,) = server.seen
    assert "authorization" not in seen.headers and KEY not in str(seen)


@pytest.mark.parametrize("key", ["sk-one\nX-Evil: yes", "sk-one\r", "schlüssel-0123", "\x00" * 9])
def test_a_key_that_could_end_a_header_is_refused_and_not_shown(tmp_path, monkeypatch, key):
    with serve() as server:
        endpoint = at(server.url, **BOUND)
        monkeypatch.setattr(os, "environ", {**os.environ, "HOSTILE_KEY": f"{key}!"})
        with pytest.raises(ModelError, match="HOSTILE_KEY holds characters") as caught:
            ask(folder(tmp_path), [endpoint], cells_of(endpoint, 1))
        assert key not in str(caught.value)
    assert server.seen == []


def test_a_missing_key_ends_a_run_before_anything_is_sent(tmp_path, monkeypatch):
    monkeypatch.delenv("HOSTILE_KEY", raising=False)
    with serve() as server:
        endpoint = at(server.url, **BOUND)
        with pytest.raises(ModelError, match="HOSTILE_KEY is not set"):
            ask(folder(tmp_path), [endpoint], cells_of(endpoint, 1))
    assert server.seen == []


def test_a_hidden_key_is_taken_out_plain_and_as_json_spells_it_at_every_depth():
    hide('top"secret\\ü', "NAME")
    for text in ('top"secret\\ü', 'top\\"secret\\\\ü', 'top\\"secret\\\\\\u00fc'):
        assert redact(f"a {text} b") == "a [NAME] b"
    assert redacted({'top"secret\\ü': [1, None, ('top"secret\\ü',)]}) == {
        "[NAME]": [1, None, ["[NAME]"]]
    }
    hide("short", "OTHER")
    assert redact("a short text") == "a short text", "too short to be a key"
