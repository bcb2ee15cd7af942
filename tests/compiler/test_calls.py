"""`nivel plan` counts the calls of a spec where the rows can be counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from nivel.compiler.calls import calls_line
from nivel.compiler.check import check
from nivel.compiler.examples import complete
from nivel.compiler.planner import make_plan

SPEC = """\
level: prompt
models: {{a: {{path: org/a}}, b: {{path: org/b}}}}
data: {{test: {source}}}
task: {{type: classify, labels: [email, xml], input: "{{{{ text }}}}", scoring: generated}}
prompt: {{variants: {{x: {{}}, y: {{}}}}, repeats: 3}}
generation: {{temperature: 0.5}}
"""


def line(tmp_path: Path, text: str) -> tuple[str, str] | None:
    rows = "".join(f"hello {n},{('email', 'xml')[n % 2]}\n" for n in range(10))
    (tmp_path / "rows.csv").write_text(f"text,label\n{rows}")
    (tmp_path / "x.yaml").write_text(complete(text))
    checked = check(tmp_path / "x.yaml")
    assert checked.spec is not None, checked.diagnostics
    return calls_line(make_plan(checked.spec), checked)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{path: rows.csv}", "120 = 10 rows x 2 models x 2 variants x 3 repeats"),
        ("{path: rows.csv, limit: 4}", "48 = 4 rows x 2 models x 2 variants x 3 repeats"),
        ("{path: rows.csv, limit: 99}", "120 = 10 rows x 2 models x 2 variants x 3 repeats"),
        ("{path: rows.csv, limit: 6, balance: true}", "72 = 6 rows x "),
        ("{path: rows.csv, balance: true}", None),
        ("{builtin: python-docs, split: test}", None),
    ],
)
def test_calls_are_the_product_of_the_matrix(tmp_path: Path, source: str, said: str | None) -> None:
    found = line(tmp_path, SPEC.format(source=source))
    assert (found is None) == (said is None)
    assert found is None or found[1].startswith(str(said))


def test_a_task_that_reads_probabilities_makes_no_calls(tmp_path: Path) -> None:
    assert line(tmp_path, "level: prompt\ndata: {test: {path: rows.csv}}\n") is None
