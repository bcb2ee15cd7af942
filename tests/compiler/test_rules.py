"""Rules that look beside a spec: at models, packages and other specs; and at settings."""

from __future__ import annotations

import importlib.util
import json
import re
import time
from pathlib import Path

import pytest

from nivel.compiler.check import check
from nivel.compiler.diagnostics import Diagnostic
from nivel.compiler.examples import complete
from nivel.compiler.rules.architectures import MODULES, known_module, positions, smallest_side

ROWS = "text,label\n" + "".join(f"hello {n},email\nbye {n},xml\n" for n in range(20))
BUILTIN_TEST = "  test: {builtin: python-docs, split: test}\n"


def found(text: str, folder: Path) -> list[Diagnostic]:
    (folder / "spec.yaml").write_text(complete(text), encoding="utf-8")
    return list(check(folder / "spec.yaml", project=folder).diagnostics)


def codes(text: str, folder: Path) -> list[str]:
    return [item.code for item in found(text, folder)]


def trained_on(name: str) -> str:
    return f"data:\n  train: {{path: {name}}}\n{BUILTIN_TEST}"


# models on this disk


@pytest.mark.parametrize("kind", MODULES)
def test_the_modules_of_an_architecture_are_those_of_transformers(kind: str) -> None:
    spec = importlib.util.find_spec("transformers")
    assert spec is not None and spec.submodule_search_locations
    folder = Path(next(iter(spec.submodule_search_locations)), "models")
    name = kind.removesuffix("_text")
    source = folder / name / f"modeling_{name}.py"
    if not source.exists():
        pytest.skip("not in the installed version")
    layers = r"self\.(\w+)\s*=\s*(?:nn\.Linear|Conv1D|\w+Linear)\("
    linear = set(re.findall(layers, source.read_text(encoding="utf-8")))
    assert set(MODULES[kind]) <= linear


def test_a_target_is_taken_by_its_last_part_and_unknown_types_are_left_alone() -> None:
    assert known_module("llama", "layers.0.self_attn.q_proj")
    assert known_module("llama", "lm_head")
    assert not known_module("llama", "c_attn")
    assert known_module("a-type-of-tomorrow", "c_attn")


