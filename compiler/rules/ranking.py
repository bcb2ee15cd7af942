"""What the trials of a sweep are ranked by, against what the experiment measures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..diagnostics import Diagnostic
from ..preferences import UNRANKED
from ..spec_heads import HEADED
from ..words import listed
from .base import Context, error, rule
from .endpoints import writes
from .prompting import METRICS

ALWAYS = ("seconds.total", "peak_memory.rss", "peak_memory.cuda")
TRAINED = ("seconds.train", "parameters.total", "parameters.trained", "tokens.seen")
VALIDATED = ("validation.best_loss", "validation.loss", "validation.best_step")
ASKED = ("calls", "usd", "seconds", "seconds_median", "seconds_p95", "input_tokens",
         "output_tokens")  # fmt: skip
HELD_OUT = ("bits_per_byte", "tokenizer_bytes_per_token", "tokenizer_tokens_per_word")
"""Of a model trained from scratch, measured on the text that is held out."""

_LOSSES = ("loss", "val_loss", "eval_loss", "valid_loss", "validation_loss", "eval/loss")
"""What others call the loss on the rows of `data.validation`."""

_DECIDING = ("task", "evaluate", "head", "objective", "model", "models", "prompt")
"""Sections that say what is measured: where a trial varies one, the spec alone cannot tell."""


@rule("NV659", "sweep ranked by what is not measured")
def check_metric(context: Context) -> Iterator[Diagnostic]:
    """Trials without the number cannot be ranked, and all of them would have run in vain.

    What `nivel run --metric` adds is known to no spec.
    """
    metric = context.get("sweep", "metric")
    if not isinstance(metric, str) or not context.sound("sweep", "type"):
        return
    known = _measured(context)
    if metric in known or _varied(context, _DECIDING):
        return
    close = _meant(metric, known)
    cure = f"did you mean `{close}`?" if close else f"choose from {listed(known, most=12)}"
    if metric in (*VALIDATED, *_LOSSES) and "validation.best_loss" not in known:
        cure = _CURES[context.level]
    message = f"the trials are ranked by `{metric}`, which this experiment does not measure"
    yield error("NV659", message, context.where("sweep", "metric"), cure)


_CURES = {
    "prompt": "nothing is trained at this level: write the name of a metric",
    "finetune": "add `data.validation`, whose rows the loss is measured on",
    "pretrain": "add `validate_every` to `train`, for the loss on the text that is held out",
}


def _measured(context: Context) -> list[str]:
    """The names that `sweep.metric` can have: those of the task first."""
    found = [*_of_task(context), *ALWAYS]
    if context.level != "prompt":
        found += TRAINED
    if _validates(context):
        found += VALIDATED
    if context.level == "pretrain":
        found += [f"pretraining.{name}" for name in HELD_OUT]
    return list(dict.fromkeys(found))


def _of_task(context: Context) -> list[str]:
    kind, said = context.get("task", "type"), context.get("evaluate", "metrics")
    if kind is None:
        return []
    names = [one.get("type") if isinstance(one, dict) else one for one in said or ()]
    found = [str(name) for name in names] or _default(context, kind)
    if context.get("objective", "type") == "reward":
        found += ["mean_reward"]
    if context.has("evaluate", "baseline"):
        found += ["difference"]
    paired = kind == "embed" or (kind == "prefer" and context.level == "finetune")
    found += [f"{part}.{name}" for part in ("change", "before") * paired for name in found]
    return found + list(ASKED) * writes(context) + ["judge_usd"] * context.has("evaluate", "judge")


def _default(context: Context, kind: str) -> list[str]:
    from ..planner_prompt import default_metrics

    if kind in HEADED:
        return list(METRICS[kind])
    task = "generate" if context.level == "finetune" and kind == "chat" else kind
    found = [one.type for one in default_metrics(task, labelled=True)]
    return found[:2] if context.get("objective", "type") in UNRANKED else found


def _validates(context: Context) -> bool:
    """Tell whether the loss is measured beside training, in the spec or in some trial of it."""
    if context.level == "prompt":
        return False
    places = [("train", "validate_every")]
    places += [("data", "validation")] * (context.level == "finetune")
    return any(context.has(*place) or _varied(context, [".".join(place)]) for place in places)


def _varied(context: Context, names: Iterable[str]) -> bool:
    """Tell whether trials differ in one of these places."""
    over = context.get("sweep", "over")
    varied = [path.replace("[", ".") for path in over] if isinstance(over, dict) else []
    starts = [path for name in names for path in varied if f"{path}.".startswith(f"{name}.")]
    return bool(starts)


def _meant(metric: str, known: list[str]) -> str | None:
    """Return the name that another is a slip of, or another tool's word for."""
    from ..suggest import nearest

    word = metric.lower()
    if word in _LOSSES and "validation.best_loss" in known:
        return "validation.best_loss"
    last = [name for name in known if name.rpartition(".")[2] == word.rpartition(".")[2]]
    return last[0] if last else nearest(metric, known)
