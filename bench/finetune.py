"""Time LoRA tuning beside TRL's SFTTrainer and LitGPT: the same rows, model and settings.

    make peers
    python bench/finetune.py --model FOLDER --rows FILE [--steps 3] [--bf16]

FILE holds Alpaca rows as JSON lines: the answer is learned, the instruction read. Every contender
is a process of its own with the same number of threads, and gets the same token ids in the same
order, in optimizer steps of the same rows. Rates are of real tokens, padding not counted: by the
clock, and by the processor's time, which other programs on the machine disturb less. The first step
is not counted. Memory is the peak of the process, libraries and weights included.

TRL packs over the whole data set: its packed steps hold full sequences of other rows, as many of
them as have about the tokens of the others' steps. LitGPT cannot pack.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

ROOT = Path(__file__).resolve().parents[1]
CONTENDERS = {
    "nivel": ("finetune_nivel.py", sys.executable, False),
    "nivel, packed": ("finetune_nivel.py", sys.executable, True),
    "TRL": ("finetune_trl.py", str(ROOT / ".peers/trl/bin/python"), False),
    "TRL, packed": ("finetune_trl.py", str(ROOT / ".peers/trl/bin/python"), True),
    "LitGPT": ("finetune_litgpt.py", str(ROOT / ".peers/litgpt/bin/python"), False),
}
"""Title -> script, the Python that runs it, and whether it packs."""


def encoded(folder: Path, file: Path, count: int, longest: int) -> tuple[list[Any], list[Any]]:
    """Return ids and labels of the first rows that are short enough."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids: list[Any] = []
    labels: list[Any] = []
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        asked = tokenizer(f"{row['instruction']}\n{row.get('input', '')}\n")["input_ids"]
        answer = tokenizer(row["output"], add_special_tokens=False)["input_ids"]
        if len(asked) + len(answer) < longest and len(ids) < count:
            ids.append([*asked, *answer, tokenizer.eos_token_id])
            labels.append([-100] * len(asked) + [*answer, tokenizer.eos_token_id])
    return ids, labels


def run(title: str, given: dict[str, Any], scratch: Path) -> dict[str, Any] | None:
    """Run a contender; None where it is not installed."""
    script, python, packs = CONTENDERS[title]
    if not Path(python).exists():
        return None
    asked = scratch / "asked.json"
    asked.write_text(json.dumps({**given, "packing": packs}), "utf-8")
    command = [python, "-W", "ignore", str(ROOT / "bench/contenders" / script), str(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{title} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return found


def show(found: dict[str, Sequence[dict[str, Any]]]) -> None:
    """Print the medians, with nivel's rate by the processor over each."""
    rates: dict[str, tuple[float, float, float]] = {}
    for title, runs in found.items():
        wall, cpu = (
            statistics.median(one["tokens"] / one[key] for one in runs) for key in ("wall", "cpu")
        )
        rates[title] = (wall, cpu, statistics.median(one["peak"] for one in runs))
    for title, (wall, cpu, peak) in rates.items():
        own = rates["nivel, packed" if "packed" in title else "nivel"][1]
        first = found[title][0]["losses"][0]
        print(
            f"  {title:14} {wall:7.0f} tokens/s  {cpu:7.0f} per CPU second  {peak:5.2f} GB  "
            f"nivel {own / cpu:4.2f} x  first loss {first:.4f}"
        )


def main() -> None:
    """Print rates and peaks of all contenders that are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--micro-batch", type=int, default=4)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--bf16", action="store_true")
    said = parser.parse_args()
    count = said.batch * said.steps
    ids, labels = encoded(said.model, said.rows, count, said.max_length)
    given: dict[str, Any] = {
        "model": str(said.model.resolve()), "adapter": None, "input_ids": ids, "labels": labels,
        "batch": said.batch, "micro_batch": said.micro_batch, "steps": said.steps,
        "max_length": said.max_length, "rank": said.rank, "alpha": 2 * said.rank,
        "learning_rate": 1e-4, "schedule": "linear", "threads": said.threads, "bf16": said.bf16,
    }  # fmt: skip
    found: dict[str, list[dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for _ in range(said.rounds):
            for title in CONTENDERS:
                if (one := run(title, given, Path(scratch))) is not None:
                    found.setdefault(title, []).append(one)
    kind = "bf16" if said.bf16 else "fp32"
    print(f"{said.model.name}, LoRA of rank {said.rank}, {kind}, {said.threads} thread(s)")
    print(f"{sum(map(len, ids)):,} tokens in {len(ids)} rows, {said.batch} a step")
    show(found)


if __name__ == "__main__":
    main()
