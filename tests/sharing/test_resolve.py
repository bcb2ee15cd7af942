"""The whole spec as text: it means the same, and says where each value comes from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import nivel.specs
from nivel.compiler.check import check
from nivel.compiler.document import parse_document
from nivel.compiler.resolved import write_yaml
from nivel.compiler.source import Source

from .conftest import Nivel

SPECS = sorted(Path(nivel.specs.__path__[0]).rglob("*.yaml"))
WHOLE = [path for path in SPECS if "\nlevel:" in path.read_text()]

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
ODD = "1e-4|no|~|0x1f|12:30|1_000|- a|a: b|a #b|.5|null|Yes|| |a\n|=|<<|\u2028|\x85|é"
odd = st.sampled_from(ODD.split("|"))
leaves = st.none() | st.booleans() | numbers | texts | odd
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | odd, inner),
    max_leaves=12,
)


@given(st.dictionaries(texts | odd, trees))
def test_what_is_written_reads_back_in_both_versions_of_yaml(data: dict[str, Any]) -> None:
    text = write_yaml(data)
    document, found = parse_document(Source("x.yaml", text))
    assert document is not None and document.data == data and not found
    assert yaml.safe_load(text) == data


@pytest.mark.parametrize("spec", WHOLE, ids=lambda path: path.stem)
@pytest.mark.parametrize("options", [[], ["--no-origins"], ["--defaults"]])
def test_a_shipped_spec_resolves_to_a_spec_that_plans_alike(
    spec: Path, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, nivel: Nivel
) -> None:
    monkeypatch.chdir(tmp_path)
    nivel("init", ".")
    name = f"specs/{spec.relative_to(Path(nivel_specs())).as_posix()}"
    (tmp_path / "whole.yaml").write_text(nivel("resolve", name, *options).stdout)
    first, second = check(name), check("whole.yaml")
    assert first.spec is not None and first.spec == second.spec
    plans = [
        json.loads(nivel("plan", one, "--format", "json").stdout) for one in (name, "whole.yaml")
    ]
    for plan in plans:
        plan["estimate"].pop("scaling")  # of sizes that are written out, nobody asks where from
    assert plans[0] == plans[1]


def nivel_specs() -> str:
    return str(nivel.specs.__path__[0])


def test_each_value_is_followed_by_its_origin(project: Path, nivel: Nivel) -> None:
    shown = nivel("resolve", "spec.yaml", "--set", "seed=3", "--defaults").output.splitlines()
    origin = dict(line.strip().split("  # ") for line in shown if "  # " in line)
    origin = {key.strip(): place for key, place in origin.items()}
    assert origin["name: areas"] == "spec.yaml:2"
    assert origin["labels: [email, xml]"] == "shared.yaml:6"
    assert origin["seed: 3"] == "--set seed=3"
    assert origin["format: plain"] == "default"
    assert not any("extends" in line for line in shown)


PRETRAIN = """\
nivel: 2
name: tiny
level: pretrain
model:
  {architecture: llama, hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2,
   intermediate_size: 64}
data: {text: {builtin: python-docs}}
tokenizer: {type: byte-bpe, vocab_size: 300}
train: {tokens: 1024, batch: 4, sequence_length: 32, learning_rate: 1e-2}
"""


def test_defaults_that_the_spec_does_not_use_are_not_shown(project: Path, nivel: Nivel) -> None:
    (project / "tiny.yaml").write_text(PRETRAIN)
    (project / "whole.yaml").write_text(nivel("resolve", "tiny.yaml", "--defaults").stdout)
    assert "beta2" in (project / "whole.yaml").read_text()
    nivel("validate", "whole.yaml")


def test_json_holds_the_data_alone_or_with_the_origins(project: Path, nivel: Nivel) -> None:
    data = json.loads(nivel("resolve", "spec.yaml", "--format", "json").output)
    both = json.loads(nivel("resolve", "spec.yaml", "--format", "json", "--origins").output)
    assert both["spec"] == data and data["task"]["labels"] == ["email", "xml"]
    assert both["origins"]["task.labels"] == "shared.yaml:6"


def test_a_name_of_a_file_cannot_end_the_comment_it_stands_in(project: Path, nivel: Nivel) -> None:
    (project / "a\nseed: 9 #.yaml").write_text((project / "shared.yaml").read_text())
    text = (project / "spec.yaml").read_text()
    (project / "spec.yaml").write_text(text.replace("shared.yaml", '"a\\nseed: 9 #.yaml"'))
    resolved = nivel("resolve", "spec.yaml").output
    assert yaml.safe_load(resolved).get("seed") is None


def test_a_spec_with_a_key_in_it_is_not_written_anywhere(project: Path, nivel: Nivel) -> None:
    key = "hf_" + "a1B2" * 8
    with (project / "spec.yaml").open("a") as file:
        file.write(f"description: {key}\n")
    before = {path.name for path in project.iterdir()}
    for arguments in ("resolve spec.yaml", "lock spec.yaml", "bundle spec.yaml -o x.tgz"):
        assert key not in nivel(*arguments.split(), code=1).stdout
    assert {path.name for path in project.iterdir()} == before
