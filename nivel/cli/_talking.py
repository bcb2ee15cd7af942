"""The chat that a spec or a run asks for: which model, how it answers, where rows are saved."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nivel.cli._common import FINDINGS, show

if TYPE_CHECKING:
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.plan import Plan, PromptPlan
    from nivel.compiler.spec import EndpointSpec, ModelRef
    from nivel.runtime.chat import Chat, Streamer, TestRows
    from nivel.runtime.prompting import Generation
    from nivel.runtime.records.listing import RunInfo

RUN = "run:"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line says beside the target; `settings` as written, by their names."""

    model: str | None
    system: str | None
    settings: dict[str, str]
    overrides: Overrides | None


def chat_with(target: str, wishes: Wishes) -> tuple[Chat, tuple[str, ...]]:
    """Return the chat with the model of a spec or run, and what to say at its start.

    Ends the program where the spec has faults.

    Raises:
        click.UsageError: there is no such run, or it has no such model.
        NivelError: the model cannot be loaded, or asked as wished.
    """
    run = _run(target)
    if run is None:
        return _with_spec(target, wishes), ()
    if run.level == "prompt":
        return _with_spec(_shown(run.folder / "spec.yaml"), wishes), ()
    return _with_trained(target, run, wishes)


def _run(target: str) -> RunInfo | None:
    """Return the run that a target names; None where it names a spec."""
    from nivel.runtime.records.listing import find_completed, read_info

    folder = Path("runs") / target.removeprefix(RUN) if target.startswith(RUN) else Path(target)
    if not target.startswith(RUN) and not folder.is_dir():
        return None
    if target.startswith(RUN) and folder.parent != Path("runs"):
        raise click.UsageError(f"{target.removeprefix(RUN)!r} is not a run's name")
    if not folder.resolve().is_relative_to(Path.cwd().resolve()):
        raise click.UsageError(
            f"{target} lies outside this folder; go to its project and try there"
        )
    return read_info(folder) or find_completed(folder)


def _shown(path: Path) -> str:
    return path.resolve().relative_to(Path.cwd().resolve()).as_posix()


def _with_spec(path: str, wishes: Wishes) -> Chat:
    from nivel.compiler.api import plan
    from nivel.compiler.plan import PromptPlan
    from nivel.runtime.chat import Chat

    made, checked = plan(path, wishes.overrides)
    if show([checked]) or made is None:
        sys.exit(FINDINGS)
    if not isinstance(made, PromptPlan):
        name = made.common.name
        raise click.UsageError(f"level {made.level} trains a model; talk with it by run:{name}")
    system = made.variants[0].system if wishes.system is None else wishes.system
    generation = _settled(_generation_of(made), wishes)
    return Chat(
        _streamer(made, wishes.model), system=system, generation=generation, tests=_tests(made)
    )


def _with_trained(target: str, run: RunInfo, wishes: Wishes) -> tuple[Chat, tuple[str, ...]]:
    """Talk with the model that a run has trained, on the machine and beside the rows of its spec.

    A spec that is not sound any more, since its data have moved, say, is done without.
    """
    from nivel.compiler.api import plan
    from nivel.compiler.spec import ModelRef
    from nivel.runtime.chat import Chat

    if not (run.folder / "model" / "config.json").is_file():
        why = "" if run.status == "completed" else f": it is {run.status}"
        raise click.UsageError(f"{target} has saved no model{why}")
    if wishes.model is not None:
        raise click.UsageError("a run that trained has one model; leave out --model")
    made, checked = plan(_shown(run.folder / "spec.yaml"), wishes.overrides)
    if made is None and wishes.overrides is not None:
        show([checked])
        sys.exit(FINDINGS)
    notes = () if made else (f"without the spec of {run.name}, which is not sound any more",)
    model = ModelRef("./" + _shown(run.folder / "model"), None)
    chat = Chat(
        _local(target, model, made),
        system=wishes.system,
        generation=_settled({"seed": made.common.seed} if made else {}, wishes),
        tests=_tests(made) if made else None,
    )
    return chat, notes


def _tests(made: Plan) -> TestRows:
    from nivel.runtime.chat import TestRows

    test, task = made.common.data.test, made.common.task
    return TestRows(
        builtin=test.builtin if test else None,
        path=test.path if test else None,
        columns=made.common.data.columns,
        labels=task.labels if task else (),
        json=bool(task and task.schema),
    )


def _generation_of(made: PromptPlan) -> dict[str, Any]:
    said = {name: value for name, value in asdict(made.generation).items() if value is not None}
    local = all(hasattr(model, "path") for _, model in made.models)
    if said.pop("send_seed") or local:
        said["seed"] = made.common.seed
    return said


def _settled(spec: dict[str, Any], wishes: Wishes) -> Generation:
    from nivel.runtime.chat import changed
    from nivel.runtime.errors import DataError
    from nivel.runtime.prompting import Generation

    generation = Generation(**spec)
    for name, said in wishes.settings.items():
        try:
            generation = changed(generation, name, said)
        except DataError as error:
            raise click.UsageError(
                f"--{error.message.replace('_', '-', 1)}; {error.cure}"
            ) from None
    return generation


def _streamer(made: PromptPlan, wanted: str | None) -> Streamer:
    from nivel.compiler.spec import EndpointSpec
    from nivel.runtime.chat import EndpointStreamer

    models = dict(made.models)
    name = wanted or made.models[0][0]
    if name not in models:
        raise click.UsageError(f"the spec has no model {name!r}; it has {', '.join(models)}")
    model = models[name]
    if isinstance(model, EndpointSpec):
        return EndpointStreamer(opened(name, model))
    return _local(name, model, made)


def opened(name: str, said: EndpointSpec) -> Any:
    """Return the endpoint of a spec, ready to be asked."""
    from nivel.compiler.capabilities import limit_name
    from nivel.runtime.prompting import Endpoint

    return Endpoint(
        name,
        base_url=said.base_url,
        model=said.name,
        key_env=said.key.env if said.key else None,
        key_host=said.key.host if said.key else None,
        timeout=said.timeout,
        limit_name=limit_name(said.type),
    )


def _local(name: str, model: ModelRef, made: Plan | None) -> Streamer:
    import torch

    from nivel.runtime.chat import LocalStreamer
    from nivel.runtime.generation import LocalModel

    where: dict[str, Any] = {}
    if made is not None:
        hardware = made.common.hardware
        where = {"dtype": hardware.precision, "device": hardware.accelerator}
        if hardware.threads:
            torch.set_num_threads(hardware.threads)
    return LocalStreamer(LocalModel(name, model.path, model.revision, **where))
