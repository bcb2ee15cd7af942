"""Charts of the report as inline SVG, coloured by the page's CSS variables.

They need no script: a point says its value when the pointer rests on it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from .numbers import count

WIDTH, HEIGHT = 400, 226
LEFT, RIGHT, TOP, BOTTOM = 56, WIDTH - 12, 12, 196
MOST_POINTS = 300
MOST_HITS = 60
"""Points of a curve that say their value."""

MOST_TICKS = 7
NOISY = 60
"""Points from which a curve is also drawn smoothed, and the points themselves faintly."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """One curve: its name, the number of its colour, and (step, value) by step."""

    name: str
    colour: int
    points: Sequence[Point]


@dataclass(frozen=True, slots=True)
class _Frame:
    """From steps and values to places in the picture."""

    first: float
    last: float
    low: float
    high: float
    log: bool = False

    def x(self, step: float) -> float:
        return LEFT + (step - self.first) * (RIGHT - LEFT) / ((self.last - self.first) or 1.0)

    def y(self, value: float) -> float:
        low, high = self._place(self.low), self._place(self.high)
        return BOTTOM - (self._place(value) - low) * (BOTTOM - TOP) / ((high - low) or 1.0)

    def _place(self, value: float) -> float:
        return math.log10(value) if self.log else value


def line_chart(
    series: Sequence[Series], title: str, *, log: bool = False, smooth: bool = False
) -> Markup:
    """Draw curves of at least one point each over a common axis of steps.

    With `log` the values, all above 0, stand on a logarithmic axis; with `smooth` a long curve is
    also drawn as the mean around each of its points.
    """
    shown = [(one, _thinned(one.points)) for one in series]
    every = [point for _, points in shown for point in points]
    steps, values = [x for x, _ in every], [y for _, y in every]
    low, high = min(values), max(values)
    if low == high and not log:  # a level line stands in the middle
        low, high = low - abs(low), high + (abs(high) or 1.0)
    ticks = (log_ticks if log else round_ticks)(low, high)
    frame = _Frame(min(steps), max(steps), ticks[0], ticks[-1], log)
    pieces = _axes(frame, _fewer(ticks) if log else ticks)
    for one, points in shown:
        pieces += _curve(frame, points, one.colour, smooth)
    for one, points in shown:  # above all curves, where the pointer finds them
        pieces += _hits(frame, points, one, len(series) > 1)
    return _svg(pieces, title)


def _axes(frame: _Frame, ticks: Sequence[float]) -> list[Markup]:
    pieces = []
    for tick in ticks:
        y = frame.y(tick)
        pieces.append(_line(LEFT, y, RIGHT, y, "grid"))
        pieces.append(_text(LEFT - 7, y + 4, _tick(tick), "end"))
    marks = [t for t in round_ticks(frame.first, frame.last) if frame.first <= t <= frame.last]
    for tick in marks or [frame.first]:
        x = frame.x(tick)
        pieces.append(_line(x, BOTTOM, x, BOTTOM + 4, "grid"))
        at_end = "end" if x > RIGHT - 14 else "middle"
        pieces.append(_text(x if at_end == "middle" else RIGHT, BOTTOM + 18, _tick(tick), at_end))
    return pieces


def _curve(frame: _Frame, points: Sequence[Point], colour: int, noisy: bool) -> list[Markup]:
    """Draw one curve; of a noisy one faintly, with the mean around each point over it."""
    if len(points) == 1:
        return [_dot(frame, points[0], colour)]
    if len(points) < NOISY or not noisy:
        return [_path(frame, points, f"curve s{colour}"), _dot(frame, points[-1], colour)]
    smooth = _smoothed(points)
    return [
        _path(frame, points, f"curve faint s{colour}"),
        _path(frame, smooth, f"curve s{colour}"),
        _dot(frame, smooth[-1], colour),
    ]


def _hits(frame: _Frame, points: Sequence[Point], one: Series, named: bool) -> list[Markup]:
    stride = max(1, -(-len(points) // MOST_HITS))
    chosen = dict.fromkeys([*points[::stride], points[-1]])
    head = f"{one.name}, " if named else ""
    return [
        Markup(
            '<circle class="hit s{}" cx="{:.1f}" cy="{:.1f}" r="6"><title>{}</title></circle>'
        ).format(one.colour, frame.x(x), frame.y(y), f"{head}step {x:,.0f}: {y:.4g}")
        for x, y in chosen
    ]


def _smoothed(points: Sequence[Point]) -> list[Point]:
    """Return the mean of the points around each: a twelfth of them, the point in the middle."""
    half = max(1, len(points) // 24)
    found = []
    for index, (step, _) in enumerate(points):
        reach = min(half, index, len(points) - 1 - index)  # as many on both sides
        around = [y for _, y in points[index - reach : index + reach + 1]]
        found.append((step, sum(around) / len(around)))
    return found


def round_ticks(low: float, high: float) -> list[float]:
    """Return about four round numbers, from the last below `low` to the first above `high`."""
    span = (high - low) or abs(high) or 1.0
    rough = span / 4.0
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(index * step, 12) for index in range(first, last + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 times powers of ten that enclose the values, which are above 0."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found = [round(factor * 10.0**power, 12) for power in powers for factor in (1, 2, 5)]
    first = max((index for index, tick in enumerate(found) if tick <= low), default=0)
    last = next((index for index, tick in enumerate(found) if tick >= high), len(found) - 1)
    chosen = found[first : last + 1]
    return chosen if len(chosen) > 1 else [low, high]


def _fewer(ticks: Sequence[float]) -> Sequence[float]:
    """Over several powers of ten, keep the powers alone."""
    if len(ticks) <= MOST_TICKS:
        return ticks
    return [tick for tick in ticks if math.log10(tick).is_integer()]


def _tick(value: float) -> str:
    return count(value) if value >= 10_000 else f"{value:g}"


def _thinned(points: Sequence[Point]) -> list[Point]:
    """Keep the first, the last and evenly spaced points between them."""
    if len(points) <= MOST_POINTS:
        return list(points)
    stride = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(index * stride)] for index in range(MOST_POINTS)]


def _path(frame: _Frame, points: Sequence[Point], kind: str) -> Markup:
    path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in points)
    return Markup('<polyline class="{}" points="{}"/>').format(kind, path)


def _dot(frame: _Frame, point: Point, colour: int) -> Markup:
    return Markup('<circle class="dot s{}" cx="{:.1f}" cy="{:.1f}" r="3.5"/>').format(
        colour, frame.x(point[0]), frame.y(point[1])
    )


def _svg(pieces: Sequence[Markup], title: str) -> Markup:
    return Markup('<svg viewBox="0 0 {0} {1}" role="img" aria-label="{2}">{3}</svg>').format(
        WIDTH, HEIGHT, title, Markup("").join(pieces)
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, y1, x2, y2
    )


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        x, y, anchor, escape(text)
    )
