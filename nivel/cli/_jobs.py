"""Specs that are compiled and ready to run, and what each run needs around its program."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nivel.cli._common import FINDINGS, show
from nivel.cli._sweeps import plan_trials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nivel.cli._again import Again
    from nivel.compiler.check import Checked
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.plan import Plan
    from nivel.compiler.program import Program


class Job(NamedTuple):
    """One spec, compiled and ready to run."""

    checked: Checked
    plan: Plan
    program: Program
    sweep: Checked | None = None  # the spec that it is a trial of

    @property
    def spec_path(self) -> str:
        """Where the spec lies, as it was named."""
        return self.checked.included[0].home.shown

    @property
    def asks(self) -> bool:
        """Whether the program asks for answers, which can be counted and sent elsewhere."""
        from nivel.compiler.emit.asking import writes_answers
        from nivel.compiler.plan import PromptPlan

        return isinstance(self.plan, PromptPlan) and writes_answers(self.plan)


def compile_all(specs: tuple[str, ...], overrides: Overrides | None, locked: bool) -> list[Job]:
    """Compile every spec; end with exit code 1 where one is not sound."""
    from nivel.compiler.api import emit_checked, plan

    planned: list[tuple[Plan | None, Checked, Checked | None]] = []
    for spec in specs:
        made, checked = plan(spec, overrides, locked=locked)
        trials = plan_trials(spec, checked, overrides) if made is not None else None
        if trials is None:
            planned.append((made, checked, None))
        planned += [(*trial, checked) for trial in trials or ()]
    if show(checked for _, checked, _ in planned) or any(made is None for made, *_ in planned):
        sys.exit(FINDINGS)
    return [Job(one, made, emit_checked(made, one), of) for made, one, of in planned if made]


def compile_trial(spec: str, base: Checked, overrides: Overrides) -> Job | None:
    """Compile one trial of a sweep; None where it is not sound, which is said."""
    from nivel.compiler.api import emit_checked, plan

    made, checked = plan(spec, overrides)
    if show([checked]) or made is None:
        return None
    return Job(checked, made, emit_checked(made, checked), base)


def check_services(jobs: list[Job]) -> None:
    """See that services that metrics go to can be reached out for, before anything is written.

    Raises:
        NivelError: a package, a place or a key is missing.
    """
    services = [one for job in jobs for one in job.plan.common.track]
    if services:
        from nivel.runtime.records import MLflow, Wandb

        for one in services:
            service = MLflow(one.within) if one.type == "mlflow" else Wandb(one.within)
            service.check()


def execute(folder: Path, told: Mapping[str, str], *, aside: bool = False) -> int:
    """Run the program in `folder`, with `told` in its environment; return its exit code.

    With `aside` what it prints goes to standard error.
    """
    from nivel.cli._process import run_program

    program = [sys.executable, str(folder / "experiment.py")]
    return run_program(program, {**environment(folder), **told}, aside=aside)


def environment(folder: Path, *, here: bool = True) -> dict[str, str]:
    """Return what every program is given beside what is there.

    Without ``here`` it may run on another machine, which need not have this one's libraries.
    """
    from nivel.cli._allocator import preloaded

    # OpenMP's threads wait for each other by spinning. With another busy process on the machine
    # they spin while the one waited for is not scheduled: a LoRA step of the quickstart took 60 s
    # in place of 4.5 s. Waiting passively costs about 5% on a quiet machine.
    wait = {"OMP_WAIT_POLICY": "PASSIVE"}
    place = {"NIVEL_PROJECT": str(Path.cwd()), "NIVEL_RUN_DIR": str(folder)}
    # The screen belongs to the run's own progress, not to the bars of the libraries below it.
    quiet = {"TQDM_DISABLE": "1"}
    memory = preloaded(os.environ) if here else {}
    return {**wait, **quiet, **memory, **os.environ, **place}


def write_run_folder(job: Job, again: Again) -> Path:
    """Make runs/NAME/ID/ and write what is known before the start: spec, plan and program."""
    from nivel.compiler.emit import write
    from nivel.compiler.plan import to_json
    from nivel.compiler.program import Program
    from nivel.compiler.resolved import resolved_data, write_yaml

    assert job.checked.spec is not None and job.checked.document is not None
    runs = Path.cwd() / "runs" / job.checked.spec.name
    folder = again.folder(runs) or runs / new_id()
    if again.resume and job.plan.level != "prompt":
        # the same plan, so the program there is the one that goes on; what starts it may differ
        write(Program(job.program.files[1:]), folder)
        return folder
    folder.mkdir(parents=True, exist_ok=again.resume is not None)
    again.bring_answers(runs, folder)
    write(job.program, folder)
    data = resolved_data(job.checked.document, job.checked.spec.level)
    (folder / "spec.yaml").write_text(write_yaml(data), encoding="utf-8")
    (folder / "plan.json").write_text(to_json(job.plan), encoding="utf-8")
    _write_expected(job, folder)
    _write_lock(job.checked, folder)
    return folder


def _write_expected(job: Job, folder: Path) -> None:
    """Record where each value was written, and what the plan expects the run to take."""
    import json
    from dataclasses import asdict, replace

    from nivel.compiler.costs.estimate import estimate
    from nivel.compiler.costs.fit_spec import device_of
    from nivel.compiler.resolved import value_origins

    assert job.checked.document is not None
    origins = value_origins(job.checked.document, job.plan.level)
    # the device has a price also where nothing is trained
    expected = replace(estimate(job.plan, job.checked), device=device_of(job.checked))
    for name, body in (
        ("origins.json", origins),
        ("expected.json", asdict(expected)),
    ):
        text = json.dumps(body, indent=2, ensure_ascii=False, default=str)
        (folder / name).write_text(text + "\n", encoding="utf-8")


def _write_lock(checked: Checked, folder: Path) -> None:
    """Record what the data and the model are at the start of the run, as `nivel lock` does."""
    from contextlib import suppress

    from nivel.compiler.diagnostics import CompileError
    from nivel.compiler.lock import write_lock

    with suppress(CompileError):  # what is not there stops the program, which says so
        write_lock(checked, str(folder / "lock.json"))


def new_id() -> str:
    """Return a name that sorts by time and does not collide, not even within a millisecond.

    For example 20260131T235959.042Z-1f0a.
    """
    from datetime import datetime, timezone
    from secrets import token_hex

    now = datetime.now(timezone.utc)
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03}Z-{token_hex(2)}"


def why(code: int) -> str:
    """Say how a program ended that did not end well."""
    from signal import SIGINT, Signals

    if code == -SIGINT:
        return "interrupted"
    return f"ended by {Signals(-code).name}" if code < 0 else f"exit code {code}"
