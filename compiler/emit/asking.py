"""What the templates of level 1 are given."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..capabilities import limit_name
from ..plan import FinetunePlan, PromptPlan, VariantPlan
from ..spec import EndpointSpec, GateSpec, GenerationSpec, MetricSpec, ModelRef, TaskSpec

TEMPLATES = {
    "generate": "answers.py.j2",
    "extract": "answers.py.j2",
    "language-model": "language_model.py.j2",
    "chat": "chat.py.j2",
}


def template_of(plan: PromptPlan) -> str:
    """Return the template of the plan's task; labels are scored, or written as answers."""
    task = plan.common.task
    if task is None or task.type == "classify":
        written = task is not None and task.scoring == "generated"
        return "answers.py.j2" if written else "prompt.py.j2"
    return TEMPLATES[task.type]


def writes_answers(plan: PromptPlan) -> bool:
    """Whether the plan's program asks for answers, each of which is a call."""
    return template_of(plan) == "answers.py.j2"


def asking_context(plan: PromptPlan) -> dict[str, Any]:
    """The names that the templates of level 1 use beside those of all levels."""
    task = plan.common.task
    models = [_model(name, model) for name, model in plan.models]
    shots = any(variant.few_shot.count for variant in plan.variants)
    generation = _generation(plan, plan.generation, models)
    judge = _judge(plan)
    everyone = [*models, judge["model"]] if judge else models
    return {
        **_asked_first(plan),
        "model": plan.models[0][1],
        "models": models,
        "workers": _workers(plan),
        "local": any("path" in model for model in everyone),
        "remote": any(model["endpoint"] for model in everyone),
        "priced": any(model.get("price") or model.get("batch_price") for model in everyone),
        "variants": [_variant(plan, variant) for variant in plan.variants],
        "shots": shots,
        "generation": generation,
        "repeats": plan.repeats,
        "budget": _said(asdict(plan.budget)) if plan.budget else None,
        "schema": json.loads(task.schema) if task and task.schema else None,
        "measures": [
            _metric(metric, plan.common.hardware.accelerator)
            for metric in plan.common.evaluate.metrics
        ],
        "gates": gates_of(plan.common.evaluate.gates),
        "judge": judge,
        **_compared(plan),
        "dtype": plan.common.hardware.precision,
    }


def tuning_context(plan: FinetunePlan) -> dict[str, Any]:
    """The names that say what a model learns to write, and how it is asked afterwards."""
    task = plan.common.task
    assert task is not None, "level finetune has a task"
    generation = asdict(plan.generation) if plan.generation else {}
    generation = {k: v for k, v in generation.items() if v not in (None, (), False)}
    return {
        "objective": plan.objective,
        "written": task.type != "classify",
        "talks": task.type == "chat",
        "format": plan.common.data.format,
        "generation": {**generation, "seed": plan.common.seed},
        "schema": json.loads(task.schema) if task.schema else None,
        "measures": [
            _metric(metric, plan.common.hardware.accelerator)
            for metric in plan.common.evaluate.metrics
        ],
        "gates": gates_of(plan.common.evaluate.gates),
    }


def _asked_first(plan: PromptPlan) -> dict[str, Any]:
    """Return what the constant at the top holds, and whether anything reads it.

    Written answers are asked for in several ways, so that it is the task's own way; probabilities
    are read of one, which may be that of the only variant.
    """
    task = plan.common.task
    if task is None or template_of(plan) != "answers.py.j2":
        return {"asked": asked(plan.variants[0])}
    shared = any(asked(variant) == asked(task) for variant in plan.variants)
    return {"asked": asked(task) if shared else None}


def _model(name: str, model: ModelRef | EndpointSpec) -> dict[str, Any]:
    if isinstance(model, ModelRef):
        return {"name": name, "path": model.path, "revision": model.revision, "endpoint": None}
    return {
        "name": name,
        "endpoint": model,
        "price": asdict(model.price) if model.price else None,
        "batch_price": asdict(model.batch_price) if model.batch_price else None,
        "limit_name": limit_name(model.type),
    }


def _workers(plan: PromptPlan) -> dict[str, Any]:
    """The arguments that make a local model one of many workers; empty for one in the program."""
    launch, threads = plan.common.hardware.launch, plan.common.hardware.threads
    if launch is None or launch.ray is None:
        return {}
    ray = launch.ray
    found: dict[str, Any] = {"workers": ray.workers, "restarts": launch.restarts}
    found |= {"threads": threads, "cpus": ray.cpus, "gpu_type": ray.gpu_type}
    return _said(found) | ({"resources": dict(ray.resources)} if ray.resources else {})


def _variant(plan: PromptPlan, variant: VariantPlan) -> dict[str, Any]:
    task, shots = plan.common.task, variant.few_shot
    few_shot: dict[str, Any] = {"count": shots.count, "choose": shots.choose}
    if shots.ids:
        few_shot["ids"] = list(shots.ids)
    return {
        "name": variant.name,
        **asked(variant),
        "own": task is not None and asked(variant) != asked(task),
        "system": variant.system,
        "few_shot": few_shot if shots.count else None,
        "balanced": shots.choose == "balanced",
    }


def asked(said: VariantPlan | TaskSpec) -> dict[str, Any]:
    """Return what a row is asked with: a template, or messages."""
    messages = [{"role": one.role, "content": one.content} for one in said.messages]
    return {"input": said.input, "messages": messages}


def _metric(metric: MetricSpec, accelerator: str) -> dict[str, Any]:
    options: dict[str, Any] = {"tolerance": metric.tolerance, "pattern": metric.pattern}
    if metric.model is not None:
        options |= {"model": metric.model.path, "revision": metric.model.revision}
        options["device"] = None if accelerator == "cpu" else accelerator
    return {"type": metric.type, "options": _said(options)}


def gates_of(gates: Sequence[GateSpec]) -> list[dict[str, Any]]:
    """Return the keyword arguments of each ``Gate``."""
    return [_gate(gate) for gate in gates]


def _gate(gate: GateSpec) -> dict[str, Any]:
    said = _said(asdict(gate))
    return said if gate.of == "difference" else {k: v for k, v in said.items() if k != "of"}


def _generation(
    plan: PromptPlan, said: GenerationSpec, models: list[dict[str, Any]]
) -> dict[str, Any]:
    """The keyword arguments of ``Generation``; a local model always has a seed."""
    found = said.given()
    if found.pop("send_seed", False) or not any(model["endpoint"] for model in models):
        found["seed"] = plan.common.seed
    return found


def _judge(plan: PromptPlan) -> dict[str, Any] | None:
    judge = plan.common.evaluate.judge
    if judge is None:
        return None
    model = _model("judge", judge.model)
    writes = judge.scoring == "generated"
    return {
        "model": model,
        "input": judge.input,
        "format": judge.format,
        "system": judge.system,
        "choices": dict(judge.choices),
        "scoring": None if writes else judge.scoring,
        "generation": _generation(plan, judge.generation, [model]) if writes else {},
    }


def _compared(plan: PromptPlan) -> dict[str, Any]:
    """What differences are taken of and against, where any are."""
    evaluate = plan.common.evaluate
    base = evaluate.baseline
    column = (base.model, base.variant) if base is not None and base.run is None else None
    return {
        "compare": evaluate.compare,
        "baseline": column,
        "earlier": base.run if base is not None else None,
    }


def _said(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
