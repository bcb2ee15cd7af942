"""Memory that plans foretell, beside what three steps of their programs hold at once.

Run it in a project made by `nivel init`; memory does not depend on what else the machine does:
python bench/memory.py [FOLDER]. `NIVEL_ALLOCATOR=system` measures the C library's allocator where
tcmalloc is installed.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

LLAMA = "{architecture: llama, hidden_size: 384, intermediate_size: 1024, num_hidden_layers: 6, "
LLAMA += "num_attention_heads: 6}"
GPT2 = "{architecture: gpt2, hidden_size: 256, intermediate_size: 1024, num_hidden_layers: 6, "
GPT2 += "num_attention_heads: 8}"
QWEN = LLAMA.replace("llama", "qwen3")
LONG = "train.sequence_length=256"
WHOLE = 'method={"type":"full"}'
CPU = '{{"accelerator":"cpu","threads":1,"precision":"{}","activation_checkpointing":{}}}'
FP32, BF16 = CPU.format("fp32", "false"), CPU.format("bf16", "false")
AGAIN = CPU.format("fp32", "true")

CONFIGURATIONS: list[tuple[str, str, tuple[str, ...]]] = [
    ("Llama 12.2M, 16 rows of 256, fp32", "quickstart/pretrain",
     (f"model={LLAMA}", LONG, f"hardware={FP32}")),
    ("the same, bf16", "quickstart/pretrain", (f"model={LLAMA}", LONG, f"hardware={BF16}")),
    ("the same, fp32, blocks computed again", "quickstart/pretrain",
     (f"model={LLAMA}", LONG, f"hardware={AGAIN}")),
    ("Qwen3, 16 rows of 256, fp32", "quickstart/pretrain",
     (f"model={QWEN}", LONG, f"hardware={FP32}")),
    ("GPT-2, 16 rows of 256, fp32", "quickstart/pretrain",
     (f"model={GPT2}", LONG, f"hardware={FP32}")),
    ("OLMoE, 8 experts, 16 rows of 128", "pretrain/experts", (f"hardware={FP32}",)),
    ("Llama 1.1M, Muon, mean of weights", "pretrain/muon", (f"hardware={FP32}",)),
    ("SmolLM2-135M, LoRA, fp32", "quickstart/finetune", (f"hardware={FP32}",)),
    ("SmolLM2-135M, LoRA, bf16", "quickstart/finetune", (f"hardware={BF16}",)),
    ("SmolLM2-135M, LoRA, fp32, blocks computed again", "quickstart/finetune",
     (f"hardware={AGAIN}",)),
    ("SmolLM2-135M, all weights, bf16", "quickstart/finetune", (WHOLE, f"hardware={BF16}")),
    ("SmolLM2-135M, all weights, fp32, blocks computed again", "quickstart/finetune",
     (WHOLE, f"hardware={AGAIN}")),
    ("SmolLM2-135M, LoRA on chats", "finetune/sft", (f"hardware={FP32}",)),
    ("SmolLM2-135M, vectors", "finetune/embed", (f"hardware={FP32}",)),
]  # fmt: skip


def verified(spec: str, said: tuple[str, ...], folder: Path) -> dict[str, Any] | None:
    """Return what `nivel plan --verify` found; None where it failed, which is shown."""
    command = [sys.executable, "-m", "nivel", "plan", f"specs/{spec}.yaml"]
    command += ["--verify", "--format", "json"]
    for one in said:
        command += ["--set", one]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stderr[-600:], file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout)["verified"]
    return found


def main(folder: str = ".") -> None:
    """Print a line of a table for each configuration, and the median and the worst error."""
    print("| configuration | rows of tokens | foretold, GiB | measured, GiB | low figure is off |")
    print("|---|---|---|---|---|")
    errors = []
    for title, spec, said in CONFIGURATIONS:
        found = verified(spec, said, Path(folder))
        if found is None or found["error"] is None:
            print(f"| {title} | not verified | | | |", flush=True)
            continue
        low, high, held = (
            found[k] / 2**30 for k in ("predicted_low", "predicted_high", "measured")
        )
        errors.append(abs(found["error"]))
        size = f"{found['rows']} x {found['length']}"
        off = f"{found['error']:+.0%}"
        held_by = f"{held:.2f} ({found['allocator']})"
        print(f"| {title} | {size} | {low:.2f} to {high:.2f} | {held_by} | {off} |", flush=True)
    print(f"median {statistics.median(errors):.0%}, worst {max(errors):.0%}")


if __name__ == "__main__":
    main(*sys.argv[1:])
