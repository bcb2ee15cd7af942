"""A template is refused before a run by what would stop the run, and by nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jinja2 import Environment

from nivel.compiler.check import check
from nivel.compiler.examples import complete
from nivel.compiler.rules.confined import (
    GLOBALS,
    NUMBERS_ONLY,
    REFUSED_ALWAYS,
    REFUSED_FILTERS,
    REFUSED_METHODS,
)
from nivel.runtime.data import Template, sandbox
from nivel.runtime.errors import DataError

REFUSED = [
    "{{ text }}{% for n in range(9) %}x{% endfor %}",
    "{{ text }}{{ lipsum() }}",
    "{{ text }}{{ dict(a=1).a }}",
    "{{ text }}{{ namespace(a=1).a }}",
    "{{ text|center(9) }}",
    "{{ text|indent(9) }}",
    "{{ text|wordwrap(9) }}",
    "{{ text|random }}",
    "{{ '%9s'|format(text) }}",
    "{% for part in text|batch(2) %}{{ part }}{% endfor %}",
    "{% for part in text|slice(2) %}{{ part }}{% endfor %}",
    "{{ text.center(9) }}",
    "{{ text.ljust(9) }}",
    "{{ text['rjust'](9) }}",
    "{{ text|attr('zfill')(9) }}",
    "{{ '{:>9}'.format(text) }}",
    "{{ '{a:>9}'.format_map({'a': text}) }}",
    "{{ text.expandtabs(9) }}",
    "{{ text * 9 }}",
    "{{ 9 * text }}",
    "{{ (text ~ 'x') * 9 }}",
    "{{ text|upper * 9 }}",
    "{{ [text] * 9 }}",
    "{{ '%9s' % text }}",
    "{{ text % 9 }}",
    "{{ text }}{{ 9 ** 9 }}",
    "{{ text.__class__ }}",
    "{{ text['__class__'] }}",
    "{{ text|attr('__class__') }}",
    "{% include 'x' %}{{ text }}",
    "{% import 'x' as x %}{{ text }}",
    "{% from 'x' import y %}{{ text }}",
    "{% extends 'x' %}{{ text }}",
    "{{ text|no_such_filter }}",
    "{{ text is no_such_test }}",
    "{{ text",
    "{{ body }}",
]
ALLOWED = [
    "{{ text }}",
    "{{ text|upper }}",
    "{{ text|trim|truncate(20) }}",
    "{{ text|length * 2 }}",
    "{{ text|length % 2 }}",
    "{% for c in text %}{{ loop.index * 2 }}{{ c }}{% endfor %}",
    "{% for c in text %}{% if loop.index % 2 %}{{ c }}{% endif %}{% endfor %}",
    "{{ 3 * 4 }}{{ text }}",
    "{% set n = 3 %}{{ n * 4 }}{{ text }}",
    "{{ text.upper() }}",
    "{{ text.strip()|replace('a', 'b') }}",
    "{{ text[0] }}",
    "{{ text[:2] }}",
    "{{ text ~ '!' }}",
    "{{ text + '!' }}",
    "{% if 'a' in text %}yes{% else %}{{ text }}{% endif %}",
    "{% macro m(x) %}<{{ x }}>{% endmacro %}{{ m(text) }}",
    "{{ {'center': 1}['center'] * 2 }}{{ text }}",
    "{% raw %}{{ x }}{% endraw %}{{ text }}",
    "{# center(9) #}{{ text }}",
    "{{ text|default('x') }}",
    "{{ text if text else 'none' }}",
    "{{ ('a', text)|join(', ') }}",
]


def refusals(template: str, folder: Path) -> list[str]:
    text = f"task: {{type: classify, labels: [email, xml], input: {json.dumps(template)}}}\n"
    (folder / "spec.yaml").write_text(complete(text))
    found = check(folder / "spec.yaml", project=folder).diagnostics
    return [item.code for item in found if item.severity == "error"]


def runs(template: str) -> bool:
    try:
        Template(template).render({"text": "abc"})
    except DataError:
        return False
    return True


def test_the_lists_are_those_of_the_run() -> None:
    assert set(REFUSED_FILTERS) == set(sandbox._FILTERS)
    assert set(REFUSED_METHODS) == set(sandbox._PADDING)
    assert sandbox.Sandbox.intercepted_binops == REFUSED_ALWAYS | NUMBERS_ONLY
    assert set(Environment().globals) == GLOBALS
    assert sandbox.Sandbox().globals == {}


@pytest.mark.parametrize("template", REFUSED)
def test_what_stops_the_run_is_refused_before_it(template: str, tmp_path: Path) -> None:
    assert not runs(template)
    assert len(refusals(template, tmp_path)) == 1


@pytest.mark.parametrize("template", ALLOWED)
def test_what_the_run_takes_is_not_refused(template: str, tmp_path: Path) -> None:
    assert runs(template)
    assert refusals(template, tmp_path) == []


@pytest.mark.parametrize("name", REFUSED_FILTERS)
def test_every_refused_filter_is_refused(name: str, tmp_path: Path) -> None:
    assert refusals(f"{{{{ text|{name}('upper') }}}}", tmp_path) == ["NV365"]


@pytest.mark.parametrize("name", sorted(GLOBALS))
def test_every_function_of_jinja_is_refused(name: str, tmp_path: Path) -> None:
    assert refusals(f"{{{{ text }}}}{{{{ {name}(1) }}}}", tmp_path) == ["NV365"]


@pytest.mark.parametrize("name", sorted(REFUSED_METHODS))
def test_every_padding_method_is_refused(name: str, tmp_path: Path) -> None:
    assert refusals(f"{{{{ text.{name}(9) }}}}", tmp_path) == ["NV365"]
