"""PromptSpec -> PromptPlan: the matrix of answers, and the defaults that depend on the task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .embedding import METRICS as EMBED_METRICS
from .plan import Common, PromptPlan, VariantPlan
from .spec import (
    BaselineSpec,
    EvaluateSpec,
    FewShotSpec,
    GenerationSpec,
    JudgeSpec,
    MetricSpec,
    ModelRef,
    PromptSpec,
    TaskSpec,
    VariantSpec,
)

PLAIN = "default"
"""Name of the only way of asking where a spec has no variants."""

LOCAL_TEMPERATURE = 0.0
LOCAL_MAX_TOKENS = 256
"""What a local model does where the spec does not say, as the schema's descriptions tell."""

_METRICS = {
    "classify": ("accuracy", "macro_f1"),
    "generate": ("exact", "token_f1"),
    "extract": ("valid_json", "json_equal"),
    "language-model": ("perplexity", "bits_per_byte"),
    "chat": (),
    "prefer": ("accuracy", "margin", "ranking_accuracy"),
    "embed": EMBED_METRICS,
}


def default_metrics(task: str, labelled: bool) -> tuple[MetricSpec, ...]:
    """Return the measures of a task whose spec names none; without labels, those that need none."""
    names = _METRICS[task]
    if not labelled and task in ("generate", "extract"):
        names = tuple(name for name in names if name == "valid_json")
    return tuple(MetricSpec(name) for name in names)


def plan_prompt(spec: PromptSpec, common: Common) -> PromptPlan:
    """Return what asking will do."""
    section = spec.prompt
    plain = VariantSpec(PLAIN, None, None, None)
    variants = tuple(_variant(spec, one) for one in section.variants or (plain,))
    local = all(isinstance(model, ModelRef) for _, model in spec.models)
    generation = _generation(spec.generation, local)
    columns = [(name, one.name) for name, _ in spec.models for one in variants]
    common = replace(common, evaluate=_evaluate(common.evaluate, columns))
    return PromptPlan(common, spec.models, variants, section.repeats, generation, spec.budget)


NOT_COMPARED = frozenset(("macro_f1", "ece", "brier", "perplexity", "bits_per_byte"))
"""Measures of a whole column, which have no score for each answer."""


def comparable(metrics: Iterable[str]) -> list[str]:
    """Return the metrics that have a score for each answer."""
    return [name for name in metrics if name not in NOT_COMPARED]


def _evaluate(said: EvaluateSpec, columns: list[tuple[str, str]]) -> EvaluateSpec:
    """Say what is compared by what, where there is something to compare."""
    judge = None if said.judge is None else _judge(said.judge)
    known = comparable(metric.type for metric in said.metrics)
    several = len(columns) > 1 or (said.baseline is not None and said.baseline.run is not None)
    if not several or not known:
        return replace(said, judge=judge, compare=None, baseline=None)
    return replace(
        said,
        judge=judge,
        compare=said.compare or known[0],
        baseline=_baseline(said.baseline, columns),
    )


def _baseline(said: BaselineSpec | None, columns: list[tuple[str, str]]) -> BaselineSpec:
    if said is not None and said.run is not None:
        return said
    model, variant = columns[0]
    return BaselineSpec(
        None, (said and said.model) or model, (said and said.variant) or variant
    )  # fmt: skip


def _judge(said: JudgeSpec) -> JudgeSpec:
    local = isinstance(said.model, ModelRef)
    scoring = said.scoring or ("sum" if local else "generated")
    writes = scoring == "generated"
    generation = _generation(said.generation, local) if writes else said.generation
    return replace(said, scoring=scoring, generation=generation)


def _variant(spec: PromptSpec, one: VariantSpec) -> VariantPlan:
    own = one.input is not None or one.messages is not None
    return VariantPlan(
        one.name,
        (one.input or "") if own else spec.task.input,
        one.system if one.system is not None else spec.prompt.system,
        _few_shot(one.few_shot if one.few_shot is not None else spec.prompt.few_shot, spec.task),
        (one.messages or ()) if own else spec.task.messages,
    )


def _few_shot(said: FewShotSpec, task: TaskSpec) -> FewShotSpec:
    """Labels are shown equally often where there are any."""
    return replace(said, choose=said.choose or ("balanced" if task.labels else "random"))


def _generation(said: GenerationSpec, local: bool) -> GenerationSpec:
    """Make the defaults of local models explicit where nothing else is asked."""
    return local_generation(said) if local else said


def local_generation(said: GenerationSpec) -> GenerationSpec:
    """Make the defaults of a local model explicit."""
    return replace(
        said,
        temperature=LOCAL_TEMPERATURE if said.temperature is None else said.temperature,
        max_tokens=LOCAL_MAX_TOKENS if said.max_tokens is None else said.max_tokens,
    )
