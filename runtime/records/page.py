"""The page of the report: a Jinja template that escapes all it is given, and has no script."""

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{{ title }}</title>
<style>
{{ style }}</style>
</head>
<body>
<header>
<h1>{{ title }}</h1>
<p class="muted">{{ subtitle }}</p>
<nav>
{% for name, text in sections %}<a href="#{{ name }}">{{ text }}</a>
{% endfor %}</nav>
</header>

{% if tiles %}<section class="grid tiles" style="margin-top: 1.4rem">
{% for tile in tiles %}<div class="card tile"><div class="label">{{ tile.label }}</div>
<div class="big">{{ tile.value }}</div><div class="muted">{{ tile.note }}</div></div>
{% endfor %}</section>{% endif %}

<section id="results">
<h2>Results</h2>
<div class="card scroll">
<table class="stack">
<thead><tr><th>run</th><th>level</th><th>model</th>
{% for name in metrics %}<th class="number">{{ name }}</th>{% endfor %}
{% for name in costs %}<th class="number">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}<tr>
<td class="run"><span class="key s{{ loop.index0 % 6 }}"></span>{{ row.name }}</td>
<td data-label="level">{{ row.level }}</td>
<td class="model" data-label="model">{{ row.model }}</td>
{% for measure in row.measures %}<td class="number" data-label="{{ metrics[loop.index0] }}"><div>
<span class="value">{{ measure[0] }}</span><br><span class="range">{{ measure[1] }}</span></div>
</td>
{% endfor %}
{% for cost in row.costs %}<td class="number" data-label="{{ costs[loop.index0] }}">{{ cost }}</td>
{% endfor %}
</tr>
{% endfor %}
{% if majority %}<tr class="muted"><td class="run">majority class</td><td></td>
<td class="model" data-label="answers">always {{ majority.label }}</td>
{% for share in majority.measures %}<td class="number"
{%- if share %} data-label="{{ metrics[loop.index0] }}"{% endif %}>{{ share }}</td>{% endfor %}
{% for name in costs %}<td></td>{% endfor %}</tr>{% endif %}
</tbody>
</table>
</div>
{% if notes %}<ul class="notes">
{% for note in notes %}<li>{{ note }}</li>
{% endfor %}</ul>{% endif %}
</section>

{% if intervals %}<section id="uncertainty">
<h2>{{ intervals.title }}</h2>
<figure class="card"><div class="shares">
{% for one in intervals.rows %}<div class="share">
<span><span class="key s{{ one.colour }}"></span>{{ one.name }}</span>
<span class="track" title="{{ one.said }}"><span class="whisker s{{ one.colour }}"
 style="left: {{ one.low }}%; width: {{ one.width }}%"></span>
{% if intervals.reference is not none %}<span class="reference"
 style="left: {{ intervals.reference }}%"></span>{% endif %}
<span class="dot s{{ one.colour }}" style="left: {{ one.value }}%"></span></span>
<span class="number value">{{ one.percent }}</span></div>
{% endfor %}<span class="scale muted"><span>0%</span><span>25%</span><span>50%</span>
<span>75%</span><span>100%</span></span>
</div>
<figcaption>{{ intervals.caption }}</figcaption></figure>
</section>{% endif %}

