"""A plan for a person: a line per decision, numbers with their units."""

from __future__ import annotations

from dataclasses import asdict

from .distilling import teacher_lines
from .embedding import ContrastiveSpec, contrastive_lines
from .experts import experts_lines
from .methods import method_text
from .plan import BatchPlan, FinetunePlan, KeptPlan, Plan, PretrainPlan, PromptPlan
from .plan_hardware import hardware_lines
from .plan_training import (
    average_lines,
    divergence_lines,
    optimizer_lines,
    ramp_lines,
    sample_lines,
)
from .preferences import preference_lines
from .spec import (
    EndpointSpec,
    EvaluateSpec,
    ModelRef,
    PreferenceSpec,
)
from .spec_text import text_lines, tokenizer_line
from .track import track_lines
from .words import plural


def render_plan(plan: Plan, *more: tuple[str, str]) -> str:
    """The plan for a person: a line per decision, numbers with their units, ``more`` at the end."""
    lines = _common_lines(plan)
    if isinstance(plan, FinetunePlan):
        lines += _finetune_lines(plan)
    elif isinstance(plan, PretrainPlan):
        lines += _pretrain_lines(plan)
    else:
        lines += _prompt_lines(plan)
    if plan.common.evaluate.lm_eval:
        lines.append(("lm-eval", ", ".join(plan.common.evaluate.lm_eval)))
    lines += track_lines(plan.common.track)
    lines += more
    width = max(len(label) for label, _ in lines)
    head = f"{plan.common.name} ({plan.level})"
    return "\n".join([head, *(f"  {label:<{width}}  {text}" for label, text in lines)]) + "\n"


def _common_lines(plan: Plan) -> list[tuple[str, str]]:
    common, hardware = plan.common, plan.common.hardware
    lines = []
    if isinstance(plan, PretrainPlan):
        lines.append(("model", f"{plan.model.architecture} from scratch"))
    elif isinstance(plan, FinetunePlan):
        lines.append(("model", _model_text(plan.model)))
    for name in ("train", "validation", "test"):
        source = getattr(common.data, name)
        if source is not None:
            rows = f", at most {source.limit:,} rows" if source.limit else ""
            split = f" ({source.split})" if source.split else ""
            lines.append((name, f"{source.builtin or source.path}{split}{rows}"))
    lines += text_lines(common.data.text, common.data.curate)
    if common.task:
        labels = f", {len(common.task.labels)} labels" if common.task.labels else ""
        lines.append(("task", common.task.type + labels))
    lines += hardware_lines(hardware)
    if hardware.activation_checkpointing:
        lines.append(("memory", "blocks are computed again on the way back, not kept"))
    if hardware.compile:
        lines.append(
            ("compiled", "blocks by torch.compile, which takes some 20 to 40 seconds once")
        )
    if hardware.kernels != "torch":
        lines.append(("kernels", f"of {hardware.kernels}"))
    return lines


def _model_text(model: ModelRef | EndpointSpec) -> str:
    if isinstance(model, EndpointSpec):
        return f"{model.name} at {model.base_url}"
    return model.path + (f" at {model.revision}" if model.revision else "")


def _prompt_lines(plan: PromptPlan) -> list[tuple[str, str]]:
    lines = [("model" if i == 0 else "", _model_text(m)) for i, (_, m) in enumerate(plan.models)]
    for variant in plan.variants:
        shots = variant.few_shot
        how = f", {shots.choose}" if shots.count else ""
        text = f"{variant.name}: {shots.count} examples{how}"
        text += f", {plural(len(variant.messages), 'message')}" if variant.messages else ""
        lines.append(("asked", text + (", system message" if variant.system else "")))
    if plan.repeats > 1:
        lines.append(("repeats", f"{plan.repeats} answers to each question"))
    said = plan.generation.given()
    if said:
        lines.append(("generation", ", ".join(f"{k} {v}" for k, v in said.items())))
    lines += _evaluate_lines(plan.common.evaluate)
    if plan.budget:
        limits = {k: v for k, v in asdict(plan.budget).items() if v is not None}
        lines.append(("budget", ", ".join(f"{v:,g} {k}" for k, v in limits.items())))
    return lines


def _evaluate_lines(evaluate: EvaluateSpec) -> list[tuple[str, str]]:
    lines = []
    if (judge := evaluate.judge) is not None:
        how = "writes" if judge.scoring == "generated" else f"likelihood ({judge.scoring})"
        worth = ", ".join(f"{choice} {score:g}" for choice, score in judge.choices)
        lines.append(("judge", f"{_model_text(judge.model)}, {how}: {worth}"))
    if (base := evaluate.baseline) is not None:
        against = f"run:{base.run}" if base.run else f"{base.model}/{base.variant}"
        lines.append(("compared", f"by {evaluate.compare} with {against}"))
    return lines


def _batch_line(batch: BatchPlan, together: int) -> tuple[str, str]:
    return "batch", batch.text(f"{batch.batch} sequences", together)


TENTH = "tenth of the run, at most 500 steps"


