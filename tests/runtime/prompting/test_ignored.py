"""What a service ignores shows in its answers: an error, and never a score."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nivel.runtime.errors import ModelError
from nivel.runtime.prompting import Generation, ask
from nivel.runtime.prompting.promises import ENOUGH
from nivel.runtime.prompting.wire import read_body

from .kit import at, cells_of, folder
from .server import completion, serve

URL = "http://127.0.0.1:9/v1"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


def read(text: str, generation: Generation, **usage: Any) -> str | None:
    [cell] = cells_of(at(URL), 1, generation)
    body = completion({"messages": []}, text)
    body["usage"] = usage or body["usage"]
    return read_body(cell, body, 0.1).error


@pytest.mark.parametrize(
    ("usage", "kept"),
    [
        ({"completion_tokens": 8}, True),
        ({"completion_tokens": 9}, False),
        ({"completion_tokens": 30, "completion_tokens_details": {"reasoning_tokens": 22}}, True),
        ({"completion_tokens": 30, "completion_tokens_details": {"reasoning_tokens": 21}}, False),
        ({"prompt_tokens": 3}, True),  # nobody says
    ],
)
def test_more_tokens_than_asked_for_are_an_error(usage: dict[str, Any], kept: bool) -> None:
    error = read("x", Generation(max_tokens=8), **usage)
    assert error is None if kept else str(error).startswith("ignored: max_tokens 8, and the answer")
    assert read("x", Generation(), **usage) is None


def test_text_after_a_stop_is_cut_off_also_in_a_batch() -> None:
    [cell] = cells_of(at(URL), 1, Generation(stop=("END", "\n")))
    for text in ("all of it", "all of it\nand more", "all of itEND\n"):
        found = read_body(cell, completion({"messages": []}, text), None)
        assert (found.text, found.error) == ("all of it", None)


def test_an_answer_that_was_paid_and_ignores_its_limit_is_recorded_and_not_scored(
    tmp_path: Path,
) -> None:
    with serve(lambda prompt, asked: "long:40") as server:
        endpoint = at(server.url)
        cells = cells_of(endpoint, 3, Generation(max_tokens=1))
        answers = ask(folder(tmp_path), [endpoint], cells)
        assert all(str(one.error).startswith("ignored: max_tokens") for one in answers.values())
        assert answers.accounts.whole.output_tokens == 120  # paid, and counted
        assert answers.accounts.whole.errors == {"ignored": 3}


def json_of(prompt: str, asked: int) -> str:
    return "good:" + json.dumps({"a": 1})


def test_a_schema_that_no_answer_keeps_to_ends_the_run(tmp_path: Path) -> None:
    with serve() as server:
        endpoint = at(server.url)
        cells = cells_of(endpoint, 3, schema=SCHEMA)
        with pytest.raises(ModelError, match="none of 3 answers keeps to it"):
            ask(folder(tmp_path), [endpoint], cells)
        with pytest.raises(ModelError, match="none of 3 answers"):  # nor after resuming
            ask(folder(tmp_path), [endpoint], cells)
        assert len(server.seen) == 3


def test_no_more_is_paid_once_it_is_plain_that_the_schema_is_ignored(tmp_path: Path) -> None:
    with serve() as server:
        endpoint = at(server.url, concurrency=4)
        cells = cells_of(endpoint, 200, schema=SCHEMA)
        with pytest.raises(ModelError, match="ignore response_format"):
            ask(folder(tmp_path), [endpoint], cells)
        assert ENOUGH <= sum(server.paid.values()) <= ENOUGH + 8


def test_one_answer_that_breaks_the_schema_is_a_wrong_answer_and_no_more(tmp_path: Path) -> None:
    with serve(lambda prompt, asked: "good" if "0" in prompt else json_of(prompt, asked)) as server:
        endpoint = at(server.url)
        answers = ask(folder(tmp_path), [endpoint], cells_of(endpoint, 4, schema=SCHEMA))
        assert all(one.error is None for one in answers.values()) and not answers.missing


def test_json_that_is_not_what_the_schema_says_shows_as_well(tmp_path: Path) -> None:
    with serve(lambda prompt, asked: 'good:{"b": 1}') as server:
        endpoint = at(server.url)
        with pytest.raises(ModelError, match="the only answer breaks it"):
            ask(folder(tmp_path), [endpoint], cells_of(endpoint, 1, schema=SCHEMA))