<section id="cost">
<h2>Cost</h2>
<div class="card scroll"><table class="stack">
<thead><tr><th>run</th>
{% for name in prices.names %}<th class="number">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in prices.rows %}<tr>
<td class="run"><span class="key s{{ loop.index0 % 6 }}"></span>{{ row.name }}</td>
{% for cell in row.cells %}<td class="number" data-label="{{ prices.names[loop.index0] }}">
{{- cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% if prices.notes %}<ul class="notes">
{% for note in prices.notes %}<li>{{ note }}</li>
{% endfor %}</ul>{% endif %}
</section>

{% if curves %}<section id="curves">
<h2>Training</h2>
<div class="grid charts">
{% for curve in curves %}<figure class="card">
<header><h3>{{ curve.title }}</h3><span class="muted">{{ curve.unit }}</span></header>
{{ curve.chart }}
<div class="legend">
{% for name, colour, last in curve.legend %}<span><span class="key s{{ colour }}"></span>
{{- name }} <b>{{ last }}</b></span>
{% endfor %}</div></figure>
{% endfor %}</div>
<p class="muted">By optimizer step. Faint: each step; bold: the mean of the steps around it.
Beside a name: the last value. Rest the pointer on a curve for the value of a step.</p>
</section>{% endif %}

{% if confusions %}<section id="confusion">
<h2>Confusion</h2>
<div class="grid halves">
{% for one in confusions %}<figure class="card">
<header><h3>{{ one.title }}</h3><span class="muted">rows: right, columns: answered</span></header>
<div class="scroll"><table class="confusion">
<thead><tr><th></th>
{% for name in one.given %}<th title="{{ name }}">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>{% for label, counts in one.rows %}<tr><td title="{{ label }}">{{ label }}</td>
{% for count, right, share in counts %}
<td class="cell {{ 'hit-cell' if right else 'miss-cell' }}" style="--share: {{ share }}">
{{- count }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div></figure>
{% endfor %}</div>
</section>{% endif %}

{% if pictures %}<section id="next-word">
<h2>What comes next</h2>
<div class="grid charts">
{% for picture in pictures %}<figure class="card">
<header><h3>{{ picture.title }}</h3></header>
{% if picture.text %}<p class="muted">after <span class="token">{{ picture.text }}</span></p>
{% endif %}<div class="bars">
{% for token, share, width in picture.rows %}<span class="token">{{ token }}</span>
<span><span class="bar s{{ picture.colour }}"
 style="display: block; width: {{ width }}%; background: currentColor"></span></span>
<span class="number">{{ share }}</span>
{% endfor %}</div></figure>
{% endfor %}</div>
</section>{% endif %}

{% if details %}<section id="runs">
{% for run in details %}<h2>{{ run.name }}</h2>
<div class="grid halves">
<div class="card"><h3>Run</h3><dl style="margin-top: 0.6rem">
{% for key, value in run.facts %}<dt>{{ key }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl></div>
<div class="card scroll"><h3>Planned and measured</h3>
{% if run.planned %}<table style="margin-top: 0.4rem">
<thead><tr><th></th><th class="number">planned</th><th class="number">measured</th><th></th></tr>
</thead>
<tbody>{% for line in run.planned %}<tr><td>{{ line.title }}</td>
<td class="number">{{ line.planned }}</td><td class="number value">{{ line.found }}</td>
<td class="number">{% if line.verdict %}<span class="chip {{ line.kind }}">{{ line.verdict }}</span>
{% endif %}</td></tr>
{% endfor %}</tbody></table>
{% else %}<p class="nothing">No prediction was recorded with this run.</p>{% endif %}
</div>
{% if run.gates %}<div class="card"><h3>Gates</h3>
<ul class="notes">{% for gate in run.gates %}<li>
<span class="chip {{ 'right' if gate.passed else 'wrong' }}">
{{- 'holds' if gate.passed else 'fails' }}</span> {{ gate.gate }}</li>
{% endfor %}</ul></div>{% endif %}
</div>
{% if run.spec %}<details{{ ' open' if details|length == 1 }}>
<summary>Spec, and where each value was written</summary>
<div class="card spec">
{% set group = loop.index0 %}
<input class="choose no-defaults" type="radio" name="said{{ group }}" id="said{{ group }}a" checked>
<label for="said{{ group }}a">what was said</label>
<input class="choose" type="radio" name="said{{ group }}" id="said{{ group }}b">
<label for="said{{ group }}b">with defaults</label>
<table>
{% for section in run.spec %}<tbody>
<tr class="section{{ '' if section.said else ' default' }}"><td>{{ section.name }}</td><td></td>
<td></td></tr>
{% for row in section.rows %}<tr{{ ' class=default' if row.default }}>
<td class="mono">{{ row.key }}</td><td class="mono text">{{ row.value }}</td>
<td>{{ row.origin }}</td></tr>
{% endfor %}</tbody>
{% endfor %}</table></div></details>{% endif %}
{% if run.program %}<details><summary>Program</summary><pre>{{ run.program }}</pre></details>
{% endif %}
{% if run.environment %}<details><summary>Environment</summary><div class="card"><dl>
{% for key, value in run.environment %}<dt>{{ key }}</dt><dd>{{ value }}</dd>
{% endfor %}</dl></div></details>{% endif %}
<details><summary>Files of the run</summary><div class="card"><dl>
{% for name, size in run.files %}<dt class="mono">{{ name }}</dt><dd>{{ size }}</dd>
{% endfor %}</dl></div></details>
{% endfor %}</section>{% endif %}

{% if samples %}<section id="answers">
{% for sample in samples %}<h2>Answers, failures first</h2>
{% set group = loop.index0 %}
<div class="card">
<p class="muted">{{ sample.caption }}</p>
<input class="choose" type="radio" name="right{{ group }}" id="right{{ group }}a" checked>
<label for="right{{ group }}a">all</label>
<input class="choose only-failed" type="radio" name="right{{ group }}" id="right{{ group }}b">
<label for="right{{ group }}b">failures</label>
<input class="choose only-right" type="radio" name="right{{ group }}" id="right{{ group }}c">
<label for="right{{ group }}c">right</label>
{% if sample.labels %}<span class="break"></span>
<input class="choose" type="radio" name="label{{ group }}" id="label{{ group }}" checked>
<label for="label{{ group }}">every label</label>
{% for name in sample.labels %}<input class="choose by-{{ loop.index0 }}" type="radio"
 name="label{{ group }}" id="label{{ group }}-{{ loop.index0 }}">
<label for="label{{ group }}-{{ loop.index0 }}">{{ name }}</label>
{% endfor %}{% endif %}
<div class="answers">
{% for row in sample.rows %}<article class="{{ 'good' if row.right else 'poor' }}
{{- ' g%d'|format(row.group) if row.group is not none }}">
<div>{% if row.text %}<div class="text">{{ row.text }}</div>{% endif %}
<span class="id">{{ row.id }}</span></div>
<div><div class="said"><span class="who">right</span><span class="wanted">{{ row.label }}</span>
</div>
{% for answer in row.answers %}<div class="said">
<span class="who"><span class="key s{{ sample.names[loop.index0][1] }}"></span>
{{- sample.names[loop.index0][0] }}</span>
<span class="answer {{ 'right' if answer.right else 'wrong' }}">{{ answer.text }}</span>
<span class="who">{{ answer.note }}</span></div>
{% endfor %}</div></article>
{% endfor %}</div></div>
{% endfor %}</section>{% endif %}
</body>
</html>
"""
