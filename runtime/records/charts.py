"""Charts of the report as inline SVG, coloured by the page's CSS variables."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH = 460
MOST_POINTS = 300


@dataclass(frozen=True, slots=True)
class Share:
    """A share of 1 with its interval, as one line of `interval_chart`."""

    name: str
    value: float
    low: float
    high: float


def interval_chart(shares: Sequence[Share], reference: float | None, title: str) -> Markup:
    """Draw each share as a dot on its interval, 0 to 100%, with a dashed reference line."""
    left, row, top = 150, 30, 8
    width, bottom = 760, top + row * len(shares)
    scale = width - left - 24
    pieces = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        x = left + tick * scale
        pieces.append(_line(x, top, x, bottom, "grid"))
        pieces.append(_text(x, bottom + 18, f"{tick:.0%}", "tick", "middle"))
    if reference is not None:
        x = left + reference * scale
        pieces.append(_line(x, top, x, bottom, "reference"))
    for index, share in enumerate(shares):
        y = top + row * (index + 0.5)
        pieces.append(_text(left - 12, y + 4, _shortened(share.name, 20), "name", "end"))
        start, end = left + share.low * scale, left + share.high * scale
        pieces.append(_line(start, y, end, y, f"whisker s{index % 6}"))
        pieces.append(_dot(left + share.value * scale, y, f"dot s{index % 6}"))
    return _svg(pieces, width, bottom + 26, title)


def line_chart(points: Sequence[tuple[float, float]], title: str, colour: int) -> Markup:
    """Draw one curve of (step, value), at least two points, with ticks at round numbers."""
    left, right, top, bottom = 46, WIDTH - 12, 10, 190
    points = _thinned(points)
    steps, values = [x for x, _ in points], [y for _, y in points]
    ticks = round_ticks(min(values), max(values))
    low, high = min(ticks[0], min(values)), max(ticks[-1], max(values))
    across = (right - left) / ((steps[-1] - steps[0]) or 1.0)
    up = (bottom - top) / ((high - low) or 1.0)
    pieces = []
    for tick in ticks:
        y = bottom - (tick - low) * up
        pieces.append(_line(left, y, right, y, "grid"))
        pieces.append(_text(left - 8, y + 4, f"{tick:g}", "tick", "end"))
    for tick in round_ticks(steps[0], steps[-1]):
        if steps[0] <= tick <= steps[-1]:
            x = left + (tick - steps[0]) * across
            pieces.append(_text(x, bottom + 18, f"{tick:g}", "tick", "middle"))
    path = " ".join(
        f"{left + (x - steps[0]) * across:.1f},{bottom - (y - low) * up:.1f}" for x, y in points
    )
    pieces.append(
        Markup('<polyline class="curve s{}" fill="none" points="{}"/>').format(colour % 6, path)
    )
    pieces.append(
        _dot(left + (steps[-1] - steps[0]) * across, bottom - (values[-1] - low) * up,
             f"dot s{colour % 6}")
    )  # fmt: skip
    return _svg(pieces, WIDTH, bottom + 26, title)


def round_ticks(low: float, high: float) -> list[float]:
    """Return about four round numbers, from the last below `low` to the first above `high`."""
    span = (high - low) or abs(high) or 1.0
    rough = span / 4.0
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep the first, the last and evenly spaced points between them."""
    if len(points) <= MOST_POINTS:
        return list(points)
    stride = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(index * stride)] for index in range(MOST_POINTS)]


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def _svg(pieces: Sequence[Markup], width: float, height: float, title: str) -> Markup:
    return Markup(
        '<svg viewBox="0 0 {0} {1}" role="img" aria-label="{2}"><title>{2}</title>{3}</svg>'
    ).format(f"{width:g}", f"{height:g}", title, Markup("").join(pieces))


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return Markup('<line class="{}" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>').format(
        kind, x1, y1, x2, y2
    )


def _dot(x: float, y: float, kind: str) -> Markup:
    return Markup('<circle class="{}" cx="{:.1f}" cy="{:.1f}" r="5"/>').format(kind, x, y)


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> Markup:
    return Markup('<text class="{}" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>').format(
        kind, x, y, anchor, escape(text)
    )
