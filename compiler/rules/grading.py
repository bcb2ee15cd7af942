"""Judges, baselines and what differences are taken of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..capabilities import PARAMETERS
from ..diagnostics import Diagnostic
from ..planner_prompt import NOT_COMPARED, PLAIN, comparable
from ..words import listed, show
from .base import Context, error, rule
from .endpoints import writes
from .messages import JUDGE
from .probed import what_it_does
from .prompting import measures_of
from .reference import is_hub_id
from .task import names_or_none

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_AT = ("evaluate", "judge")


@rule("NV370", "judge without its metric, or the metric without a judge")
def check_judge(context: Context) -> Iterator[Diagnostic]:
    """`judged` is what a judge finds, and a judge is asked for nothing else."""
    if context.level != "prompt" or not context.sound("evaluate", "metrics"):
        return
    names = [_name_of(metric) for metric in context.get("evaluate", "metrics") or ()]
    given = context.has(*_AT)
    if "judged" in names and not given:
        where = context.where("evaluate", "metrics", names.index("judged"))
        cure = "add `judge: {model: ..., input: ..., choices: ...}` to `evaluate`"
        yield error("NV370", "`judged` needs `evaluate.judge`", where, cure)
    elif given and "judged" not in names:
        message = "`judge` would be asked and paid for nothing: no metric is `judged`"
        yield error("NV370", message, context.key(*_AT), "add `judged` to `evaluate.metrics`")


@rule("NV378", "model that is called judge")
def check_judge_name(context: Context) -> Iterator[Diagnostic]:
    """The accounts would add up what it and the judge cost."""
    if isinstance(context.get(*_AT), dict) and "judge" in _columns(context)["model"]:
        at = ("models", "judge") if context.get("models") else ("model",)
        message = "a model is called `judge`, which is the name of the judge in the accounts"
        yield error("NV378", message, context.key(*at), "give it a name in `models`")


@rule("NV371", "judge that can change")
def check_pinned(context: Context) -> Iterator[Diagnostic]:
    """Scores of another judge are other scores, so its weights have to be named exactly."""
    path, at = context.get(*_AT, "model", "path"), (*_AT, "model")
    revision = context.get(*at, "revision")
    if not isinstance(path, str) or not is_hub_id(path) or not context.sound(*at):
        return
    if not isinstance(revision, str) or not _COMMIT.match(revision):
        message = f"judge {show(path)} is not pinned, so its scores could not be repeated"
        where = context.where(*at, "revision" if revision else "path")
        cure = "add `revision:` with the 40 hex digits of a commit, from the model's page"
        yield error("NV371", message, where, cure)


@rule("NV372", "judge asked for what it does not do")
def check_judge_asks(context: Context) -> Iterator[Diagnostic]:
    """An endpoint writes; a judge that chooses by likelihood writes nothing."""
    if not isinstance(context.get(*_AT), dict) or not context.sound(*_AT):
        return
    endpoint, scoring = context.get(*_AT, "model", "endpoint"), context.get(*_AT, "scoring")
    likelihood = scoring not in (None, "generated") if endpoint else scoring != "generated"
    if endpoint and likelihood:
        message = "an endpoint does not give the likelihood of the choices"
        yield error("NV372", message, context.where(*_AT, "scoring"), "remove `scoring`")
    elif likelihood and context.has(*_AT, "generation"):
        message = "this judge chooses by likelihood and writes nothing, so `generation` has no use"
        cure = "remove it, or write `scoring: generated`"
        yield error("NV372", message, context.key(*_AT, "generation"), cure)
    elif context.has(*_AT, "generation"):
        yield from _unsupported(context)
    if endpoint and endpoint.get("batch_price"):
        message = "a judge is asked live, once the answers are there, so `batch_price` has no use"
        where = context.key(*_AT, "model", "endpoint", "batch_price")
        yield error("NV372", message, where, "remove it, and give `price`")
    if context.has(*_AT, "system") and context.get(*_AT, "format") != "chat":
        message = "a system message needs the chat format"
        yield error("NV372", message, context.key(*_AT, "system"), "add `format: chat`")


def _unsupported(context: Context) -> Iterator[Diagnostic]:
    model = context.get(*_AT, "model")
    for key, value in context.get(*_AT, "generation").items():
        name = "seed" if key == "send_seed" else key
        if name not in PARAMETERS or value is False or (name == "seed" and "path" in model):
            continue
        who, does = what_it_does(context, model, name)
        if does in ("ignored", "rejected"):
            verb = "ignores" if does == "ignored" else "does not take"
            where = context.key(*_AT, "generation", key)
            yield error("NV372", f"{who} {verb} `{key}`", where, f"remove `{key}`")


@rule("NV373", "judge that does not see the answer")
def check_judge_template(context: Context) -> Iterator[Diagnostic]:
    """A judge that reads no answer gives all of them the same verdict."""
    template, columns = context.get(*JUDGE), context.get("data", "columns")
    if not isinstance(template, str):
        return
    if isinstance(columns, dict) and "answer" in columns:
        message = "a column is called `answer`, which is the model's answer in the judge's template"
        where = context.key("data", "columns", "answer")
        related = context.related((JUDGE, "the judge's template"))
        yield error("NV373", message, where, "give it another name in `data.columns`", related)
    elif "answer" not in names_or_none(template) and "answer" not in template:
        message = "the template does not read `answer`, so every answer would look the same"
        yield error("NV373", message, context.where(*JUDGE), "add `{{ answer }}`")


@rule("NV374", "choices that cannot be told apart")
def check_choices(context: Context) -> Iterator[Diagnostic]:
    """A verdict is matched to a choice without regard to case and punctuation."""
    choices = context.get(*_AT, "choices")
    if not isinstance(choices, dict) or not context.sound(*_AT, "choices"):
        return
    seen: dict[str, str] = {}
    for choice in choices:
        said = " ".join(re.findall(r"\w+", str(choice).casefold()))
        where = context.key(*_AT, "choices", choice)
        if not said:
            message = f"choice {show(choice)} has no letter or digit"
            yield error("NV374", message, where, "use words")
        elif said in seen:
            message = f"choices {show(seen[said])} and {show(choice)} are the same words"
            yield error("NV374", message, where, "use choices that differ in letters")
        seen.setdefault(said, choice)


@rule("NV379", "baseline that is not there")
def check_baseline(context: Context) -> Iterator[Diagnostic]:
    """What columns are compared with is one of them, or an earlier run."""
    at, said = ("evaluate", "baseline"), context.get("evaluate", "baseline")
    if said is None or context.level != "prompt":
        return
    if not _compared(context):
        message = "there is nothing to compare: no metric has a score for each answer"
        yield error("NV379", message, context.key(*at), "remove `baseline`")
        return
    for key, names in _columns(context).items() if isinstance(said, dict) else ():
        if said.get(key) is not None and said[key] not in names:
            message = f"there is no {key} {show(said[key])} to compare with"
            yield error("NV379", message, context.where(*at, key), f"choose from {listed(names)}")
            return
    if isinstance(said, dict) and not _several(context):
        message = "there is only one column, so nothing to compare it with"
        cure = "remove it, or write `baseline: run:NAME` of an earlier run"
        yield error("NV379", message, context.key(*at), cure)


@rule("NV369", "comparison by what has no score for each answer")
def check_compare(context: Context) -> Iterator[Diagnostic]:
    """Differences are taken answer by answer."""
    said = context.get("evaluate", "compare")
    if not isinstance(said, str) or context.level != "prompt" or _kind(context) is None:
        return
    known, where = _compared(context), context.where("evaluate", "compare")
    if said not in known:
        what = "has no score for each answer" if said in NOT_COMPARED else "is not measured"
        cure = f"choose from {listed(known)}" if known else "remove it"
        yield error("NV369", f"`{said}` {what}", where, cure)
    elif not _several(context) and not _is_run(context.get("evaluate", "baseline")):
        message = "there is only one column, so nothing is compared"
        yield error("NV369", message, where, "remove it, or add `baseline: run:NAME`")


@rule("NV377", "gate on a difference that is not taken")
def check_difference_gates(context: Context) -> Iterator[Diagnostic]:
    """A gate on a difference needs a baseline and the metric that is compared."""
    gates = context.get("evaluate", "gates")
    if not isinstance(gates, list) or _kind(context) is None or context.level != "prompt":
        return
    known = _compared(context)
    said = context.get("evaluate", "compare")
    compare = said if said in known else next(iter(known), None)
    compared = _several(context) or _is_run(context.get("evaluate", "baseline"))
    for index, gate in enumerate(gates):
        at = ("evaluate", "gates", index)
        if not isinstance(gate, dict) or gate.get("of") != "difference" or not context.sound(*at):
            continue
        if not compared:
            message = "there is only one column, so there is no difference"
            cure = "add `baseline: run:NAME` of an earlier run to `evaluate`"
            yield error("NV377", message, context.where(*at, "of"), cure)
        elif gate["metric"] != compare:
            message = f"differences are taken of `{compare}`, not of `{gate['metric']}`"
            cure = f"write `metric: {compare}`, or set `compare` in `evaluate`"
            yield error("NV377", message, context.where(*at, "metric"), cure)


def _kind(context: Context) -> Any:
    return context.get("task", "type")


def _compared(context: Context) -> list[str]:
    if _kind(context) is None:
        return []
    said = context.get("evaluate", "metrics")
    names = [_name_of(metric) for metric in said] if said else list(measures_of(context))
    return comparable(name for name in names if isinstance(name, str))


def _columns(context: Context) -> dict[str, list[str]]:
    models, variants = context.get("models"), context.get("prompt", "variants")
    one = context.get("model") or {}
    alone = one.get("path") or (one.get("endpoint") or {}).get("name")
    return {
        "model": list(models) if isinstance(models, dict) else [str(alone)],
        "variant": list(variants) if isinstance(variants, dict) else [PLAIN],
    }


def _several(context: Context) -> bool:
    return writes(context) and any(len(names) > 1 for names in _columns(context).values())


def _is_run(said: Any) -> bool:
    return isinstance(said, str)


def _name_of(metric: Any) -> Any:
    return metric.get("type") if isinstance(metric, dict) else metric