def _kept_lines(kept: KeptPlan) -> list[tuple[str, str]]:
    lines = []
    if kept.validates:
        text = f"{_interval(kept.validate_every)} and at the end"
        if kept.patience is not None:
            text += f"; stops after {kept.patience} without a better {kept.metric}"
        lines.append(("validation", text))
        lines.append(("weights", f"those of the {kept.use} {_KINDS[kept.use]}"))
    text = f"{_interval(kept.checkpoint_every)} and at the end, the newest {kept.keep} kept"
    lines.append(("checkpoints", text + (", and the best" if kept.use == "best" else "")))
    return lines


_KINDS = {"best": "validation", "last": "step"}


def _interval(every: int | None) -> str:
    if every is None:
        return f"every {TENTH},"
    return "at every step" if every == 1 else f"every {every:,} steps"


def _finetune_lines(plan: FinetunePlan) -> list[tuple[str, str]]:
    steps = f"{plan.steps:,}" if plan.steps else "counted when the rows are read"
    return [
        ("method", method_text(plan.method)),
        *_learned(plan),
        _step_line(plan),
        *([_PACKING] if plan.packing else []),
        ("steps", f"{steps} ({plan.epochs} epoch{'s' if plan.epochs > 1 else ''})"),
        *optimizer_lines(plan.optimizer),
        *divergence_lines(plan.divergence),
        *_kept_lines(plan.kept),
    ]


def _step_line(plan: FinetunePlan) -> tuple[str, str]:
    """What a step holds; the texts of rows that are each other's negatives go through in chunks."""
    if not isinstance(plan.objective, ContrastiveSpec):
        return _batch_line(plan.batch, plan.common.hardware.tensor_parallel)
    batch = plan.batch
    on = f"{batch.devices} device{'s' if batch.devices > 1 else ''}"
    text = f"{batch.batch} rows, each the others' negatives, on {on}; "
    return "batch", text + f"{batch.micro_batch} through the model at once"


_ALONE = ("documents", "each sees itself alone")

_PACKING = ("packing", "the rows of a micro-batch in one sequence, each seeing itself alone")


def _learned(plan: FinetunePlan) -> list[tuple[str, str]]:
    """What carries the loss, and what becomes of rows that are too long."""
    said = plan.objective
    if isinstance(said, PreferenceSpec):
        return [*preference_lines(said, plan.reference), ("length", _length(plan))]
    if isinstance(said, ContrastiveSpec):
        task = plan.common.task
        lines = contrastive_lines(said, None if task is None else task.embed)
        return [*lines, ("length", _length(plan))]
    if said is None:
        return [("learned", _head_text(plan)), ("length", _length(plan))]
    what = {
        "assistant": "every turn of the assistant",
        "last": "the assistant's last turn",
        "completion": "what the assistant says after the last user's turn",
        "all": "all tokens",
    }[said.train_on]
    return [
        ("learned", what + (" and its end" if said.train_end else " without its end")),
        *teacher_lines(said),
        ("length", _length(plan)),
    ]


def _head_text(plan: FinetunePlan) -> str:
    task, head = plan.common.task, plan.head
    what = {"classify": "one label a row", "regress": "one number a row", "tag": "a label a word"}
    dropout = "" if head is None or head.dropout is None else f", dropout {head.dropout:g}"
    return f"{what[task.type if task else '']}, by a new head{dropout}"


def _length(plan: FinetunePlan) -> str:
    most = f"{plan.too_long_at_most:.0%} of the rows"
    longer = {
        "refuse": "a longer row is refused",
        "drop": f"longer rows are dropped, at most {most}",
        "cut": f"longer rows are cut, at most {most}",
    }[plan.too_long]
    return f"at most {plan.max_length:,} tokens; {longer}"


def _active_lines(plan: PretrainPlan) -> list[tuple[str, str]]:
    if plan.active_parameters is None:
        return []
    share = plan.active_parameters / plan.parameters
    active = ("active", f"{plan.active_parameters:,} for a token, {share:.0%} of them")
    return [active, *experts_lines(plan.model.experts, plan.router_z_loss)]


def _met(plan: PretrainPlan) -> str:
    return "" if plan.active_parameters is None else "active "


def _pretrain_lines(plan: PretrainPlan) -> list[tuple[str, str]]:
    return [
        tokenizer_line(plan.tokenizer),
        (
            "parameters",
            f"{plan.parameters:,} ({plan.parameters_without_embeddings:,} without embeddings)",
        ),
        *_active_lines(plan),
        _batch_line(plan.batch, plan.common.hardware.tensor_parallel),
        *ramp_lines(plan.ramp, plan.batch.batch),
        (
            "tokens",
            f"{plan.tokens:,} {'in' if plan.ramp else '='} {plan.steps:,} steps "
            f"{'of at most' if plan.ramp else 'x'} {plan.tokens_per_step:,} tokens "
            f"({plan.tokens / plan.parameters:.1f} per parameter)",
        ),
        *([_ALONE] if plan.document_mask else []),
        ("compute", f"{plan.flops:.2e} FLOPs (6 x {_met(plan)}parameters x tokens)"),
        *optimizer_lines(plan.optimizer),
        *([("z-loss", f"{plan.z_loss:g}")] if plan.z_loss else []),
        *average_lines(plan.average),
        *divergence_lines(plan.divergence),
        *_kept_lines(plan.kept),
        *sample_lines(plan.common.evaluate.samples),
    ]
