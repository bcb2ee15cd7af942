"""The picture of a next-word distribution."""

import textwrap
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

INK, MUTED, FAINT, BAR, REST = "#1f2430", "#667085", "#e6e8ec", "#2f6fde", "#c3c9d3"
VISIBLE = {" ": "␣", "\n": "↵", "\t": "⇥", "\r": "␍"}
FONT, MONO = "DejaVu Sans", "DejaVu Sans Mono"
LONGEST_TOKEN = 20


def draw_next_words(
    text: str, rows: Sequence[dict[str, Any]], vocabulary: int, path: str | Path
) -> None:
    """Draw `rows` of {token, probability} as a bar chart into a PNG at `path`.

    The last bar is what all other tokens of the `vocabulary` share. Whitespace in tokens
    is shown as signs, since " the" and "the" are different tokens.
    """
    # Figure and canvas are used directly: pyplot keeps global state and picks a display.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shares = [float(row["probability"]) for row in rows]
    rest = max(0.0, 1.0 - sum(shares))
    heading = textwrap.wrap(f"“{_drawable(text, spaces=False)}”", 62)[-3:]
    height = 0.34 * (len(rows) + 1) + 0.28 * len(heading) + 0.98
    figure = Figure(figsize=(7.2, height), dpi=160, facecolor="white")
    FigureCanvasAgg(figure)
    top = 1.0 - (0.28 * len(heading) + 0.62) / height
    axes = figure.add_axes((0.27, 0.3 / height, 0.61, top - 0.3 / height))
    _draw_bars(axes, [_drawable(str(row["token"])) for row in rows], shares, rest)
    others = vocabulary - len(rows)
    axes.text(
        -0.025, len(rows), f"{others:,} others", transform=axes.get_yaxis_transform(),
        ha="right", va="center", family=FONT, size=9.5, color=MUTED,
    )  # fmt: skip
    _draw_heading(figure, heading, sum(shares), len(rows), height)
    figure.savefig(path, metadata={"Software": None})


def _draw_bars(axes: Any, tokens: list[str], shares: list[float], rest: float) -> None:
    """Draw one bar per token, downwards, and a paler last one for the rest."""
    values = [*shares, rest]
    axes.barh(range(len(values)), values, height=0.66, color=[BAR] * len(shares) + [REST])
    axes.set_xlim(0, max(max(values), 1e-9))
    axes.set_ylim(len(values) - 0.4, -0.6)
    axes.set_yticks([])
    axes.set_xticks([])
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(FAINT)
    for index, value in enumerate(values):
        axes.annotate(
            _percent(value), (value, index), xytext=(5, 0), textcoords="offset points",
            va="center", family=FONT, size=9.5, color=INK if index < len(shares) else MUTED,
        )  # fmt: skip
    for index, token in enumerate(tokens):
        # A dollar sign in a token is no formula.
        axes.text(
            -0.025, index, token, transform=axes.get_yaxis_transform(), ha="right",
            va="center", family=MONO, size=10.5, color=INK, parse_math=False,
        )  # fmt: skip


def _draw_heading(figure: Any, lines: list[str], share: float, top: int, height: float) -> None:
    """Write the text that is continued, and how much of the probability is shown."""
    place = 1.0 - 0.22 / height
    for line in lines:
        figure.text(
            0.04, place, line, va="top", family=FONT, size=11.5, weight="bold", color=INK,
            parse_math=False,
        )  # fmt: skip
        place -= 0.28 / height
    figure.text(
        0.04, place - 0.02 / height, va="top", family=FONT, size=9.5, color=MUTED,
        s=f"what comes next: the {top} likeliest tokens hold {_percent(share)}",
    )  # fmt: skip


def _percent(share: float) -> str:
    if 0.0 < share < 0.001:
        return "<0.1%"
    return f"{share:.1%}"


def _drawable(text: str, *, spaces: bool = True) -> str:
    """Return `text` with whitespace as signs and characters the fonts lack as escapes."""
    if not spaces:
        text = " ".join(text.split())
    shown = (VISIBLE.get(character, character) if spaces else character for character in text)
    known = _known_characters()
    drawn = "".join(sign if ord(sign) in known else _escaped(sign) for sign in shown)
    if spaces and len(drawn) > LONGEST_TOKEN:
        return drawn[: LONGEST_TOKEN - 1] + "…"
    return drawn


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


@lru_cache(maxsize=1)
def _known_characters() -> set[int]:
    """Return the code points that both fonts of the picture can draw."""
    from matplotlib import font_manager, ft2font

    maps = (ft2font.FT2Font(font_manager.findfont(name)).get_charmap() for name in (FONT, MONO))
    return set.intersection(*(set(found) for found in maps))
