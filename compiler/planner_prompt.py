"""PromptSpec -> PromptPlan: the matrix of answers, and the defaults that depend on the task."""

from __future__ import annotations

from dataclasses import replace

from .plan import Common, PromptPlan, VariantPlan
from .spec import (
    FewShotSpec,
    GenerationSpec,
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
}


def default_metrics(task: TaskSpec, labelled: bool) -> tuple[MetricSpec, ...]:
    """Return the measures of a task whose spec names none; without labels, those that need none."""
    names = _METRICS[task.type]
    if not labelled and task.type in ("generate", "extract"):
        names = tuple(name for name in names if name == "valid_json")
    return tuple(MetricSpec(name) for name in names)


def plan_prompt(spec: PromptSpec, common: Common) -> PromptPlan:
    """Return what asking will do."""
    section = spec.prompt
    plain = VariantSpec(PLAIN, None, None, None)
    variants = tuple(_variant(spec, one) for one in section.variants or (plain,))
    generation = _generation(spec)
    return PromptPlan(common, spec.models, variants, section.repeats, generation, spec.budget)


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


def _generation(spec: PromptSpec) -> GenerationSpec:
    """Make the defaults of local models explicit where nothing else is asked."""
    said = spec.generation
    if not all(isinstance(model, ModelRef) for _, model in spec.models):
        return said
    return replace(
        said,
        temperature=LOCAL_TEMPERATURE if said.temperature is None else said.temperature,
        max_tokens=LOCAL_MAX_TOKENS if said.max_tokens is None else said.max_tokens,
    )
