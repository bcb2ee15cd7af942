"""What each template is given: a plan's values, and every decision already taken."""

from __future__ import annotations

from typing import Any

from ..distilling import DistillSpec
from ..launching import start_line
from ..methods import SOFT, adapter, method_schema
from ..plan import FinetunePlan, Plan, PretrainPlan, PromptPlan
from ..planner import INTERVALS, MOST_STEPS
from ..sizes import config_of
from ..spec import MethodSpec, SourceSpec
from ..track import SERVICES, ServiceSpec
from .asking import asked, asking_context, tuning_context
from .heads import head_context
from .texts import text_context


def prompt_context(plan: PromptPlan) -> dict[str, Any]:
    """The names that ``prompt.py.j2`` uses."""
    return {
        **_common(plan),
        **asking_context(plan),
    }


def finetune_context(plan: FinetunePlan) -> dict[str, Any]:
    """The names that ``finetune.py.j2`` uses."""
    head = head_context(plan) if plan.head else {}
    return {**tuned_context(plan), **tuning_context(plan), **head}


def tuned_context(plan: FinetunePlan) -> dict[str, Any]:
    """The names of every program that tunes a model."""
    added = adapter(plan.method)
    return {
        **_common(plan),
        **_training(plan),
        **_method(plan.method),
        "distills": isinstance(plan.objective, DistillSpec),
        "model": plan.model,
        "freezing": freezing(plan.method),
        # frozen weights may be kept short; weights that are trained stay in fp32
        "dtype": plan.common.hardware.precision if added else "fp32",
        "epochs": plan.epochs,
        "max_length": plan.max_length,
        "packing": plan.packing,
        "too_long": plan.too_long,
        "too_long_at_most": plan.too_long_at_most,
    }


def _method(method: MethodSpec) -> dict[str, Any]:
    """What the program needs to know of the method; each switch is one part of the template."""
    schema, added, soft = method_schema(method.type), adapter(method), method.type in SOFT
    return {
        "adapter": added,
        "method_note": f"method: {schema['description']}",
        "soft": soft,
        "adalora": method.type == "adalora",
        "quantize": method.options.get("quantize"),
        "rate_ratio": method.options.get("learning_rate_ratio"),
    }


def freezing(method: MethodSpec) -> dict[str, Any] | None:
    """The keyword arguments of ``freeze``; None where another method is at work."""
    if method.type != "freeze":
        return None
    patterns = method.options.get("patterns")
    said = {"blocks": method.options["blocks"] or None, "patterns": patterns and list(patterns)}
    given = {name: value for name, value in said.items() if value}
    return given if method.options["embeddings"] else {**given, "embeddings": False}


def pretrain_context(plan: PretrainPlan) -> dict[str, Any]:
    """The names that ``pretrain.py.j2`` uses."""
    model = plan.model
    return {
        **_common(plan),
        **_training(plan),
        "model_type": model.architecture,
        "sizes": config_of(model),
        "initialization": model.initialization,
        "tokenizer": plan.tokenizer,
        "model_note": f"model: {plan.parameters:,} parameters{_active_note(plan)}",
        "steps": plan.steps,
        "steps_note": _steps_note(plan),
        "ramp": plan.ramp,
        "sequence_length": plan.sequence_length,
        "document_mask": plan.document_mask,
        "z_loss": plan.z_loss,
        "router_z_loss": plan.router_z_loss,
        "experts": model.experts,
        "averaged": plan.average,
        **text_context(plan.common.data),
    }


def _active_note(plan: PretrainPlan) -> str:
    if plan.active_parameters is None:
        return ""
    return f", of which a token meets {plan.active_parameters:,}"


def _steps_note(plan: PretrainPlan) -> str:
    if plan.ramp is not None:
        return f"{plan.tokens} tokens in sequences of {plan.sequence_length}"
    return (
        f"{plan.tokens} tokens = {plan.steps} steps x {plan.batch.batch} sequences "
        f"x {plan.sequence_length} tokens"
    )


def _common(plan: Plan) -> dict[str, Any]:
    common = plan.common
    header = f"{common.name}: {common.description}" if common.description else f"{common.name}."
    return {
        "header": header,
        "start": start_line(common.hardware.launch, common.hardware.devices, common.hardware.nodes),
        "name": common.name,
        "level": plan.level,
        "seed": common.seed,
        "task": common.task,
        "asked": asked(common.task) if common.task else None,
        "columns": dict(common.data.columns),
        "train": _rows(common.data.train),
        "validation": _rows(common.data.validation),
        "test": _rows(common.data.test) if common.task else None,
        "evaluate": common.evaluate,
        "metrics": tuple(metric.type for metric in common.evaluate.metrics),
        "hardware": common.hardware,
        "track": [_service(one) for one in common.track],
    }


def _service(service: ServiceSpec) -> dict[str, Any]:
    """Return the class of a service and its arguments."""
    said = {SERVICES[service.type]: service.within, "name": service.name}
    return {
        "kind": {"mlflow": "MLflow", "wandb": "Wandb"}[service.type],
        "options": {key: value for key, value in said.items() if value is not None},
    }


def _training(plan: FinetunePlan | PretrainPlan) -> dict[str, Any]:
    bf16 = plan.common.hardware.precision == "bf16"
    return {
        "batch": plan.batch,
        "batch_note": plan.batch.text(f"{plan.batch.batch}", plan.common.hardware.tensor_parallel),
        "optimizer": plan.optimizer,
        "kept": plan.kept,
        "divergence": plan.divergence,
        "average": _average(plan),
        # for steps that only the run can count: what the planner makes of those it knows
        "intervals": INTERVALS,
        "most_steps": MOST_STEPS,
        "schedule": f"{plan.optimizer.schedule.type.replace('-', '_')}_schedule",
        "precision": "bf16-mixed" if bf16 else "32-true",  # Lightning's names
    }


def _average(plan: FinetunePlan | PretrainPlan) -> str | None:
    """Which mean of the weights is used; None: those of the last step."""
    if plan.optimizer.type == "schedule-free":
        return "schedule-free"
    said = plan.average if isinstance(plan, PretrainPlan) else None
    return None if said is None else said.type


def _rows(source: SourceSpec | None) -> dict[str, Any] | None:
    """The keyword arguments of ``load_rows`` that the spec names."""
    if source is None:
        return None
    named: dict[str, Any] = {
        "builtin": source.builtin,
        "path": source.path,
        "split": source.split,
        "limit": source.limit,
    }
    said = {name: value for name, value in named.items() if value is not None}
    return {**said, "balance": True} if source.balance else said
