"""`nivel preview`: rows as the model will see them, before anything is paid for."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from nivel.cli._common import FINDINGS, RUN_FAILED, override_options, require

if TYPE_CHECKING:
    from nivel.compiler.overrides import Overrides

EPILOG = """\b
Examples:
  nivel preview specs/finetune/sft.yaml
  nivel preview specs/finetune/sft.yaml --row ast.copy_location
  nivel preview specs/quickstart/prompt.yaml --rows 1 --format json

\b
What is learned is bright and the rest dim; without a terminal it stands in [[ ]]."""


@click.command("preview", short_help="Show rows as the model sees them.", epilog=EPILOG)
@click.argument("spec", metavar="SPEC")
@click.option("--rows", type=click.IntRange(0), default=3, show_default=True, help="How many.")
@click.option("--row", metavar="ID", help="Only this row: its id, or its line in the file.")
@click.option(
    "--format",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="A page to read, or data.",
)
@override_options
def command(
    spec: str, overrides: Overrides | None, rows: int, row: str | None, format: str
) -> None:
    """Show real rows of SPEC rendered and tokenised, with the tokens that are learned marked.

    Lengths, cuts and padding are counted over all rows. Only the tokenizer is loaded. The exit
    code is 1 where a run would refuse the rows.
    """
    from nivel.compiler.api import plan
    from nivel.runtime.errors import NivelError
    from nivel.runtime.preview import render_preview

    made, checked = plan(spec, overrides)
    require(made, checked)
    assert made is not None
    try:
        curated = _curated(made, rows)
        found = _look(made, rows, row)
    except NivelError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(FINDINGS if type(error).__name__ == "DataError" else RUN_FAILED)
    if row is not None and not found.shown:
        raise click.UsageError(f"no row {row!r} among the {found.rows} of the spec")
    if format == "json":
        click.echo(found.to_json(**({"curation": curated[0]} if curated else {})))
    else:
        click.echo(render_preview(found, colour=sys.stdout.isatty()), nl=False)
        click.echo("".join(f"{line}\n" for line in curated[1]) if curated else "", nl=False)
    sys.exit(0 if found.sound else FINDINGS)


def _curated(made: Any, samples: int) -> tuple[Any, list[str]] | None:
    """Return what becomes of the text of a pretraining: the record, and the lines that show it."""
    from nivel.compiler.plan import PretrainPlan

    if not isinstance(made, PretrainPlan):
        return None
    from nivel.cli._rows import corpus_of_plan
    from nivel.runtime.curation.reporting import curation_json
    from nivel.runtime.preview import plain
    from nivel.runtime.records.curated import sample_lines, source_lines, step_lines

    record = curation_json(corpus_of_plan(made))
    dropped = [f"  {plain(line)}" for line in sample_lines(record, samples)]
    return record, [*step_lines(record), *source_lines(record), *dropped]


def _look(made: Any, rows: int, row: str | None) -> Any:
    from nivel.cli._rows import encodings_of
    from nivel.compiler.embedding import ContrastiveSpec
    from nivel.compiler.plan import FinetunePlan
    from nivel.compiler.preferences import PreferenceSpec
    from nivel.runtime.preview import Layout, make_preview

    encodings, tokenizer = encodings_of(made)
    if not isinstance(made, FinetunePlan):
        return make_preview(encodings, tokenizer, shown=rows, row=row, learns=False)
    said, embeds = made.objective, isinstance(made.objective, ContrastiveSpec)
    texts = 2 if isinstance(said, PreferenceSpec) else 1  # of each row
    texts = len(made.common.data.columns) if embeds else texts
    return make_preview(
        encodings,
        tokenizer,
        shown=rows,
        row=row,
        max_length=made.max_length,
        too_long=made.too_long,
        too_long_at_most=made.too_long_at_most,
        layout=Layout(
            made.batch.batch * texts,
            made.batch.micro_batch * texts,
            made.common.seed,
            made.packing,
        ),
        learns=said is not None and not embeds and said.type != "reward",
    )
