"""How answers are written, chosen from and measured."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..document import DataPath
from ..embedding import METRICS as EMBED_METRICS
from ..preferences import UNRANKED
from ..words import listed
from .base import Context, error, rule, warning
from .endpoints import asked_models, writes

_DRAWING = ("top_p", "top_k", "min_p")

METRICS = {
    "classify": ("accuracy", "macro_f1", "ece", "brier"),
    "generate": (
        "exact", "normalized", "contains", "token_f1", "rouge_l", "numeric", "regex", "embedding",
        "judged",
    ),
    "extract": ("valid_json", "json_equal", "json_fields", "judged"),
    "language-model": ("perplexity", "bits_per_byte"),
    "chat": (),
    "regress": ("mae", "rmse", "pearson", "spearman"),
    "tag": ("token_accuracy", "entity_f1"),
    "prefer": ("accuracy", "margin", "ranking_accuracy"),
    "embed": EMBED_METRICS,
}  # fmt: skip
"""What each task can be measured by."""

RUN_MEASURES = ("usd", "calls", "seconds", "seconds_p95")
"""What a gate can look at beside the task's measures."""


@rule("NV383", "generation for a task that writes nothing")
def check_generation(context: Context) -> Iterator[Diagnostic]:
    """Settings that nothing reads would make a reader believe otherwise."""
    kind = context.get("task", "type")
    sections = {"prompt": ("generation", "budget"), "finetune": ("generation",)}
    for key in sections.get(context.level, ()):
        if kind is None or writes(context) or not context.has(key):
            continue
        message = f"task `{kind}` reads probabilities and writes nothing, so `{key}` has no use"
        generated = kind == "classify" and context.level == "prompt"
        cure = f"remove `{key}`" + (", or write `scoring: generated`" if generated else "")
        yield error("NV383", message, context.key(key), cure)


@rule("NV395", "next word of a model that writes")
def check_next_word(context: Context) -> Iterator[Diagnostic]:
    """Tasks that write answers ask for text alone, of endpoints too, and draw no distribution."""
    if not context.has("evaluate", "next_word"):
        return
    kind = context.get("task", "type")
    other = {"prefer": "compares answers", "embed": "gives vectors"}
    if context.get("evaluate", "next_word") is not None and (writes(context) or kind in other):
        does = other.get(str(kind), "writes answers")
        message = f"`next_word` is not drawn by task `{kind}`, which {does}"
        related = context.related((("task", "type"), "the task"))
        cure = "remove it, or draw it in a spec whose task reads probabilities"
        yield error("NV395", message, context.key("evaluate", "next_word"), cure, related)


@rule("NV396", "pattern that is no regular expression")
def check_patterns(context: Context) -> Iterator[Diagnostic]:
    """What does not compile would end the run after its answers were paid for."""
    metrics = context.get("evaluate", "metrics")
    for index, metric in enumerate(metrics if isinstance(metrics, list) else ()):
        at = ("evaluate", "metrics", index)
        if not isinstance(metric, dict) or not context.sound(*at):
            continue
        pattern, options = metric.get("pattern"), set(metric) - {"type"}
        allowed = {"numeric": {"tolerance"}, "regex": {"pattern"}, "embedding": {"model"}}[
            metric["type"]
        ]
        for key in sorted(options - allowed):
            message = f"`{metric['type']}` takes no `{key}`"
            yield error("NV396", message, context.key(*at, key), f"remove `{key}`")
        if metric["type"] == "embedding" and not metric.get("model"):
            message, cure = "`embedding` needs a `model`", "add `model: {path: ./encoder}`"
            yield error("NV396", message, context.where(*at), cure)
        elif metric["type"] == "regex" and pattern is None:
            message = "`regex` needs a `pattern`"
            yield error("NV396", message, context.where(*at), 'add `pattern: "answer is (.+)"`')
        elif pattern is not None and (fault := _fault_of(pattern)) and not options - allowed:
            where = context.where(*at, "pattern")
            yield error("NV396", f"the pattern does not compile: {fault}", where, None)


