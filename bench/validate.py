"""Time `nivel validate` beside `check-jsonschema`: one cold spec, and many specs in one process.

    python bench/validate.py [SPEC] [--rounds 15] [--many 1000] [--many-rounds 5]

Both are started as a user's shell would start them; rounds alternate, so that a busy moment falls
on both, and CPU time is what a busy machine changes least. check-jsonschema reads flat files
against one schema: it neither follows `extends` nor knows what the values mean nor looks at data.
So the single spec timed is one with everything in one file; of the many, nivel reads those of
`population.py` (three levels, shared parts, local rows), and check-jsonschema as many copies of
the one flat file.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from population import write_population

BIN = Path(sys.executable).parent
Command = list[str | Path]
"""The folder to run in, then the words."""


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


class Times(NamedTuple):
    """Of one process, from start to end, in milliseconds."""

    wall: float
    cpu: float


def timed(command: list[str | Path], folder: Path) -> Times:
    """Run one process that has to succeed."""
    before, start = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True)
    wall, after = time.perf_counter() - start, os.times()
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]
    used = (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )
    return Times(wall * 1000, used * 1000)


def compile_once() -> None:
    """Let Python keep what it has compiled of nivel, as pip did for the contender."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def race(commands: dict[str, Command], rounds: int) -> dict[str, list[Times]]:
    """Run all commands in turn, `rounds` times after one round to warm the disk's cache."""
    times: dict[str, list[Times]] = {title: [] for title in commands}
    for _ in range(rounds + 1):
        for title, (folder, *command) in commands.items():
            times[title].append(timed(command, Path(folder)))
    return {title: taken for title, (_, *taken) in times.items()}


def one_spec(flat: Path, schema: Path, folder: Path, rounds: int) -> None:
    """Print the time of one cold process for one spec: median, and from quickest to slowest."""
    commands: dict[str, Command] = {
        "nivel validate": [folder, BIN / "nivel", "validate", flat.name],
        "check-jsonschema": [folder, BIN / "check-jsonschema", "--schemafile", schema, flat.name],
    }
    print(f"one spec, median of {rounds}:")
    for title, taken in race(commands, rounds).items():
        walls = [one.wall for one in taken]
        cpu = statistics.median(one.cpu for one in taken)
        print(f"  {title:17} {statistics.median(walls):6.0f} ms", end="")
        print(f"  ({min(walls):.0f} to {max(walls):.0f} ms; CPU {cpu:.0f} ms)")


def many_specs(flat: Path, schema: Path, folder: Path, count: int, rounds: int) -> None:
    """Print how many specs a second one process checks, its start and end included."""
    write_population(folder / "many", count)
    copies = folder / "flat"
    copies.mkdir()
    for number in range(count):
        (copies / f"{number:04}.yaml").write_bytes(flat.read_bytes())
    checker: Command = [folder, BIN / "check-jsonschema", "--schemafile", schema]
    commands: dict[str, Command] = {
        "nivel validate": [folder / "many", BIN / "nivel", "validate", "specs"],
        "check-jsonschema": [*checker, *copies.iterdir()],
    }
    print(f"{count:,} specs in one process, median of {rounds}:")
    for title, taken in race(commands, rounds).items():
        rates = sorted(count / one.wall * 1000 for one in taken)
        core = count / statistics.median(one.cpu for one in taken) * 1000
        print(f"  {title:17} {statistics.median(rates):6.0f} specs/s", end="")
        print(f"  ({rates[0]:.0f} to {rates[-1]:.0f}; {core:.0f} a second of CPU)")


def main() -> None:
    """Run both races on the same flat spec."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spec", nargs="?", default="specs/quickstart/finetune.yaml", type=Path)
    parser.add_argument("--rounds", default=15, type=int)
    parser.add_argument("--many", default=1000, type=int, help="0 leaves this part out")
    parser.add_argument("--many-rounds", default=5, type=int)
    arguments = parser.parse_args()
    compile_once()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flat, level = flat_spec(arguments.spec, folder)
        schema = schema_file(level, folder)
        one_spec(flat, schema, folder, arguments.rounds)
        if arguments.many:
            many_specs(flat, schema, folder, arguments.many, arguments.many_rounds)


if __name__ == "__main__":
    main()
