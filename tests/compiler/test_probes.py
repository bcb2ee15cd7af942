"""The record of a probe is input: what is no record is refused, what is one decides."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nivel.compiler.capabilities import PARAMETERS
from nivel.compiler.check import check
from nivel.compiler.examples import complete
from nivel.compiler.probes import MAX_BYTES, VERDICTS, read_record

ADDRESS = "http://127.0.0.1:8000/v1"
SPEC = """\
level: prompt
model:
  endpoint:
    type: {type}
    base_url: http://127.0.0.1:8000/v1/
    name: m
    capabilities: {path}
task: {{type: generate, input: "{{{{ text }}}}"}}
generation: {{{said}}}
"""


def record(**findings: str) -> dict[str, Any]:
    found = {name: {"verdict": verdict, "evidence": "x"} for name, verdict in findings.items()}
    head = {"probe": 1, "date": "2026-11-24", "base_url": ADDRESS, "model": "m"}
    return {**head, "served_model": "m-1", "findings": found}


def codes(
    folder: Path, kept: Any, said: str, type: str = "vllm", path: str = "probes/m.json"
) -> list[str]:
    (folder / "probes").mkdir(exist_ok=True)
    text = kept if isinstance(kept, str) else json.dumps(kept)
    (folder / "probes" / "m.json").write_text(text)
    (folder / "x.yaml").write_text(complete(SPEC.format(type=type, path=path, said=said)))
    return [found.code for found in check(folder / "x.yaml", project=folder).diagnostics]


def test_what_was_seen_stands_in_place_of_the_table(tmp_path: Path) -> None:
    # the table says that vLLM supports all, and that transformers-serve ignores temperature
    for verdict in ("ignored", "rejected"):
        assert codes(tmp_path, record(temperature=verdict), "temperature: 0.5") == ["NV384"]
    assert codes(tmp_path, record(temperature="supported"), "temperature: 0.5") == []
    seen = record(temperature="supported")
    assert codes(tmp_path, seen, "temperature: 0.5", "transformers-serve") == []


def test_what_a_probe_could_not_tell_is_left_to_the_table(tmp_path: Path) -> None:
    for seen in (record(temperature="unknown"), record()):
        assert codes(tmp_path, seen, "temperature: 0.5") == []
        assert codes(tmp_path, seen, "temperature: 0.5", "transformers-serve") == ["NV384"]


@pytest.mark.parametrize("name", [p for p in PARAMETERS if p not in ("json_schema", "stop")])
def test_every_parameter_is_judged_by_the_record(tmp_path: Path, name: str) -> None:
    value = {"max_tokens": 5, "top_k": 3, "seed": "true", "reasoning_effort": "low"}.get(name, 0.5)
    value = 1.5 if name == "repetition_penalty" else value
    key = "send_seed" if name == "seed" else name
    assert codes(tmp_path, record(**{name: "ignored"}), f"{key}: {value}") == ["NV384"]
    assert codes(tmp_path, record(**{name: "supported"}), f"{key}: {value}") == []


FAULTS = {
    "no JSON": "{",
    "deep": "[" * 100_000,
    "a list": [1],
    "another version": {**record(), "probe": 2},
    "no address": {**record(), "base_url": None},
    "no date": {**record(), "date": "yesterday"},
    "no findings": {**record(), "findings": [1]},
    "no verdict": record(top_k="splendid"),
    "a verdict that is no text": {**record(), "findings": {"top_k": {"verdict": [1]}}},
    "a finding that is none": {**record(), "findings": {"top_k": "ignored"}},
    "too long": " " * (MAX_BYTES + 1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_no_record_is_refused(tmp_path: Path, fault: str) -> None:
    assert codes(tmp_path, FAULTS[fault], "temperature: 0.5") == ["NV375"]


def test_a_record_stays_in_the_project_and_is_a_plain_file(tmp_path: Path) -> None:
    outside = tmp_path / "outside.json"
    outside.write_text(json.dumps(record()))
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "link.json").symlink_to(outside)
    (folder / "folder.json").mkdir()
    for path in ("../outside.json", "link.json", "folder.json", str(outside)):
        assert codes(folder, record(), "temperature: 0.5", path=path) == ["NV375"], path


def test_a_record_of_another_endpoint_is_refused(tmp_path: Path) -> None:
    for other in ({"base_url": "http://127.0.0.1:9000/v1"}, {"model": "n"},
                  {"model": "x" * 100_000}):  # fmt: skip
        assert codes(tmp_path, {**record(), **other}, "temperature: 0.5") == ["NV376"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(VERDICTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(("verdict", "findings", "probe", "top_k", "x")), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(deadline=None)  # machines differ in speed
@given(st.dictionaries(st.sampled_from(sorted(record())), values), st.booleans())
def test_reading_a_record_never_fails_but_by_saying_so(
    tmp_path_factory: pytest.TempPathFactory, drawn: dict[str, Any], whole: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "drawn.json"
    path.write_text(json.dumps({**(record() if whole else {}), **drawn}))
    try:
        found = read_record(str(path))
    except ValueError:
        return
    assert set(found.seen) == set(PARAMETERS) and set(found.seen.values()) <= set(VERDICTS)
