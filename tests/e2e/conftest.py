"""A small real project: text, labelled rows, and the way to run specs in it as a user would."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from nivel.runtime.models import new_model, save_model, train_byte_bpe

from .warm import Warm

WORDS = {
    "fruit": ["apple", "pear", "plum", "cherry", "juice", "peel", "orchard"],
    "metal": ["iron", "copper", "zinc", "forge", "alloy", "rust", "anvil"],
}


def sentence(label: str, draw: random.Random) -> str:
    words = [draw.choice(WORDS[label]) for _ in range(3)]
    return f"the {words[0]} and the {words[1]} near the {words[2]}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project folder with rows of two kinds and text made of the same sentences.

    Models that a test makes for it are the same ones, whichever tests were before.
    """
    torch.manual_seed(0)
    draw = random.Random(5)
    for name, count in (("train", 24), ("test", 16)):
        labels = [label for label in WORDS for _ in range(count // 2)]
        rows = [{"text": sentence(label, draw), "label": label} for label in labels]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    blocks = [f"{sentence(draw.choice(list(WORDS)), draw)}. {index}" for index in range(300)]
    (tmp_path / "text.txt").write_text("\n\n".join(blocks) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def tiny(project: Path) -> Path:
    """A random model of some thousand parameters, saved in the project."""
    tokenizer = train_byte_bpe([(project / "text.txt").read_text()], 320)
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 1024,
    }
    save_model(new_model("llama", sizes, tokenizer), tokenizer, project / "tiny")
    return project


@pytest.fixture
def server() -> Iterator[Any]:
    path = Path(__file__).parents[1] / "runtime" / "prompting" / "server.py"
    spec = importlib.util.spec_from_file_location("misbehaving_server", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    with module.serve() as running:
        yield running


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    started = Warm()
    yield started
    started.close()


@pytest.fixture
def nivel(
    project: Path, warm: Warm, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in the project, one thread a process; see `warm`."""
    scratch = tmp_path_factory.mktemp("streams")

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        finished = warm.run(
            *arguments, cwd=project, env=_environment(), scratch=scratch, timeout=300
        )
        assert finished.returncode == code, finished.stdout + finished.stderr
        return finished

    return run


@pytest.fixture
def fresh_nivel(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The same in new processes, as a user's shell starts them."""

    def run(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        finished = subprocess.run(
            [sys.executable, "-m", "nivel", *arguments],
            cwd=project,
            env=_environment(),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert finished.returncode == code, finished.stdout + finished.stderr
        return finished

    return run


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def newest_run(project: Path, name: str) -> Path:
    return max((project / "runs" / name).iterdir())


def losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["loss"] for line in lines]


def result(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return found