def _fault_of(pattern: str) -> str | None:
    try:
        re.compile(pattern)
    except (re.error, RecursionError, OverflowError) as fault:
        return str(fault)
    return None


@rule("NV386", "parameter of drawing where nothing is drawn")
def check_drawing(context: Context) -> Iterator[Diagnostic]:
    """At temperature 0 the likeliest token is taken, whatever could have been drawn."""
    temperature = context.get("generation", "temperature")
    local = all("path" in model for _, model in asked_models(context))
    if not writes(context) or (temperature != 0 and not (temperature is None and local)):
        return
    for key in _DRAWING:
        if context.get("generation", key) is not None:
            message = f"`{key}` has no effect at temperature 0"
            related = context.related((("generation", "temperature"), "nothing is drawn"))
            cure = f"remove `{key}`, or write a `temperature` above 0"
            yield error("NV386", message, context.key("generation", key), cure, related)


@rule("NV387", "the same answer several times")
def check_repeats(context: Context) -> Iterator[Diagnostic]:
    """Greedy answers do not differ, so repeating them tells nothing."""
    repeats = context.get("prompt", "repeats")
    if not isinstance(repeats, int) or repeats < 2 or not writes(context):
        return
    temperature = context.get("generation", "temperature")
    local = all("path" in model for _, model in asked_models(context))
    if temperature == 0 or (temperature is None and local):
        message = f"{repeats} answers at temperature 0 are the same answer {repeats} times"
        cure = "write a `temperature` above 0, or remove `repeats`"
        yield warning("NV387", message, context.where("prompt", "repeats"), cure)


def measures_of(context: Context) -> tuple[str, ...]:
    """Return what the task is measured by; written labels have no probabilities."""
    kind = context.get("task", "type")
    probable = context.level == "prompt" or context.has("head")
    if kind == "classify" and (writes(context) or not probable):
        return METRICS["classify"][:2]
    if kind == "prefer" and context.get("objective", "type") in UNRANKED:
        return METRICS["prefer"][:2]
    return METRICS["generate" if kind == "chat" and context.level == "finetune" else kind]


@rule("NV389", "measure that the task does not give")
def check_metrics(context: Context) -> Iterator[Diagnostic]:
    """Each task has its own measures."""
    kind, said = context.get("task", "type"), context.get("evaluate", "metrics")
    if kind is None or not isinstance(said, list) or not context.has("evaluate", "metrics"):
        return
    has = measures_of(context)
    for index, metric in enumerate(said):
        name = metric.get("type") if isinstance(metric, dict) else metric
        sound = context.sound("evaluate", "metrics", index)
        if sound and isinstance(name, str) and name not in has:
            message = f"task `{kind}` is not measured by `{name}`"
            where = context.where("evaluate", "metrics", index)
            related = context.related((("task", "type"), "the task"))
            cure = f"choose from {listed(has)}" if has else "remove it"
            yield error("NV389", message, where, cure, related)


@rule("NV390", "gate on what is not measured")
def check_gates(context: Context) -> Iterator[Diagnostic]:
    """A gate looks at a measure of the spec, or at what the run cost.

    What `nivel run --metric` adds is known to no spec, so no gate can look at it.
    """
    gates, kind = context.get("evaluate", "gates"), context.get("task", "type")
    if not isinstance(gates, list) or kind is None:
        return
    said = context.get("evaluate", "metrics")
    names = [m.get("type") if isinstance(m, dict) else m for m in said or measures_of(context)]
    known = [str(name) for name in names] + list(RUN_MEASURES) * writes(context)
    known += ["judge_usd"] * context.has("evaluate", "judge")
    for index, gate in enumerate(gates):
        metric = gate.get("metric") if isinstance(gate, dict) else None
        if isinstance(metric, str) and metric not in known:
            message = f"the gate looks at `{metric}`, which is not measured"
            where = context.where("evaluate", "gates", index, "metric")
            yield error("NV390", message, where, f"choose one of {listed(known)}")


