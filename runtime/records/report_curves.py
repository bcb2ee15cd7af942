"""The curves of the report: a chart for each quantity, with a curve for each run that logged it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .charts import Series, line_chart

if TYPE_CHECKING:
    from .compare import ComparedRun

TITLES = {
    "loss": ("Training loss", "nats per token"),
    "validation_loss": ("Validation loss", "nats per token"),
    "learning_rate": ("Learning rate", ""),
    "gradient_norm": ("Gradient norm", "before clipping"),
    "tokens_per_second": ("Tokens a second", "each step, all devices"),
    "mfu": ("Model FLOPs utilisation", "share of the device's dense rate"),
}
"""Quantity -> title and unit, in the order of the page."""

NOISY = frozenset(("loss", "gradient_norm", "tokens_per_second", "mfu"))
"""What jumps from step to step, so that a mean tells more."""

WIDE = frozenset(("loss", "validation_loss", "gradient_norm"))
"""What may fall by powers of ten, most of it in the first steps."""

LOGARITHMIC_FROM = 8.0
"""The largest over the smallest value from which these stand on a logarithmic axis."""

NOT_CURVES = frozenset(("step", "seconds"))
COLOURS = 6


def curve_charts(runs: Sequence["ComparedRun"], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return a chart for every quantity that some run logged at two steps or more."""
    keys = dict.fromkeys(key for run in runs for line in run.curve for key in line)
    known = [key for key in TITLES if key in keys]
    others = [key for key in keys if key not in TITLES and key not in NOT_CURVES]
    charts = [_chart(key, runs, names) for key in (*known, *others)]
    return [chart for chart in charts if chart is not None]


def _chart(key: str, runs: Sequence["ComparedRun"], names: Sequence[str]) -> dict[str, Any] | None:
    series = [
        Series(name, index % COLOURS, points)
        for index, (run, name) in enumerate(zip(runs, names, strict=True))
        if len(points := _points(run, key)) > 1
    ]
    if not series:
        return None
    title, unit = TITLES.get(key, (key.replace("_", " ").capitalize(), ""))
    values = [value for one in series for _, value in one.points]
    log = key in WIDE and min(values) > 0 and max(values) / min(values) >= LOGARITHMIC_FROM
    picture = line_chart(series, f"{title} by optimizer step", log=log, smooth=key in NOISY)
    return {
        "title": title,
        "unit": ", ".join(part for part in (unit, "logarithmic" if log else "") if part),
        "chart": picture,
        "legend": [(one.name, one.colour, _last(one)) for one in series],
    }


def _points(run: "ComparedRun", key: str) -> list[tuple[float, float]]:
    return [
        (float(line["step"]), float(line[key]))
        for line in run.curve
        if isinstance(line.get("step"), int) and _is_number(line.get(key))
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _last(one: Series) -> str:
    step, value = one.points[-1]
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
