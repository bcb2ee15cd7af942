"""Time pretraining beside a bare PyTorch loop and LitGPT, and tokenising beside `datasets.map`.

    make peers
    python bench/pretrain.py [--text FILE ...] [--steps 6] [--rounds 2] [--bf16]

All train a Llama of the same sizes on the same tokens, in batches of the same shape, each in a
process of its own with the same number of threads. nivel trains as its emitted programs do, LitGPT
by its own `pretrain.fit`; the bare loop does what a training cannot do without and nothing else:
no order that a resumed run would find again, no record, no share of a step's tokens. Rates are of
tokens read, by the clock and by the processor's time, which other programs on the machine disturb
less; the first step is not counted. Contenders take turns, and medians are shown.

Without --text it trains on the docstrings of the standard library.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from nivel.runtime.data import load_documents
from nivel.runtime.models import train_byte_bpe

ROOT = Path(__file__).resolve().parents[1]
LITGPT, TRL = (str(ROOT / f".peers/{name}/bin/python") for name in ("litgpt", "trl"))
TRAINERS = {
    "nivel": ("pretrain_nivel.py", sys.executable),
    "bare loop": ("pretrain_loop.py", sys.executable),
    "LitGPT": ("pretrain_litgpt.py", LITGPT),
}
TOKENIZERS = {
    "nivel": ("tokenise_store.py", sys.executable),
    "datasets.map": ("tokenise_datasets.py", TRL),
}
SIZES = {
    "hidden_size": 288, "num_hidden_layers": 6, "num_attention_heads": 6, "num_key_value_heads": 6,
    "intermediate_size": 768, "tie_word_embeddings": True,
}  # fmt: skip


def run(script: str, python: str, given: dict[str, Any], scratch: Path) -> dict[str, Any] | None:
    """Run a contender; None where it is not installed."""
    if not Path(python).exists():
        return None
    asked = scratch / "asked.json"
    asked.write_text(json.dumps(given), "utf-8")
    command = [python, "-W", "ignore", str(ROOT / "bench/contenders" / script), str(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{script} failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().rpartition("\n")[2])
    return found


def prepared(texts: list[str], said: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Write tokenizer, texts and tokens, and return what every contender is told."""
    tokenizer = train_byte_bpe(texts, said.vocab)
    tokenizer.save_pretrained(scratch / "tokenizer")
    (scratch / "texts.json").write_text(json.dumps(texts), "utf-8")
    ids = [token for text in texts for token in (*tokenizer(text)["input_ids"], 0)]
    np.asarray(ids, dtype=np.uint16).tofile(scratch / "tokens.bin")
    sizes = {**SIZES, "max_position_embeddings": said.length}
    return {
        "tokenizer": str(scratch / "tokenizer"), "texts": str(scratch / "texts.json"),
        "tokens": str(scratch / "tokens.bin"), "sizes": sizes, "length": said.length,
        "batch": said.batch, "micro_batch": said.micro_batch, "steps": said.steps,
        "learning_rate": 1e-3, "threads": said.threads, "bf16": said.bf16,
        "workers": said.threads, "vocabulary": len(tokenizer),
    }  # fmt: skip


def show(found: dict[str, list[dict[str, Any]]]) -> None:
    """Print medians; beside each, how many times its rate by the processor nivel's is."""
    rates = {
        title: [statistics.median(one["tokens"] / one[key] for one in runs) for key in _CLOCKS]
        for title, runs in found.items()
    }
    for title, (wall, cpu) in rates.items():
        first = found[title][0]
        ratio = rates["nivel"][1] / cpu
        line = f"  {title:13} {wall:9,.0f} tokens/s  {cpu:9,.0f} per CPU second"
        line += f"  nivel {ratio:5.3f} x"
        if "peak" in first:
            line += f"  {statistics.median(one['peak'] for one in found[title]):5.2f} GB"
        if first.get("waited"):
            shares = statistics.median(one["waited"] / one["wall"] for one in found[title])
            line += f"  waits for data {shares:.2%} of the time"
        print(line)


_CLOCKS = ("wall", "cpu")


def main() -> None:
    """Print rates of all contenders that are there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--text", type=Path, nargs="*", default=[])
    parser.add_argument("--vocab", type=int, default=4096)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--micro-batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bf16", action="store_true")
    said = parser.parse_args()
    texts = [part for path in said.text for part in path.read_text("utf-8").split("\n\n")]
    texts = texts or load_documents(builtin="python-docs", split="train")
    with tempfile.TemporaryDirectory() as name:
        given = prepared(texts, said, Path(name))
        for what, contenders in (("training", TRAINERS), ("tokenising", TOKENIZERS)):
            found: dict[str, list[dict[str, Any]]] = {}
            for _ in range(said.rounds):
                for title, (script, python) in contenders.items():
                    if (one := run(script, python, given, Path(name))) is not None:
                        found.setdefault(title, []).append(one)
            print(f"{what}, {'bf16' if said.bf16 else 'fp32'}, {said.threads} thread(s)")
            show(found)


if __name__ == "__main__":
    main()