@rule("NV391", "null input without pmi, or pmi without it")
def check_null_input(context: Context) -> Iterator[Diagnostic]:
    """`pmi` is the only scoring that asks a second question."""
    scoring, given = context.get("task", "scoring"), context.has("task", "null_input")
    if scoring == "pmi" and not given:
        cure = 'add `null_input:`, such as `"Ticket: N/A\\nQueue:"`'
        where = context.where("task", "scoring")
        yield error("NV391", "`scoring: pmi` needs `null_input`", where, cure)
    elif scoring != "pmi" and given and context.sound("task", "null_input"):
        message = f"`null_input` is read only by `scoring: pmi`, not by `{scoring}`"
        where = context.key("task", "null_input")
        yield error("NV391", message, where, "remove it, or write `scoring: pmi`")


@rule("NV392", "ids and the way examples are chosen disagree")
def check_ids(context: Context) -> Iterator[Diagnostic]:
    """`fixed` shows the rows of `ids`, in their order; nothing else reads them."""
    for path in _few_shots(context):
        said = context.get(*path)
        if not isinstance(said, dict) or not context.sound(*path):
            continue
        ids, fixed = said.get("ids"), said.get("choose") == "fixed"
        if fixed and ids is None:
            where = context.where(*path, "choose")
            yield error("NV392", "`choose: fixed` needs `ids`", where, "add `ids: [...]`")
        elif ids is not None and not fixed:
            where = context.key(*path, "ids")
            yield error("NV392", "`ids` is read only by `choose: fixed`", where, "remove `ids`")
        elif ids is not None and len(ids) != said.get("count"):
            message = f"`count` is {said.get('count')}, but there are {len(ids)} ids"
            where = context.where(*path, "count")
            yield error("NV392", message, where, f"write `count: {len(ids)}`")


def _few_shots(context: Context) -> Iterator[DataPath]:
    yield ("prompt", "few_shot")
    variants = context.get("prompt", "variants")
    for name in variants if isinstance(variants, dict) else ():
        yield ("prompt", "variants", name, "few_shot")


@rule("NV393", "rows of a conversation, or a task without rows")
def check_rows_of_task(context: Context) -> Iterator[Diagnostic]:
    """A conversation has no rows; every other task is asked about some."""
    kind = context.get("task", "type")
    if context.level != "prompt" or kind is None or not context.sound("data"):
        return
    given = context.has("data", "test")
    if kind == "chat" and given:
        message = "task `chat` is a conversation and reads no rows"
        yield error("NV393", message, context.key("data", "test"), "remove `data.test`")
    elif kind != "chat" and not given:
        message = f"task `{kind}` needs `data.test`, the rows that it asks about"
        where = context.key("data") if context.has("data") else context.where("task", "type")
        yield error("NV393", message, where, "add `data: {test: {path: data/test.csv}}`")


@rule("NV394", "matrix for a task that reads probabilities")
def check_matrix(context: Context) -> Iterator[Diagnostic]:
    """Likelihoods are read of one model in one way per spec; other specs compare with it."""
    kind = context.get("task", "type")
    if kind is None or (writes(context) and kind != "chat"):
        return
    for path in (("models",), ("prompt", "variants"), ("prompt", "repeats")):
        value = context.get(*path)
        several = (
            len(value) > 1 if isinstance(value, dict) else isinstance(value, int) and value > 1
        )
        if context.has(*path) and several:
            message = f"`{'.'.join(path)}` is for tasks that write answers, not for `{kind}`"
            cure = "write a spec for each and compare their runs"
            if kind == "classify":
                cure += ", or write `scoring: generated`"
            yield error("NV394", message, context.key(*path), cure)
