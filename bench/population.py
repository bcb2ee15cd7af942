"""Write a project of many specs, as a team that shares its tasks would have.

The tasks stand in `shared/`, each with its own labels and local rows (.csv or .jsonl), and all of
them extend one file with the measures. Every spec extends one task; the levels take turns.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

LABELS = ("billing", "bug", "delivery", "login", "refund", "other")
WORDS = ("my", "order", "app", "card", "page", "was", "not", "late", "again", "please", "help")

_BASE = """\
evaluate:
  metrics: [accuracy, macro_f1]
  confidence: 0.95
hardware: cpu
"""

_TASK = """\
# Which queue does a ticket belong to? Shared by the three levels.
extends: measures.yaml
data:
  train: {{path: data/train-{number}.{kind}}}
  test: {{path: data/test-{number}.{kind}}}
  columns: {{text: body, label: queue}}
task:
  type: classify
  labels: [{labels}]
  input: "Ticket: {{{{ text }}}}\\nQueue:"
"""

_HEAD = """\
# Spec {number} of a sweep.
nivel: 2
name: sweep-{number}
description: "Task {task}, variant {number}"
extends: ../shared/task-{task}.yaml
level: {level}
seed: {number}
"""

_LEVELS = {
    "prompt": """\
model: {{path: org/model-{size}m, revision: 0123456789abcdef0123456789abcdef01234567}}
prompt: {{few_shot: {few}}}
""",
    "finetune": """\
model: {{path: org/model-{size}m, revision: 0123456789abcdef0123456789abcdef01234567}}
method:
  type: lora
  rank: {rank}
  alpha: {alpha}
  targets: [q_proj, v_proj]
train:
  epochs: 3
  batch: {batch}
  learning_rate: {rate}e-4
  schedule: {{type: cosine, warmup: 0.03}}
""",
    "pretrain": """\
model:
  architecture: llama
  hidden_size: 256
  num_hidden_layers: {layers}
  num_attention_heads: 8
  intermediate_size: 688
data:
  text: {{path: data/books.txt}}
tokenizer: {{type: byte-bpe, vocab_size: 4096}}
train:
  tokens: {tokens}
  batch: {batch}
  sequence_length: 128
  learning_rate: {rate}e-3
  schedule: {{type: linear, warmup: 0.05}}
""",
}


def write_population(folder: Path, count: int, tasks: int = 10, rows: int = 400) -> list[str]:
    """Write `count` valid specs and what they name; return their paths, relative to `folder`."""
    for part in ("shared", "data", "specs"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "shared/measures.yaml").write_text(_BASE)
    (folder / "data/books.txt").write_text("Once upon a time.\n\n" * 50)
    for number in range(tasks):
        _write_task(folder, number, rows)
    paths = [f"specs/sweep-{number:04}.yaml" for number in range(count)]
    for number, path in enumerate(paths):
        (folder / path).write_text(_spec(number, number % tasks))
    return paths


def _write_task(folder: Path, number: int, rows: int) -> None:
    kind = ("csv", "jsonl")[number % 2]
    text = _TASK.format(number=number, kind=kind, labels=", ".join(LABELS))
    (folder / f"shared/task-{number}.yaml").write_text(text)
    for part in ("train", "test"):
        draw = random.Random(f"{part}-{number}")
        found = [(" ".join(draw.choices(WORDS, k=12)), draw.choice(LABELS)) for _ in range(rows)]
        (folder / f"data/{part}-{number}.{kind}").write_text(_rows(found, kind))


def _rows(found: list[tuple[str, str]], kind: str) -> str:
    if kind == "csv":
        return "body,queue\n" + "".join(f"{body},{queue}\n" for body, queue in found)
    return "".join(json.dumps({"body": body, "queue": queue}) + "\n" for body, queue in found)


def _spec(number: int, task: int) -> str:
    level = list(_LEVELS)[number % len(_LEVELS)]
    batch = 8 * (1 + number % 4)
    values = {
        "number": number,
        "task": task,
        "level": level,
        "size": 100 + number % 7,
        "few": number % 5,
        "rank": 4 * (1 + number % 8),
        "alpha": 8 * (1 + number % 8),
        "batch": batch,
        "rate": 1 + number % 9,
        "layers": 2 + number % 6,
        "tokens": batch * 128 * 100,
    }
    return (_HEAD + _LEVELS[level]).format(**values)
