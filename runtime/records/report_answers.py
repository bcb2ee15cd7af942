"""What runs answered to the test rows, failures first, as the page shows it."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .measures import metric_title, metrics_of
from .numbers import part, percent
from .paired import is_right

if TYPE_CHECKING:
    from .compare import ComparedRun

MOST_ROWS = 120
LONGEST_TEXT = 600
LONGEST_ANSWER = 240
MOST_LABELS = 12
"""Labels that rows can be chosen by; more of them fill the page with buttons."""

GOOD = 0.5
"""Of a written answer: the score from which it counts as none of the failures."""


def answer_tables(runs: Sequence["ComparedRun"], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return one table of answers per set of runs that were tested on the same rows."""
    groups: dict[frozenset[tuple[str, str]], list[int]] = {}
    for index, run in enumerate(runs):
        rows = frozenset((str(row["id"]), str(row["label"])) for row in run.predictions)
        if rows:
            groups.setdefault(rows, []).append(index)
    return [_table([runs[i] for i in group], [names[i] for i in group], group)
            for group in groups.values()]  # fmt: skip


def _table(
    runs: Sequence["ComparedRun"], names: Sequence[str], places: Sequence[int]
) -> dict[str, Any]:
    """Return the rows that most runs failed at, then the rest, up to `MOST_ROWS`."""
    answers = [{str(row["id"]): row for row in run.predictions} for run in runs]
    scored = [_scored_by(run) for run in runs]
    failed = {
        key: sum(not _holds(found[key], by) for found, by in zip(answers, scored, strict=True))
        for key in answers[0]
    }
    order = sorted(failed, key=lambda key: -failed[key])
    labels = _labels(runs[0], answers[0])
    shown = order[:MOST_ROWS]
    return {
        "names": [(name, place % 6) for name, place in zip(names, places, strict=True)],
        "all": len(order),
        "failed": sum(number > 0 for number in failed.values()),
        "shown": len(shown),
        "labels": labels,
        "score": next((metric_title(by) for by in scored if by), None),
        "rows": [_row(key, answers, scored, failed[key] == 0, labels) for key in shown],
    }


def _row(
    key: str,
    answers: Sequence[Mapping[str, Any]],
    scored: Sequence[str | None],
    right: bool,
    labels: Sequence[str],
) -> dict[str, Any]:
    first = answers[0][key]
    label = str(first["label"])
    return {
        "id": visible(key, LONGEST_ANSWER),
        "text": _text(first),
        "label": visible(label, LONGEST_ANSWER),
        "group": labels.index(label) if label in labels else None,
        "right": right,
        "answers": [_answer(found[key], by) for found, by in zip(answers, scored, strict=True)],
    }


def _answer(row: Mapping[str, Any], by: str | None) -> dict[str, Any]:
    given = row["prediction"] if by is None or row.get("answer") is None else row["answer"]
    sure = row.get("confidence") if by is None else part(row, "scores", by)
    return {
        "text": visible("no answer" if given is None else str(given), LONGEST_ANSWER),
        "right": _holds(row, by),
        "note": percent(sure, 0) if isinstance(sure, int | float) else "",
    }


def _scored_by(run: "ComparedRun") -> str | None:
    """Return the measure that answers of the run are judged by; None where a label is right."""
    if part(run.result, "task", "type") in ("classify", None):
        return None
    known = metrics_of(run.result)
    found = [name for name in known if part(run.predictions[0], "scores", name) is not None]
    return found[0] if found else None


def _holds(row: Mapping[str, Any], by: str | None) -> bool:
    if by is None:
        return is_right(row)
    score = part(row, "scores", by)
    return isinstance(score, int | float) and score >= GOOD


def _labels(run: "ComparedRun", rows: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the labels that rows can be chosen by, in the order of the task."""
    known = [str(label) for label in part(run.result, "task", "labels") or ()]
    used = {str(row["label"]) for row in rows.values()}
    found = [label for label in known if label in used]
    return found if 1 < len(found) <= MOST_LABELS else []


def _text(prediction: Mapping[str, Any]) -> str:
    """Return what the row says, without the column that is its gold label."""
    fields = prediction.get("fields")
    if not isinstance(fields, Mapping):
        return ""
    label = prediction["label"]
    text = " · ".join(str(value) for value in fields.values() if value != label)
    return visible(text, LONGEST_TEXT)


def visible(text: str, most: int) -> str:
    """Shorten a text, and show what would not be seen: controls, but for ends of lines and tabs."""
    text = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(chr(0x2400 + ord(c)) if ord(c) < 32 and c not in "\n\t" else c for c in text)
