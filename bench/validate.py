"""Time `nivel validate` beside `check-jsonschema`: one cold spec, and many specs in one process.

    python bench/validate.py [SPEC] [--rounds 15] [--many 1000] [--many-rounds 5]

Both are started as a user's shell would start them; rounds alternate, so that a busy moment falls
on both. check-jsonschema reads flat files against one schema: it neither follows `extends` nor
knows what the values mean nor looks at data. So the single spec timed is one with everything in
one file; of the many, nivel reads those of `population.py` (three levels, shared parts, local
rows), and check-jsonschema as many copies of the one flat file.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from population import write_population

BIN = Path(sys.executable).parent
Times = list[float]


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


def race(commands: dict[str, list[str | Path]], folder: Path, rounds: int) -> dict[str, Times]:
    """Run all commands in turn, `rounds` times after one round to warm the disk's cache."""
    times: dict[str, Times] = {title: [] for title in commands}
    for _ in range(rounds + 1):
        for title, command in commands.items():
            times[title].append(wall_ms(command, folder))
    return {title: taken for title, (_, *taken) in times.items()}


def one_spec(flat: Path, schema: Path, folder: Path, rounds: int) -> None:
    """Print the median, quickest and slowest time of one cold process for one spec."""
    commands: dict[str, list[str | Path]] = {
        "nivel validate": [BIN / "nivel", "validate", flat.name],
        "check-jsonschema": [BIN / "check-jsonschema", "--schemafile", schema, flat.name],
    }
    print(f"one spec, median of {rounds}:")
    for title, taken in race(commands, folder, rounds).items():
        middle = statistics.median(taken)
        print(f"  {title:17} {middle:6.0f} ms  ({min(taken):.0f} to {max(taken):.0f} ms)")


def many_specs(flat: Path, schema: Path, folder: Path, count: int, rounds: int) -> None:
    """Print how many specs a second one process checks, its start and end included."""
    write_population(folder / "many", count)
    copies = folder / "flat"
    copies.mkdir()
    for number in range(count):
        (copies / f"{number:04}.yaml").write_bytes(flat.read_bytes())
    commands: dict[str, list[str | Path]] = {
        "nivel validate": [BIN / "nivel", "validate", folder / "many/specs"],
        "check-jsonschema": [BIN / "check-jsonschema", "--schemafile", schema, *copies.iterdir()],
    }
    print(f"{count:,} specs in one process, median of {rounds}:")
    for title, taken in race(commands, folder, rounds).items():
        middle = statistics.median(taken)
        rates = [count / ms * 1000 for ms in (middle, max(taken), min(taken))]
        print(f"  {title:17} {rates[0]:6.0f} specs/s  ({rates[1]:.0f} to {rates[2]:.0f} specs/s)")


def main() -> None:
    """Run both races on the same flat spec."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spec", nargs="?", default="specs/quickstart/finetune.yaml", type=Path)
    parser.add_argument("--rounds", default=15, type=int)
    parser.add_argument("--many", default=1000, type=int, help="0 leaves this part out")
    parser.add_argument("--many-rounds", default=5, type=int)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flat, level = flat_spec(arguments.spec, folder)
        schema = schema_file(level, folder)
        one_spec(flat, schema, folder, arguments.rounds)
        if arguments.many:
            many_specs(flat, schema, folder, arguments.many, arguments.many_rounds)


if __name__ == "__main__":
    main()
