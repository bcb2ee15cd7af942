"""The look of the report: one style sheet, light and dark, for a telephone and a wide screen."""

STYLE = """\
:root {
  color-scheme: light dark;
  --page: #f6f6f3; --card: #ffffff; --ink: #191c22; --soft: #3f4653; --muted: #667085;
  --rule: #e5e5df; --fill: #f1f1ec; --accent: #2f6fde;
  --good: #0d6b43; --good-soft: #e3f3ea; --bad: #a8231b; --bad-soft: #fae7e5;
  --c0: #2f6fde; --c1: #c2571a; --c2: #11845b; --c3: #8b4fc4; --c4: #a06f00; --c5: #c03a76;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #121418; --card: #1a1d23; --ink: #e9ebf0; --soft: #c3c9d4; --muted: #949dac;
    --rule: #2d323b; --fill: #22262e; --accent: #78a6ff;
    --good: #6fd3a3; --good-soft: #15312a; --bad: #ff9b91; --bad-soft: #3d2020;
    --c0: #78a6ff; --c1: #f0935a; --c2: #58c79a; --c3: #c39af0; --c4: #e0b34a; --c5: #f088b5;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0 auto; padding: 2.6rem clamp(0.9rem, 3vw, 2rem) 5rem; max-width: 82rem;
  background: var(--page); color: var(--ink); overflow-wrap: break-word;
  font: 15.5px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
h1, h2, h3 { letter-spacing: -0.015em; line-height: 1.25; overflow-wrap: anywhere; }
h1 { font-size: clamp(1.5rem, 4vw, 2rem); margin: 0 0 0.4rem; font-weight: 680; }
h2 { font-size: 1.2rem; margin: 2.8rem 0 0.9rem; font-weight: 650; }
h3 { font-size: 0.95rem; margin: 0; font-weight: 620; }
p { margin: 0.3rem 0; max-width: 52rem; }
a { color: var(--accent); }
code, .mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
.muted, figcaption { color: var(--muted); font-size: 0.88rem; }
ul.notes { margin: 0.8rem 0 0; padding: 0 0 0 1.1rem; color: var(--soft); font-size: 0.9rem; }
ul.notes li { margin: 0.2rem 0; max-width: 60rem; }
nav { display: flex; flex-wrap: wrap; gap: 0.4rem; margin: 1.1rem 0 0; }
nav a {
  padding: 0.2rem 0.75rem; border: 1px solid var(--rule); border-radius: 99px;
  background: var(--card); color: var(--soft); font-size: 0.85rem; text-decoration: none;
}
nav a:hover { border-color: var(--muted); color: var(--ink); }
.card {
  background: var(--card); border: 1px solid var(--rule); border-radius: 12px;
  padding: 1.05rem 1.2rem; min-width: 0;
}
.scroll { overflow-x: auto; }
.grid { display: grid; gap: 1rem; }
.charts { grid-template-columns: repeat(auto-fit, minmax(min(100%, 21rem), 1fr)); }
.halves { grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); }
.tiles { grid-template-columns: repeat(auto-fit, minmax(min(100%, 10.5rem), 1fr)); gap: 0.8rem; }
.tile { padding: 0.8rem 1rem; }
.tile .label { color: var(--muted); font-size: 0.8rem; }
.tile .big {
  font-size: 1.45rem; font-weight: 650; letter-spacing: -0.02em; line-height: 1.3;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere;
}
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
th { text-align: left; font-weight: 550; color: var(--muted); font-size: 0.78rem; }
th, td { padding: 0.48rem 0.9rem 0.48rem 0; border-bottom: 1px solid var(--rule); }
th:last-child, td:last-child { padding-right: 0; }
td { vertical-align: top; }
tbody tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.value { font-weight: 620; }
.range { color: var(--muted); font-size: 0.8rem; }
.run { white-space: nowrap; font-weight: 560; }
td.model { max-width: 22rem; overflow-wrap: anywhere; }
p, li, td, th, dd, dt, h1, h2, h3, span, label { unicode-bidi: isolate; }
.muted .run, .muted.run { font-weight: 400; }
.key {
  display: inline-block; width: 0.62em; height: 0.62em; margin-right: 0.5em; flex: none;
  border-radius: 50%; background: currentColor;
}
.chip {
  display: inline-block; border-radius: 99px; padding: 0.05rem 0.6rem; font-size: 0.8rem;
  background: var(--fill); color: var(--soft);
}
.right, .on, .completed { color: var(--good); background: var(--good-soft); }
.wrong, .off, .failed { color: var(--bad); background: var(--bad-soft); }
.shares { display: grid; grid-template-columns: minmax(6rem, auto) 1fr auto; gap: 0.65rem 0.9rem; }
.share { display: contents; }
.share > * { align-self: center; min-width: 0; overflow-wrap: anywhere; }
.track {
  position: relative; height: 1.5rem; border-radius: 4px;
  background: linear-gradient(90deg, var(--rule) 1px, transparent 1px) 0 0 / 25% 100%, var(--fill);
}
.track span { position: absolute; }
.track .whisker {
  top: 50%; height: 6px; margin-top: -3px; border-radius: 3px; background: currentColor;
  opacity: 0.4;
}
.track .dot {
  top: 50%; width: 13px; height: 13px; margin: -6.5px 0 0 -6.5px; border-radius: 50%;
  background: currentColor; border: 2px solid var(--card);
}
.track .reference { top: -3px; bottom: -3px; border-left: 2px dashed var(--muted); }
.scale { display: block; position: relative; height: 1.3rem; grid-column: 2; }
.scale span { position: absolute; transform: translateX(-50%); }
.scale span:nth-child(1) { left: 0; transform: none; }
.scale span:nth-child(2) { left: 25%; }
.scale span:nth-child(3) { left: 50%; }
.scale span:nth-child(4) { left: 75%; }
.scale span:nth-child(5) { right: 0; transform: none; }
.bars { display: grid; grid-template-columns: minmax(4.5rem, auto) 1fr 3.4rem; gap: 0.3rem 0.7rem; }
.bars { align-items: center; font-size: 0.88rem; }
.bar { height: 0.95rem; border-radius: 3px; background: var(--accent); min-width: 2px; }
.token { font: 0.83rem ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; }
.token { overflow-wrap: anywhere; }
figure { margin: 0; }
figure header { display: flex; align-items: baseline; gap: 0.6rem; margin-bottom: 0.5rem; }
figure header .muted { font-size: 0.8rem; }
.legend { display: flex; flex-wrap: wrap; gap: 0.15rem 1rem; margin-top: 0.35rem; }
.legend { font-size: 0.82rem; color: var(--soft); }
.legend b { font-weight: 600; font-variant-numeric: tabular-nums; }
svg { display: block; width: 100%; height: auto; font: 11px system-ui, sans-serif; }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .tick { fill: var(--muted); font-variant-numeric: tabular-nums; }
svg .dot { fill: currentColor; stroke: var(--card); stroke-width: 1.5; }
svg .curve { fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linejoin: round; }
svg .faint { opacity: 0.28; stroke-width: 1; }
svg .hit { fill: currentColor; opacity: 0; }
svg .hit:hover { opacity: 0.55; }
.confusion td, .confusion th { text-align: center; padding: 0.35rem 0.5rem; }
.confusion td:first-child { max-width: 9rem; overflow: hidden; }
.confusion td:first-child { text-overflow: ellipsis; white-space: nowrap; }
.confusion th { min-width: 3.7rem; max-width: 7rem; padding: 0.35rem 0.2rem; font-size: 0.72rem; }
.confusion th { white-space: normal; overflow-wrap: anywhere; }
.confusion td:first-child, .confusion th:first-child { text-align: left; }
.confusion td { border: 2px solid var(--card); border-radius: 6px; }
.confusion .cell {
  background: color-mix(in srgb, var(--tone) calc(var(--share) * 62%), var(--fill));
  font-variant-numeric: tabular-nums;
}
.hit-cell { --tone: var(--good); font-weight: 650; }
.miss-cell { --tone: var(--bad); }
.choose { position: absolute; opacity: 0; }
.choose + label {
  display: inline-block; margin: 0 0.25rem 0.4rem 0; padding: 0.18rem 0.75rem; cursor: pointer;
  border: 1px solid var(--rule); border-radius: 99px; font-size: 0.84rem; color: var(--soft);
  background: var(--card);
}
.choose:checked + label { background: var(--ink); border-color: var(--ink); color: var(--page); }
.choose:focus-visible + label { outline: 2px solid var(--accent); outline-offset: 2px; }
.break { display: block; height: 0; }
.only-failed:checked ~ .answers > .good, .only-right:checked ~ .answers > .poor { display: none; }
.answers { border-top: 1px solid var(--rule); margin-top: 0.5rem; }
.answers article {
  display: grid; grid-template-columns: minmax(0, 1.5fr) minmax(0, 1fr); gap: 0.3rem 1.6rem;
  padding: 0.75rem 0; border-bottom: 1px solid var(--rule);
}
.answers article:last-child { border-bottom: 0; padding-bottom: 0; }
.text { overflow-wrap: anywhere; white-space: pre-wrap; unicode-bidi: isolate; }
.id { color: var(--muted); font: 0.75rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
.id { overflow-wrap: anywhere; }
.said { display: flex; flex-wrap: wrap; gap: 0.25rem 0.5rem; align-items: baseline; }
.said > span { overflow-wrap: anywhere; }
.said .who { color: var(--muted); font-size: 0.8rem; }
.answer { border-radius: 6px; padding: 0.08rem 0.5rem; overflow-wrap: anywhere; }
.answer { white-space: pre-wrap; unicode-bidi: isolate; }
.wanted { font-weight: 620; overflow-wrap: anywhere; unicode-bidi: isolate; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0.3rem 1.1rem; margin: 0; }
dl { font-size: 0.9rem; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; min-width: 0; }
details { margin-top: 0.8rem; }
details > summary { cursor: pointer; font-weight: 580; padding: 0.3rem 0; }
.spec td { padding: 0.26rem 0.9rem 0.26rem 0; font-size: 0.84rem; overflow-wrap: anywhere; }
.spec td:nth-child(3) { text-align: right; color: var(--muted); font-size: 0.78rem; }
.spec .default td { color: var(--muted); }
.spec tr.section td { padding-top: 0.8rem; font-weight: 620; border-bottom-color: var(--muted); }
.no-defaults:checked ~ table .default { display: none; }
pre {
  margin: 0.6rem 0 0; padding: 0.9rem 1rem; border-radius: 8px; background: var(--fill);
  overflow-x: auto; font: 0.8rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
}
.nothing { color: var(--muted); padding: 1.6rem 0; text-align: center; }
@media (max-width: 44rem) {
  .answers article { grid-template-columns: minmax(0, 1fr); }
  .shares { display: block; }
  .share { display: grid; grid-template-columns: 1fr auto; gap: 0.1rem 0.8rem; }
  .share { margin-bottom: 0.8rem; }
  .share .track { grid-row: 2; grid-column: 1 / -1; }
  .stack, .stack tbody, .stack tr, .stack td { display: block; }
  .stack thead, .stack td:empty { display: none; }
  .stack tr { padding: 0.7rem 0; border-bottom: 1px solid var(--rule); }
  .stack tr:first-child { padding-top: 0; }
  .stack tr:last-child { border-bottom: 0; padding-bottom: 0; }
  .stack td { display: flex; justify-content: space-between; gap: 1rem; padding: 0.12rem 0; }
  .stack td { border: 0; text-align: right; white-space: normal; overflow-wrap: anywhere; }
  .stack td::before { content: attr(data-label); color: var(--muted); font-size: 0.82rem; }
  .stack td::before { text-align: left; white-space: nowrap; }
  .stack .run { justify-content: flex-start; align-items: center; gap: 0; padding-bottom: 0.3rem; }
  .stack .run::before { display: none; }
  .card { padding: 0.9rem 0.95rem; }
  .spec td:nth-child(3) { text-align: left; }
  .spec tr, .spec td { display: block; border: 0; padding: 0 0 0.1rem; }
  .spec td:empty { display: none; }
  .spec td:first-child { color: var(--soft); }
  .spec tr { padding: 0.3rem 0; border-bottom: 1px solid var(--rule); }
}
@media print {
  body { padding: 0; max-width: none; }
  nav, .choose + label { display: none; }
  .card { break-inside: avoid; }
}
"""


def style(colours: int, labels: int) -> str:
    """Return the sheet, with the colours of runs and the choice of rows by label."""
    runs = [f".s{index} {{ color: var(--c{index}); }}" for index in range(colours)]
    rows = [
        f".by-{index}:checked ~ .answers > :not(.g{index}) {{ display: none; }}"
        for index in range(labels)
    ]
    return STYLE + "\n".join([*runs, *rows]) + "\n"
