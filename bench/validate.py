"""Time a cold `nivel validate` beside `check-jsonschema` on the same file.

    python bench/validate.py [SPEC] [--rounds 15]

Both are started as a user's shell would start them; rounds alternate, so that a busy moment falls
on both. check-jsonschema reads one flat file against one schema: it neither follows `extends` nor
knows what the values mean, so the spec timed is one with everything in one file.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BIN = Path(sys.executable).parent


def flat_spec(spec: Path, folder: Path) -> tuple[Path, str]:
    """Write `spec` with its `extends` resolved; return the file and its level."""
    from nivel.compiler.check import check
    from nivel.compiler.resolved import resolved_data, write_yaml

    checked = check(str(spec))
    assert checked.spec is not None and checked.document is not None, checked.diagnostics
    flat = folder / "flat.yaml"
    data = resolved_data(checked.document, checked.spec.level)
    flat.write_text(write_yaml(data), encoding="utf-8")
    return flat, checked.spec.level


def schema_file(level: str, folder: Path) -> Path:
    """Write the schema of `level` as `nivel schema` prints it."""
    printed = subprocess.run([BIN / "nivel", "schema", level], check=True, stdout=subprocess.PIPE)
    path = folder / f"{level}.schema.json"
    path.write_bytes(printed.stdout)
    return path


def wall_ms(command: list[str | Path], folder: Path) -> float:
    """Return the wall time in milliseconds of one process from start to end."""
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True)
    elapsed = time.perf_counter() - start
    assert done.returncode == 0, done.stdout + done.stderr
    return elapsed * 1000


def main() -> None:
    """Print the median, quickest and slowest time of each command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spec", nargs="?", default="specs/quickstart/finetune.yaml", type=Path)
    parser.add_argument("--rounds", default=15, type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flat, level = flat_spec(arguments.spec, folder)
        schema = schema_file(level, folder)
        commands: dict[str, list[str | Path]] = {
            "nivel validate": [BIN / "nivel", "validate", flat.name],
            "check-jsonschema": [BIN / "check-jsonschema", "--schemafile", schema, flat.name],
        }
        times: dict[str, list[float]] = {title: [] for title in commands}
        for _ in range(arguments.rounds + 1):
            for title, command in commands.items():
                times[title].append(wall_ms(command, folder))
    for title, (_warm_up, *taken) in times.items():
        middle = statistics.median(taken)
        print(f"{title:17} median {middle:5.0f} ms  ({min(taken):.0f} to {max(taken):.0f} ms)")


if __name__ == "__main__":
    main()
