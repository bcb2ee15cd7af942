"""`nivel probe`: ask a live endpoint what it does with each parameter."""

from __future__ import annotations

import json
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
  nivel probe specs/prompt/endpoint.yaml --model large -o probe.json

\b
It costs about 25 calls of a few tokens each."""


@click.command("probe", short_help="Ask what an endpoint supports.", epilog=EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option("--model", metavar="NAME", help="Which of the spec's models.")
@click.option("-o", "--output", metavar="FILE", help="Also write the findings as JSON.")
@override_options
def command(spec: str, overrides: Overrides | None, model: str | None, output: str | None) -> None:
    """Send tiny requests to the endpoint of SPEC and say what became of each parameter.

    What the endpoint does is shown beside what the compiler's table expects of its type. The exit
    code is 1 where it ignores or rejects what the table calls supported.
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
    if output is not None:
        text = json.dumps(found.record(), indent=2, ensure_ascii=False)
        Path(output).write_text(text + "\n", encoding="utf-8")
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


def _show(found: Capabilities, kind: str) -> bool:
    """Print a line for each parameter; return whether one does less than the table says."""
    from nivel.compiler.capabilities import CAPABILITIES

    expected = CAPABILITIES[kind]
    names = {"response_format": "json_schema"}
    served = f", served as {found.served_model}" if found.served_model else ""
    click.echo(f"{found.model}{served}, after {found.calls} calls; the table of `{kind}` beside it")
    broken = False
    for name, finding in found.findings.items():
        table = expected.get(names.get(name, name), "-")
        worse = table == "supported" and finding.verdict in ("ignored", "rejected")
        broken |= worse
        mark = "!" if worse else " "
        click.echo(f"{mark} {name:<20} {finding.verdict:<10} {table:<10} {finding.evidence}")
    return broken
