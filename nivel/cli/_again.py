"""Runs that go on where another one stopped, or start with answers that were paid for."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nivel.cli._jobs import Job

LATEST = "latest"
WAITING = "waiting"  # the latest run that waits for the answers of a batch
LEDGER = "ledger.jsonl"


@dataclass(frozen=True, slots=True)
class Again:
    """What the command line says of earlier runs; ids are those of folders in runs/NAME/."""

    resume: str | None
    reuse: str | None
    retry_errors: bool

    def check(self, jobs: Sequence[Job]) -> None:
        """Refuse what does not go together, before anything is written."""
        if self.resume and self.reuse:
            raise click.UsageError("--resume goes on with a run, --reuse starts a new one")
        wanted = self.resume or self.reuse
        for job in jobs if wanted else ():
            assert job.checked.spec is not None
            if job.plan.level != "prompt":
                raise click.UsageError(
                    f"{job.checked.spec.name} is of level {job.plan.level}; only runs of level "
                    "prompt can be resumed or reused"
                )
            found = self._find(Path.cwd() / "runs" / job.checked.spec.name)
            if self.resume and (found / "result.json").exists():
                raise click.UsageError(
                    f"{found.name} is finished; --reuse {found.name} scores its answers again"
                )

    def folder(self, runs: Path) -> Path | None:
        """Return the folder to go on in, or None for a new one."""
        return self._find(runs) if self.resume else None

    def bring_answers(self, runs: Path, folder: Path) -> None:
        """Copy the ledger of the run to reuse into a new run's folder."""
        if self.reuse:
            shutil.copyfile(self._find(runs) / LEDGER, folder / LEDGER)

    def bring_ledger(self, runs: Path, folder: Path) -> None:
        """Copy the ledger of the run that is named, however it is to be used, if it has one."""
        if (self.resume or self.reuse) and (found := self._find(runs) / LEDGER).exists():
            shutil.copyfile(found, folder / LEDGER)

    def environment(self) -> dict[str, str]:
        """Return what the program is told beside its code."""
        return {"NIVEL_RETRY_ERRORS": "1"} if self.retry_errors else {}

    def _find(self, runs: Path) -> Path:
        """Return the run named, or the newest that fits."""
        said = self.resume or self.reuse or ""
        fitting = [path for path in sorted(runs.glob("*/")) if self._fits(path)]
        if said == WAITING:
            fitting = [path for path in fitting if (path / "batch.json").exists()]
        if said in (LATEST, WAITING) and fitting:
            return max(fitting, key=lambda path: path.stat().st_mtime_ns)
        if said not in (LATEST, WAITING) and said in {path.name for path in runs.glob("*/")}:
            found = runs / said
            if (found / LEDGER).exists() or self.resume:
                return found
        if said == WAITING:
            raise click.UsageError("no run waits for answers; begin one with `nivel batch write`")
        kind = "unfinished run" if self.resume else "run with answers"
        known = ", ".join(path.name for path in fitting[-5:])
        hint = f"; there are {known}" if known else ""
        raise click.UsageError(f"there is no {kind} {said!r} in {runs.name}{hint}")

    def _fits(self, path: Path) -> bool:
        if self.resume:
            return (path / "run.json").exists() and not (path / "result.json").exists()
        return (path / LEDGER).exists()
