"""Time `nivel plan` from start to end: a spec that fits, and one that is refused with a change.

    python bench/plan.py [--rounds 15]

Each round starts the command as a shell would, with its modules compiled, as they are for whoever
has used it once. CPU time is what a busy machine changes least.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NIVEL = Path(sys.executable).parent / "nivel"

CONFIG = {
    "model_type": "llama",
    "vocab_size": 128256,
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
}
SPEC = """\
nivel: 2
name: large
level: finetune
model: {path: ./large}
data:
  train: {builtin: python-docs, split: train}
  test: {builtin: python-docs, split: test}
task: {type: classify, labels: [email, xml], input: "{{ text }}"}
method: {type: lora}
train: {epochs: 1, batch: 64, learning_rate: 1e-4, max_length: 1024}
"""


COMPILED = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


def timed(hardware: str, folder: Path) -> tuple[float, float, int]:
    """Return milliseconds of the clock and of the CPU, and the exit code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [NIVEL, "plan", "spec.yaml", "--hardware", hardware]
    done = subprocess.run(command, cwd=folder, env=COMPILED, capture_output=True)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall * 1000, cpu * 1000, done.returncode


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "large").mkdir()
        (folder / "large" / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        (folder / "spec.yaml").write_text(SPEC, encoding="utf-8")
        for hardware in ("cpu", "h100", "rtx4090"):
            found = [timed(hardware, folder) for _ in range(rounds)]
            wall, cpu = (statistics.median(each[i] for each in found) for i in (0, 1))
            print(f"{hardware:8} exit {found[0][2]}  wall {wall:.0f} ms  CPU {cpu:.0f} ms")


if __name__ == "__main__":
    main()
