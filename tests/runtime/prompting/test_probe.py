"""A probe tells apart what a server supports, ignores and rejects, by asking it."""

from __future__ import annotations

import json

import pytest

from nivel.compiler.capabilities import PARAMETERS
from nivel.compiler.probes import read_record
from nivel.runtime.errors import ModelError
from nivel.runtime.prompting import probe
from nivel.runtime.prompting.capabilities import _TESTS, _begins_seven
from nivel.runtime.prompting.redact import hide

from .honest import serve_model
from .kit import at
from .server import serve

FIELDS = {**{name: name for name in _TESTS}, "json_schema": "response_format"}


def verdicts(url: str) -> dict[str, str]:
    return {name: found.verdict for name, found in probe(at(url)).findings.items()}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{\n"seven"\n\n:\n\t\t\t\t', True),  # cut, in white space that JSON allows
        ('{ "seven": 7 }', True),
        ('{"seven": 8}', False),
        ('{"seven": 7} is rain', False),
        ("{", False),
        ("", False),
        ("Rain fell.", False),
    ],
)
def test_an_answer_that_was_cut_is_held_to_what_its_schema_allows_so_far(
    text: str, kept: bool
) -> None:
    assert _begins_seven("".join(text.split())) is kept


def test_every_parameter_of_the_language_is_probed() -> None:
    assert set(PARAMETERS) <= set(_TESTS)


def test_a_server_that_honours_everything_is_seen_to() -> None:
    with serve_model() as server:
        assert verdicts(server.url) == dict.fromkeys(_TESTS, "supported")


def test_a_server_that_ignores_everything_is_seen_to() -> None:
    with serve_model(ignores=frozenset(FIELDS.values())) as server:
        found = verdicts(server.url)
    # With no temperature it draws at 1, so only what needs a greedy answer cannot be told.
    assert {name for name, verdict in found.items() if verdict == "supported"} <= {"temperature"}
    for name in ("seed", "logprobs", "n", "json_schema", "max_tokens", "top_k", "top_p", "min_p",
                 "reasoning_effort"):  # fmt: skip
        assert found[name] == "ignored", name


@pytest.mark.parametrize("name", sorted(set(_TESTS) - {"temperature"}))
def test_a_parameter_that_alone_is_ignored_is_found(name: str) -> None:
    with serve_model(ignores=frozenset([FIELDS[name]])) as server:
        found = verdicts(server.url)
    assert found.pop(name) == "ignored"
    assert set(found.values()) == {"supported"}


@pytest.mark.parametrize("name", sorted(set(_TESTS) - {"max_tokens"}))
def test_a_parameter_that_alone_is_rejected_is_found(name: str) -> None:
    with serve_model(rejects=frozenset([FIELDS[name]])) as server:
        found = verdicts(server.url)
    assert found[name] == "rejected"


def test_a_penalty_that_is_too_weak_to_show_is_unknown_where_a_stronger_one_is_refused() -> None:
    with serve_model(ignores=frozenset(["presence_penalty"]), strict=True) as server:
        assert verdicts(server.url)["presence_penalty"] == "ignored"
    with serve_model(strict=True) as server:
        assert verdicts(server.url)["presence_penalty"] == "unknown"
        assert verdicts(server.url)["frequency_penalty"] == "supported"


def test_a_record_is_one_that_the_compiler_reads_and_holds_no_key(tmp_path) -> None:
    hide("s3cret-key-of-nobody", "PROBE_KEY")
    with serve_model(rejects=frozenset(["top_k"])) as server:
        found = probe(at(server.url))
    found.findings["n"] = type(found.findings["n"])("unknown", "it said s3cret-key-of-nobody")
    path = tmp_path / "record.json"
    path.write_text(json.dumps(found.record()))
    assert "s3cret" not in path.read_text() and "[PROBE_KEY]" in path.read_text()
    record = read_record(str(path))
    assert (record.base_url, record.model) == (server.url, "tiny")
    assert record.support("top_k") == "rejected" and record.support("stop") == "supported"


def test_a_server_that_answers_nothing_is_no_finding_but_an_error() -> None:
    with serve(lambda prompt, asked: "status:404") as server, pytest.raises(ModelError):
        probe(at(server.url))
