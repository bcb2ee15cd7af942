"""The command line of `python -m nivel.runtime.ray`; see `train`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ..errors import NivelError
from .apart import run_apart
from .cluster import Needs
from .train import train


def main() -> int:
    """Run the program that the command line names as workers of Ray."""
    reader = argparse.ArgumentParser(prog="python -m nivel.runtime.ray", description=__doc__)
    reader.add_argument("program", type=Path)
    reader.add_argument("--workers", type=int, default=1, help="of each machine")
    reader.add_argument("--nodes", type=int, default=1, help="machines")
    reader.add_argument("--restarts", type=int, default=0, help="of all, after one died")
    reader.add_argument("--cpus", type=float, default=1, help="of each worker")
    reader.add_argument("--gpus", type=int, default=0, help="of each worker")
    reader.add_argument("--gpu-type", help="as Ray calls it")
    reader.add_argument("--resource", action="append", default=[], metavar="NAME=AMOUNT")
    said = reader.parse_args()
    resources = dict(one.rsplit("=", 1) for one in said.resource)
    needs = Needs(said.cpus, said.gpus, said.gpu_type, {n: float(a) for n, a in resources.items()})

    def work() -> int:
        try:
            return train(said.program, needs, said.workers, said.nodes, said.restarts)
        except NivelError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1

    return run_apart(work)


if __name__ == "__main__":
    sys.exit(main())
