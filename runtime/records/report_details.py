"""One run from close by: what was planned and what was measured, spec, gates and machine."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import read_json
from .numbers import byte_count, count, duration, part
from .report_answers import visible
from .table import most_memory

if TYPE_CHECKING:
    from .compare import ComparedRun

LONGEST_VALUE = 400
DEFAULT = "default"
PROGRAM = "experiment.py"
FOOTPRINT = "footprint.json"
"""Of a run: what was foretold for the rows that it met, and what was measured."""


def run_details(run: "ComparedRun", name: str) -> dict[str, Any]:
    """Return everything that the page shows of one run alone."""
    folder = run.info.folder
    return {
        "name": name,
        "status": run.info.status,
        "reason": visible(run.info.reason or "", LONGEST_VALUE),
        "facts": _facts(run),
        "planned": planned_against_measured(run),
        "gates": part(run.result, "gates") or [],
        "spec": _spec(folder),
        "environment": list(_environment(folder)),
        "program": _program(folder),
        "files": _files(folder),
    }


def _facts(run: "ComparedRun") -> list[tuple[str, str]]:
    info = run.info
    spoken = [
        ("status", info.status + (f": {info.reason}" if info.reason else "")),
        ("id", info.id),
        ("started", info.started.replace("T", " ").replace("+00:00", " UTC")),
        ("level", info.level),
        ("model", str(part(run.result, "model") or "")),
        ("description", str(part(read_json(info.folder / "plan.json"), "common", "description")
                            or "")),
    ]  # fmt: skip
    return [(key, visible(value, LONGEST_VALUE)) for key, value in spoken if value]


def planned_against_measured(run: "ComparedRun") -> list[dict[str, str]]:
    """Return a line for each quantity that was expected or measured."""
    estimate = read_json(run.info.folder / "expected.json")
    if not isinstance(estimate, Mapping):
        return []
    result, costs = run.result, run.costs
    seen, seconds = part(result, "tokens", "seen"), part(result, "seconds", "train")
    price = part(estimate, "price") or {}
    tokens = part(estimate, "compute", "total_tokens")
    total, trained = _counted(estimate)
    lines = [
        _line("parameters", total, total, part(result, "parameters", "total"), count),
        _line("trained", trained, trained, part(result, "parameters", "trained"), count),
        _memory(estimate, read_json(run.info.folder / FOOTPRINT), result),
        _line("tokens in training", tokens if part(estimate, "compute", "exact") else None,
              tokens, seen, count),
        _line("time of training", part(price, "seconds_low"), part(price, "seconds_high"),
              seconds, duration),
        _line("tokens a second", _rate(tokens, part(price, "seconds_high")),
              _rate(tokens, part(price, "seconds_low")), _rate(seen, seconds), count),
        _line("cost of training, $", part(price, "usd_low"), part(price, "usd_high"),
              costs.train_usd if costs and costs.trains else None, lambda usd: f"{usd:,.2f}"),
    ]  # fmt: skip
    return [line for line in lines if line is not None]


def _memory(estimate: Any, met: Any, result: Mapping[str, Any]) -> dict[str, str] | None:
    """Compare for the rows that were met, where that was recorded, or else for the longest."""
    low, high = (part(met, f"predicted_{end}") for end in ("low", "high"))
    rows, length = part(met, "rows"), part(met, "length")
    if low is None or high is None:
        planned = ("low", "high", "rows", "length")
        low, high, rows, length = (part(estimate, "memory", key) for key in planned)
    held = f", {rows:,} x {length:,} tokens" if rows and length else ""
    return _line(f"peak memory of a device{held}", low, high, _held(result), byte_count)


def _held(result: Mapping[str, Any]) -> Any:
    """Return the bytes of the training alone where they are known, or else of the whole program."""
    found = part(result, "footprint", "memory") or {}
    return found.get("cuda") or found.get("rss") or most_memory(dict(result))


def _counted(estimate: Mapping[str, Any]) -> tuple[Any, Any]:
    models: list[Any] = part(estimate, "models") or []
    one = models[0] if len(models) == 1 else {}
    return part(one, "total"), part(one, "trained")


def _rate(tokens: Any, seconds: Any) -> float | None:
    return tokens / seconds if tokens and seconds else None


def _line(title: str, low: Any, high: Any, found: Any, write: Any) -> dict[str, str] | None:
    """Return what was expected, what was measured, and how far one is from the other."""
    known = [value for value in (low, high) if value is not None]
    if not found or (not known and title != "time of training"):
        return None
    low, high = (low if low is not None else 0.0), (high if high is not None else found)
    if not known:
        planned, verdict = "not known", ""
    elif low == high:
        planned = write(low)
        verdict = "as planned" if found == low else f"{found / low - 1:+.0%}"
    else:
        planned = f"{write(low)} to {write(high)}" if low else f"at most {write(high)}"
        below, above = found < low, found > high
        verdict = f"{found / low - 1:+.0%}" if below else "within"
        verdict = f"{found / high - 1:+.0%}" if above else verdict
    # below what was planned is no fault: rows may be shorter than the longest that were planned for
    kind = {"+": "off", "-": "below"}.get(verdict[:1], "on")
    return {"title": title, "planned": planned, "found": write(found), "verdict": verdict,
            "kind": kind if verdict else ""}  # fmt: skip


def _spec(folder: Path) -> list[dict[str, Any]]:
    """Return the values of the spec by section, each with the line that it was written on."""
    rows = read_json(folder / "origins.json")
    sections: dict[str, list[dict[str, Any]]] = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, Mapping) and isinstance(row.get("key"), str):
            head, *inner = row["key"].replace("[", ".").split(".")
            head = head if inner else "experiment"
            sections.setdefault(head, []).append(_value(row))
    return [
        {"name": name, "rows": rows, "said": any(not row["default"] for row in rows)}
        for name, rows in sections.items()
    ]


def _value(row: Mapping[str, Any]) -> dict[str, Any]:
    value = row.get("value")
    items = value if isinstance(value, list) else [value]
    written = ", ".join("null" if one is None else _plain(one) for one in items)
    return {
        "key": visible(row["key"], LONGEST_VALUE),
        "value": visible(written or "–", LONGEST_VALUE),
        "origin": visible(str(row.get("origin")), LONGEST_VALUE),
        "default": row.get("origin") == DEFAULT,
    }


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _environment(folder: Path) -> Iterator[tuple[str, str]]:
    found = read_json(folder / "environment.json")
    if not isinstance(found, Mapping):
        return
    for key in ("platform", "machine", "cpu_count"):
        if found.get(key):
            yield key.replace("_", " "), visible(str(found[key]), LONGEST_VALUE)
    gpus = part(found, "torch", "gpus")
    if gpus:
        yield "GPUs", visible(", ".join(map(str, gpus)), LONGEST_VALUE)
    yield "python", visible(str(found.get("python")), LONGEST_VALUE)
    for key, value in (part(found, "libraries") or {}).items():
        yield visible(str(key), LONGEST_VALUE), visible(str(value), LONGEST_VALUE)


def _program(folder: Path) -> str:
    try:
        return visible((folder / PROGRAM).read_text("utf-8"), 100_000)
    except (OSError, UnicodeDecodeError):
        return ""


def _files(folder: Path) -> list[tuple[str, str]]:
    """Return the names and sizes of what lies in the run's folder."""
    found = []
    for path in sorted(folder.iterdir()):
        inner = [one for one in path.rglob("*") if one.is_file()] if path.is_dir() else [path]
        size = sum(one.lstat().st_size for one in inner)
        found.append((visible(path.name + ("/" if path.is_dir() else ""), 200), byte_count(size)))
    return found
