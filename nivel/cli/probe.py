"""`nivel probe`: ask a live endpoint what it does with each parameter."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nivel.cli._common import FINDINGS, RUN_FAILED, override_options, show

if TYPE_CHECKING:
    from nivel.compiler.overrides import Overrides
    from nivel.compiler.spec import EndpointSpec
    from nivel.runtime.prompting.capabilities import Capabilities

EPILOG = """\b
Examples:
  nivel probe specs/prompt/endpoint.yaml
  nivel probe specs/prompt/endpoint.yaml --record
  nivel probe specs/prompt/several.yaml --model large -o probes/large.json

\b
It costs about 45 calls of a few tokens each."""


@click.command("probe", short_help="Ask what an endpoint supports.", epilog=EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option("--model", metavar="NAME", help="Which of the spec's models.")
@click.option("-o", "--output", metavar="FILE", help="Write the findings as JSON.")
@click.option(
    "--record",
    is_flag=True,
    help="Write the findings to probes/NAME.json, for `model.endpoint.capabilities`.",
)
@override_options
def command(
    spec: str, overrides: Overrides | None, model: str | None, output: str | None, record: bool
) -> None:
    """Send tiny requests to the endpoint of SPEC and say what became of each parameter.

    What the endpoint does is shown beside what the compiler's table expects of its type. The exit
    code is 1 where it ignores or rejects what the table calls supported. The compiler reads a
    record that `model.endpoint.capabilities` names in place of the table.
    """
    from nivel.cli._talking import opened
    from nivel.runtime.errors import NivelError
    from nivel.runtime.prompting.capabilities import probe

    name, endpoint = _endpoint_of(spec, overrides, model)
    try:
        found = probe(opened(name, endpoint))
    except NivelError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(RUN_FAILED)
    broken = _show(found, endpoint.type)
    if record or output is not None:
        _write(found, Path(output or f"probes/{_file_name(name)}.json"))
    sys.exit(FINDINGS if broken else 0)


def _endpoint_of(
    spec: str, overrides: Overrides | None, wanted: str | None
) -> tuple[str, EndpointSpec]:
    from nivel.compiler.api import plan
    from nivel.compiler.plan import PromptPlan
    from nivel.compiler.spec import EndpointSpec

    made, checked = plan(spec, overrides)
    if show([checked]) or made is None:
        sys.exit(FINDINGS)
    models = dict(made.models) if isinstance(made, PromptPlan) else {}
    found = {name: one for name, one in models.items() if isinstance(one, EndpointSpec)}
    if not found:
        raise click.UsageError(f"{spec} asks no endpoint")
    name = wanted or next(iter(found))
    if name not in found:
        raise click.UsageError(f"no endpoint {name!r}; there are {', '.join(found)}")
    return name, found[name]


def _write(found: Capabilities, path: Path) -> None:
    """Write a record; it holds no key, and no time but the date."""
    text = json.dumps(found.record(), indent=2, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    click.echo(f"wrote {path}; name it in the spec: capabilities: {path.as_posix()}", err=True)


def _file_name(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).lstrip(".-") or "model"


def _show(found: Capabilities, kind: str) -> bool:
    """Print a line for each parameter; return whether one does less than the table says."""
    from nivel.compiler.capabilities import CAPABILITIES

    expected = CAPABILITIES[kind]
    served = f", served as {found.served_model}" if found.served_model else ""
    click.echo(f"{found.model}{served}, after {found.calls} calls; the table of `{kind}` beside it")
    broken = False
    for name, finding in found.findings.items():
        table = expected.get(name, "-")
        worse = table == "supported" and finding.verdict in ("ignored", "rejected")
        broken |= worse
        mark = "!" if worse else " "
        click.echo(f"{mark} {name:<20} {finding.verdict:<10} {table:<10} {finding.evidence}")
    return broken
