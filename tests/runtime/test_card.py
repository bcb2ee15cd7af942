"""The card of a trained model: what it says, and that nothing in it acts."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from nivel.runtime.records import Run
from nivel.runtime.records.markdown import fenced, plain_text, table
from nivel.runtime.records.memory import peak_memory

EVIL = "<script>alert(1)</script> | ![x](http://e.com/p) `tick` **b** \u202etxt\n# head @all"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NIVEL_PROJECT", str(tmp_path))
    for name in ("NIVEL_RUN_DIR", "RANK", "LOCAL_RANK", "NODE_RANK", "TORCHELASTIC_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def plan(path: str, description: str = "") -> dict[str, Any]:
    source = {"path": "train.jsonl", "builtin": None}
    return {
        "level": "finetune",
        "model": {"path": path, "revision": None, "chat_template": None},
        "method": {"type": "lora", "options": {"rank": 8, "targets": "all-linear"}},
        "objective": {"type": "sft", "train_on": "last"},
        "optimizer": {"type": "adamw", "learning_rate": 1e-3},
        "batch": {"batch": 8},
        "epochs": 2,
        "common": {
            "description": description,
            "seed": 7,
            "data": {
                "train": source,
                "validation": None,
                "test": {"path": None, "builtin": "python-docs"},
                "text": None,
            },
            "evaluate": {"confidence": 0.95},
            "hardware": {"precision": "fp32"},
        },
    }


def finished(path: str = "org/base", description: str = "", spec: str = "name: tuned\n") -> Path:
    """A run that saved a model and an adapter and had all records beside it."""
    with Run.open("tuned", "finetune") as run:
        for name in ("model", "adapter"):
            (run.folder / name).mkdir()
            (run.folder / name / "weights.safetensors").write_bytes(b"weights")
        (run.folder / "adapter" / "adapter_config.json").write_text("{}")
        (run.folder / "plan.json").write_text(json.dumps(plan(path, description)))
        (run.folder / "spec.yaml").write_text(spec)
        data = {
            "train.jsonl": {"sha256": "ab" * 32, "size": 9},
            "builtin:python-docs": {"python": "3.11.7"},
        }
        lock = {"data": data, "files": {}, "model": {}}
        (run.folder / "lock.json").write_text(json.dumps(lock))
        metric = {"value": 0.714, "low": 0.673, "high": 0.752, "n": 500}
        run.finish(
            metrics={"accuracy": metric},
            train_rows={"rows": 24},
            parameters={"total": 9, "trained": 2},
        )
    return run.folder


def card(folder: Path, name: str = "model") -> str:
    return (folder / name / "README.md").read_text("utf-8")


def test_a_card_names_model_data_method_figures_and_files(project: Path) -> None:
    folder = finished()
    said = card(folder)
    for part in (
        "org/base", "train.jsonl", "24", "ab" * 32, "lora, rank 8, targets all-linear",
        "sft, train\\_on last", "0.714", "0.673 to 0.752", "95% interval", "500", "9, of which 2",
        "library of Python 3.11.7",
        hashlib.sha256(b"weights").hexdigest(), "peak memory", "torch", "name: tuned",
        hashlib.sha256((folder / "lock.json").read_bytes()).hexdigest(),
    ):  # fmt: skip
        assert part in said, part
    assert str(project) not in said
    assert "peft import PeftModel" in card(folder, "adapter")
    assert "peft" not in said.split("## Use")[1].split("## Files")[0]


@pytest.mark.parametrize("name, known", [("org/base", "org/base"), ("run:own", None)])
def test_the_head_of_a_card_is_sound_yaml(name: str, known: str | None) -> None:
    head = yaml.safe_load(card(finished(name)).split("---")[1])
    assert head.get("base_model") == known
    assert head["tags"] == ["nivel", "finetune", "lora"]


def test_nothing_that_came_from_a_spec_acts_in_a_card() -> None:
    spec = "name: tuned\ndescription: |\n  ````\n  <script>\n"
    said = card(finished(description=EVIL, spec=spec))
    shown, code = said.split("`````yaml")
    assert "<script" not in shown and "](http" not in shown and "\n# head" not in shown
    assert "\u202e" not in said and "http://e.com" not in shown
    assert code.rstrip().endswith("`````") and "<script>" in code


def test_a_program_run_by_itself_has_a_card_too() -> None:
    with Run.open("alone", "pretrain") as run:
        (run.folder / "model").mkdir()
        run.finish(pretraining={"bits_per_byte": 2.5})
    said = card(run.folder)
    assert "bits per byte" in said and "2.5" in said and "run by itself" in said


def test_escaping_keeps_what_is_said_on_one_line() -> None:
    assert plain_text("a\nb\u200b\t c") == "a b c"
    assert plain_text("x_y|z") == "x\\_y\\|z"
    assert fenced("```", "")[0] == "````"
    assert table(("a",), []) == []


def test_peak_memory_is_that_of_this_process() -> None:
    before = peak_memory()["rss"]
    held = bytearray(64 * 2**20)
    held[::4096] = b"x" * len(held[::4096])  # touched, so that it is resident
    after = peak_memory()["rss"]
    assert before is not None and after is not None and after >= before
    assert 16 * 2**20 < before < 2**36


def test_a_run_records_its_peak_memory() -> None:
    with Run.open("some", "prompt") as run:
        run.finish()
    found = json.loads((run.folder / "result.json").read_text())["peak_memory"]
    assert found["rss"] > 2**20 and found["cuda"] is None
