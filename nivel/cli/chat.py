"""`nivel chat`: talk with the model of a spec or of a finished run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nivel.cli._common import FINDINGS, RUN_FAILED, override_options, show

if TYPE_CHECKING:
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.plan import PromptPlan
    from nivel.runtime.chat import Chat, Streamer

EPILOG = """\b
Examples:
  nivel chat specs/quickstart/prompt.yaml
  nivel chat run:quickstart-finetune --temperature 0.7 --max-tokens 60
  echo "What is XML?" | nivel chat specs/quickstart/prompt.yaml

\b
In a chat, /help lists what can be changed: temperature, length, the system message;
/probs shows the next words and their probabilities, /save adds a test row."""


@click.command("chat", short_help="Talk with a model.", epilog=EPILOG)
@click.argument("target", metavar="SPEC|RUN")
@click.option("--model", metavar="NAME", help="Which of the spec's models.")
@click.option("--temperature", type=click.FloatRange(0, 2), help="0 takes the likeliest token.")
@click.option("--max-tokens", type=click.IntRange(1), help="Longest answer.")
@click.option("--system", metavar="TEXT", help="Message before all others.")
@click.option("--seed", type=click.IntRange(0), help="Of the drawing, at temperatures above 0.")
@override_options
def command(
    target: str,
    overrides: Overrides | None,
    model: str | None,
    system: str | None,
    **generation: Any,
) -> None:
    """Talk with the model of SPEC (level prompt), or with the one that RUN has trained.

    RUN is run:NAME or a run's folder. What stands in the spec is where the chat begins:
    temperature, length, system message. With a pipe, each line is a message.
    """
    from nivel.runtime.chat import chat_in_terminal
    from nivel.runtime.errors import NivelError

    said = {name: value for name, value in generation.items() if value is not None}
    try:
        if target.startswith("run:") or Path(target).is_dir():
            chat = _with_run(target, system, said)
        else:
            chat = _with_spec(target, overrides, model, system, said)
        code = chat_in_terminal(chat)
    except NivelError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(RUN_FAILED)
    sys.exit(code)


def _with_run(target: str, system: str | None, said: dict[str, Any]) -> Chat:
    from nivel.runtime.chat import Chat, LocalStreamer
    from nivel.runtime.generation import LocalModel
    from nivel.runtime.prompting import Generation

    path = target
    if not target.startswith("run:"):
        inside = Path(target).resolve() / "model"
        if not inside.is_dir():
            raise click.UsageError(f"{target} holds no model/, so it is no run that trained one")
        path = "./" + inside.relative_to(Path.cwd()).as_posix()
    streamer = LocalStreamer(LocalModel(target, path))
    return Chat(streamer, system=system, generation=Generation(**said))


def _with_spec(
    target: str,
    overrides: Overrides | None,
    model: str | None,
    system: str | None,
    said: dict[str, Any],
) -> Chat:
    from nivel.compiler.api import plan
    from nivel.compiler.plan import PromptPlan
    from nivel.runtime.chat import Chat, TestRows
    from nivel.runtime.prompting import Generation

    made, checked = plan(target, overrides)
    if show([checked]) or made is None:
        sys.exit(FINDINGS)
    if not isinstance(made, PromptPlan):
        name = made.common.name
        raise click.UsageError(f"level {made.level} trains a model; talk with it by run:{name}")
    test, task = made.common.data.test, made.common.task
    tests = TestRows(
        builtin=test.builtin if test else None,
        path=test.path if test else None,
        columns=made.common.data.columns,
        labels=task.labels if task else (),
        json=bool(task and task.schema),
    )
    generation = Generation(**{**_generation_of(made), **said})
    return Chat(
        _streamer(made, model),
        system=system or made.variants[0].system,
        generation=generation,
        tests=tests,
    )


def _generation_of(made: PromptPlan) -> dict[str, Any]:
    from dataclasses import asdict

    said = {name: value for name, value in asdict(made.generation).items() if value is not None}
    local = all(hasattr(model, "path") for _, model in made.models)
    if said.pop("send_seed") or local:
        said["seed"] = made.common.seed
    return said


def _streamer(made: PromptPlan, wanted: str | None) -> Streamer:
    from nivel.compiler.capabilities import limit_name
    from nivel.compiler.spec import EndpointSpec
    from nivel.runtime.chat import EndpointStreamer, LocalStreamer
    from nivel.runtime.generation import LocalModel
    from nivel.runtime.prompting import Endpoint

    models = dict(made.models)
    name = wanted or made.models[0][0]
    if name not in models:
        raise click.UsageError(f"the spec has no model {name!r}; it has {', '.join(models)}")
    model, hardware = models[name], made.common.hardware
    if isinstance(model, EndpointSpec):
        key = model.key
        endpoint = Endpoint(
            name,
            base_url=model.base_url,
            model=model.name,
            key_env=key.env if key else None,
            key_host=key.host if key else None,
            timeout=model.timeout,
            limit_name=limit_name(model.type),
        )
        return EndpointStreamer(endpoint)
    return LocalStreamer(
        LocalModel(
            name,
            model.path,
            model.revision,
            dtype=hardware.precision,
            device=hardware.accelerator,
        )
    )