def test_sizes_are_read_under_the_names_of_each_family() -> None:
    llama = {"hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 2}
    assert smallest_side(llama, "q_proj") == 64
    assert smallest_side(llama, "model.layers.0.self_attn.k_proj") == 16
    assert smallest_side({"n_embd": 32}, "c_attn") == 32
    assert smallest_side({}, "q_proj") is None
    assert positions({"n_positions": 128}) == 128
    assert positions({"max_position_embeddings": True}) is None


@pytest.mark.parametrize("text", ["", "[", "[]", "3", "[" * 100_000, '{"model_type": 3}'])
def test_a_broken_config_gives_no_finding_of_its_own(text: str, tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/config.json").write_text(text)
    method = "method: {type: lora, rank: 64, targets: [x]}\n"
    assert codes(f"model: {{path: ./m}}\n{method}", tmp_path) == []


def test_the_text_part_of_a_model_that_sees_is_what_counts(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    config = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"}}
    config["text_config"]["max_position_embeddings"] = 64  # type: ignore[index]
    (tmp_path / "m/config.json").write_text(json.dumps(config))
    train = "train: {epochs: 3, batch: 16, learning_rate: 2e-4, max_length: 65}\n"
    assert codes(f"model: {{path: ./m}}\n{train}", tmp_path) == ["NV354"]
    assert codes(f"model: {{path: ./m}}\n{train.replace('65', '64')}", tmp_path) == []


def test_a_default_length_beyond_the_model_is_only_a_warning(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    (tmp_path / "m/config.json").write_text('{"max_position_embeddings": 128}')
    (one,) = found("model: {path: ./m}\n", tmp_path)
    assert (one.code, one.severity) == ("NV354", "warning")


# runs


def experiment(folder: Path, name: str, model: str, level: str = "finetune") -> None:
    text = complete(f"level: {level}\nname: {name}\nmodel: {{path: {model}}}\n")
    (folder / f"{name}.yaml").write_text(text)


def test_a_circle_shows_each_step_of_the_way(tmp_path: Path) -> None:
    experiment(tmp_path, "b", "run:c")
    experiment(tmp_path, "c", "run:d")
    experiment(tmp_path, "d", "run:a")
    (one,) = found("name: a\nmodel: {path: run:b}\n", tmp_path)
    assert one.code == "NV358"
    assert "a -> b -> c -> d -> a" in one.message
    assert [Path(place.file).name for place, _ in one.related] == ["b.yaml", "c.yaml", "d.yaml"]


def test_a_circle_that_this_spec_is_not_part_of_is_left_to_its_own(tmp_path: Path) -> None:
    experiment(tmp_path, "b", "run:c")
    experiment(tmp_path, "c", "run:b")
    assert codes("name: a\nmodel: {path: run:b}\n", tmp_path) == []
    assert codes("name: b\nmodel: {path: run:c}\n", tmp_path) == ["NV358"]


def test_specs_are_found_in_the_projects_folder_of_specs(tmp_path: Path) -> None:
    (tmp_path / "specs/deep").mkdir(parents=True)
    experiment(tmp_path / "specs/deep", "first", "org/name")
    assert codes("name: a\nmodel: {path: run:first}\n", tmp_path) == []
    assert codes("name: a\nmodel: {path: run:frist}\n", tmp_path) == ["NV359"]


def test_a_finished_run_needs_no_spec(tmp_path: Path) -> None:
    (tmp_path / "runs/gone").mkdir(parents=True)
    assert codes("name: a\nmodel: {path: run:gone}\n", tmp_path) == []


def test_a_run_of_level_prompt_has_no_model(tmp_path: Path) -> None:
    experiment(tmp_path, "asked", "org/name", "prompt")
    assert codes("name: a\nmodel: {path: run:asked}\n", tmp_path) == ["NV361"]


def test_a_thousand_specs_nearby_do_not_slow_the_check(tmp_path: Path) -> None:
    for number in range(1000):
        (tmp_path / f"{number}.yaml").write_text("x: 1\n" * 100)
    before = time.perf_counter()
    assert codes("name: a\nmodel: {path: run:b}\n", tmp_path) == ["NV359"]
    assert time.perf_counter() - before < 2


def test_broken_neighbours_are_no_matter(tmp_path: Path) -> None:
    (tmp_path / "bytes.yaml").write_bytes(b"name: b\n\xff")
    (tmp_path / "open.yaml").write_text("name: b\nmodel: {path: [\n")
    (tmp_path / "folder.yaml").mkdir()
    assert codes("name: a\nmodel: {path: run:b}\n", tmp_path) == ["NV359"]


# packages, hub ids and revisions


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("pkg:click/py.typed", []),
        ("pkg:click/py.tped", ["NV357"]),
        ("pkg:no_such_package_here/x.gguf", ["NV357"]),
        ("org/name", []),
        ("Qwen/Qwen2.5-0.5B", []),
        ("org/na--me", ["NV312"]),
        ("org/" + "n" * 97, ["NV312"]),
        ("org/name.git", ["NV312"]),
        ("https://hf.co/org/name", ["NV312"]),
        ("s3://bucket/model", ["NV312"]),
    ],
)
def test_model_paths(path: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(f'model: {{path: "{path}"}}\n', tmp_path) == expected


@pytest.mark.parametrize(
    "address",
    ["https://huggingface.co/org/name", "huggingface.co/org/name/tree/main", "https://hf.co/org/name.git",
     "http://www.huggingface.co/org/name/blob/main/config.json"],
)  # fmt: skip
def test_an_address_of_the_hub_is_turned_into_its_id(address: str, tmp_path: Path) -> None:
    (one,) = found(f'model: {{path: "{address}"}}\n', tmp_path)
    assert (one.help or "").startswith("write `org/name`,")


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        ("93efa2f097d58c2a74874c7e644dbc9b0cee75a2", []),
        ("v1.0", []),
        ("main", ["NV356"]),
        ("refs/pr/1", ["NV356"]),
        ("93efa2f", ["NV356"]),
        ("a b", ["NV355"]),
        ("a..b", ["NV355"]),
        ("-x", ["NV355"]),
        ("a~1", ["NV355"]),
        ("x.lock", ["NV355"]),
    ],
)
def test_revisions(revision: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(f'model: {{path: org/name, revision: "{revision}"}}\n', tmp_path) == expected


def test_a_package_is_looked_for_without_being_run(tmp_path: Path) -> None:
    import subprocess
    import sys

    (tmp_path / "trap").mkdir()
    (tmp_path / "trap/__init__.py").write_text("raise SystemExit('ran')")
    (tmp_path / "trap/model.gguf").write_text("")
    (tmp_path / "spec.yaml").write_text(complete("model: {path: pkg:trap/model.gguf}\n"))
    code = "from nivel.compiler.check import check; print(check('spec.yaml').diagnostics)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "()\n"


# settings


@pytest.mark.parametrize(
    ("warmup", "expected"), [("0", []), ("0.1", []), ("0.0001", ["NV351"]), ("1", ["NV351"])]
)
def test_a_warmup_is_at_least_a_step_and_less_than_the_run(
    warmup: str, expected: list[str], tmp_path: Path
) -> None:
    (tmp_path / "rows.csv").write_text(ROWS)
    train = "train: {epochs: 3, batch: 10, learning_rate: 2e-4, schedule: {warmup: %s}}\n"
    assert codes(trained_on("rows.csv") + train % warmup, tmp_path) == expected


@pytest.mark.parametrize(
    ("rate", "expected"),
    [("0.05", []), ("0.06", ["NV362"]), ("1e-9", ["NV362"])],
)
def test_a_rate_has_a_usual_size(rate: str, expected: list[str], tmp_path: Path) -> None:
    assert codes(f"train: {{epochs: 3, batch: 16, learning_rate: {rate}}}\n", tmp_path) == expected
