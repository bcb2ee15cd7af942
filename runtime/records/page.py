"""The page of the report: a Jinja template that escapes all it is given."""

PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>
:root {
  color-scheme: light dark;
  --page: #fafaf8; --card: #ffffff; --ink: #1d2129; --muted: #667085; --rule: #e4e5e0;
  --good: #11734a; --good-soft: #e5f4ec; --bad: #b3261e; --bad-soft: #fbeae8;
  --c0: #2f6fde; --c1: #c2571a; --c2: #11845b; --c3: #8b4fc4; --c4: #b07a00; --c5: #c03a76;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1c1f25; --ink: #e7e9ee; --muted: #9aa3b2; --rule: #30343d;
    --good: #6fd3a3; --good-soft: #16322a; --bad: #ff9b91; --bad-soft: #3b2020;
    --c0: #78a6ff; --c1: #f0935a; --c2: #58c79a; --c3: #c39af0; --c4: #e0b34a; --c5: #f088b5;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 3rem 1.5rem 5rem; max-width: 68rem; background: var(--page);
  color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1 { font-size: 1.9rem; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 0.4rem; }
h2 { font-size: 1.2rem; letter-spacing: -0.01em; margin: 3rem 0 0.8rem; }
h3 { font-size: 0.95rem; margin: 0 0 0.6rem; }
p { margin: 0.3rem 0; max-width: 46rem; }
.muted, figcaption { color: var(--muted); font-size: 0.9rem; }
.card {
  background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 1rem 1.2rem; overflow-x: auto;
}
.grid-of-cards {
  display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
}
table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
th { text-align: left; font-weight: 600; color: var(--muted); font-size: 0.8rem; }
th, td { padding: 0.5rem 0.9rem 0.5rem 0; border-bottom: 1px solid var(--rule); }
td { vertical-align: top; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.value { font-weight: 600; }
.range { color: var(--muted); font-size: 0.85rem; }
.text { overflow-wrap: anywhere; min-width: 16rem; }
.id { color: var(--muted); font: 0.78rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
.id { overflow-wrap: anywhere; }
.answer { border-radius: 5px; padding: 0.1rem 0.45rem; overflow-wrap: anywhere; }
.right { color: var(--good); background: var(--good-soft); }
.wrong { color: var(--bad); background: var(--bad-soft); }
.key { display: inline-block; width: 0.65em; height: 0.65em; border-radius: 50%; }
.key { margin-right: 0.5em; background: currentColor; }
figure { margin: 0; }
img { display: block; width: 100%; border-radius: 6px; background: #fff; }
svg { display: block; width: 100%; height: auto; font: 12px system-ui, sans-serif; }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .reference { stroke: var(--muted); stroke-width: 1.5; stroke-dasharray: 4 4; }
svg .tick { fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .name { fill: var(--ink); font-size: 13px; }
svg .whisker { stroke: currentColor; stroke-width: 3; stroke-linecap: round; opacity: 0.45; }
svg .dot { fill: currentColor; stroke: var(--card); stroke-width: 1.5; }
svg .curve { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
{% for index in range(6) %}.s{{ index }} { color: var(--c{{ index }}); }
{% endfor %}
@media print { body { padding: 0; } .card { break-inside: avoid; } }
</style>
</head>
<body>
<h1>{{ title }}</h1>
<p class="muted">{{ subtitle }}</p>

<h2>Results</h2>
<div class="card">
<table>
<thead><tr><th>run</th><th>level</th><th>model</th>
{% for name in metrics %}<th class="number">{{ name }}</th>{% endfor %}
{% for name in costs %}<th class="number">{{ name }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in rows %}<tr>
<td><span class="key s{{ loop.index0 % 6 }}"></span>{{ row.name }}</td><td>{{ row.level }}</td>
<td>{{ row.model }}</td>
{% for measure in row.measures %}<td class="number"><span class="value">{{ measure[0] }}</span>
<br><span class="range">{{ measure[1] }}</span></td>{% endfor %}
{% for cost in row.costs %}<td class="number">{{ cost }}</td>{% endfor %}
</tr>
{% endfor %}
{% if majority %}<tr class="muted"><td>majority class</td><td></td>
<td>always {{ majority.label }}</td>
{% for share in majority.measures %}<td class="number">{{ share }}</td>{% endfor %}
{% for name in costs %}<td></td>{% endfor %}</tr>{% endif %}
</tbody>
</table>
</div>
{% for note in notes %}<p class="muted">{{ note }}</p>
{% endfor %}

{% if intervals %}<h2>{{ interval_title }}</h2>
<figure class="card">{{ intervals }}
<figcaption>{{ interval_caption }}</figcaption></figure>{% endif %}

{% if confusions %}<h2>Confusion</h2>
<div class="grid-of-cards">
{% for one in confusions %}<figure class="card"><h3>{{ one.title }}</h3><table>
<thead><tr><th>right, by row</th>{% for name in one.given %}<th class="number">{{ name }}</th>
{% endfor %}</tr></thead>
<tbody>{% for label, counts in one.rows %}<tr><td>{{ label }}</td>
{% for count, right in counts %}<td class="number">{% if right %}<span class="value">
{{- count }}</span>{% else %}{{ count }}{% endif %}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></figure>
{% endfor %}</div>{% endif %}

{% if curves %}<h2>Training</h2>
<div class="grid-of-cards">
{% for curve in curves %}<figure class="card"><h3>{{ curve.title }}</h3>{{ curve.chart }}
<figcaption>{{ curve.caption }}</figcaption></figure>
{% endfor %}</div>{% endif %}

{% if pictures %}<h2>What comes next</h2>
<div class="grid-of-cards">
{% for picture in pictures %}<figure class="card"><h3>{{ picture.title }}</h3>
{% if picture.data %}<img alt="{{ picture.alt }}" src="data:image/png;base64,{{ picture.data }}">
{% else %}<table>{% for token, share in picture.rows %}<tr><td>{{ token }}</td>
<td class="number">{{ share }}</td></tr>{% endfor %}</table>{% endif %}</figure>
{% endfor %}</div>{% endif %}

{% for sample in samples %}<h2>Answers, failures first</h2>
<p class="muted">{{ sample.caption }}</p>
<div class="card"><table>
<thead><tr><th>test row</th><th>label</th>{% for name in sample.names %}<th>{{ name }}</th>
{% endfor %}</tr></thead>
<tbody>
{% for row in sample.rows %}<tr>
<td class="text">{% if row.text %}{{ row.text }}<br>{% endif %}<span class="id">{{ row.id }}</span>
</td><td>{{ row.label }}</td>
{% for answer in row.answers %}<td>
<span class="answer {{ 'right' if row.right[loop.index0] else 'wrong' }}">{{ answer }}</span></td>
{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% endfor %}
</body>
</html>
"""
