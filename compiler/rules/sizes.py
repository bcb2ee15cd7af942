"""How the sizes of a new model are said: one by one, by a name, or by a budget."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..experts import KEYS
from ..sizes import ARCHITECTURES, LEARNED, SIZES, chosen, flops_of, needed
from ..words import listed
from .base import Context, error, rule

WAYS = ("preset", "budget")
_ADAMW = (None, "adamw", "adamw-8bit")


def _written(context: Context, section: str, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if context.has(section, name)]


@rule("NV680", "new model without sizes")
def check_sizes(context: Context) -> Iterator[Diagnostic]:
    """Nothing stands in for a size: it is the experiment."""
    if context.level != "pretrain" or not isinstance(context.get("model"), dict):
        return
    if not context.sound("model") or _written(context, "model", WAYS):
        return
    names = ("architecture", *needed(context.get("model", "architecture")))
    missing = [name for name in names if not context.has("model", name)]
    if missing:
        message = f"the model has no {listed(missing)}"
        cure = "add what is missing, or name a published model: `preset: llama-15m`"
        yield error("NV680", message, context.key("model"), cure)


@rule("NV681", "sizes said twice")
def check_ways(context: Context) -> Iterator[Diagnostic]:
    """Of two ways to say the sizes, one would be ignored."""
    ways = _written(context, "model", WAYS)
    if context.level != "pretrain" or not ways:
        return
    first = ways[0]
    own = ("architecture", *SIZES) if first == "preset" else SIZES
    for name in [*ways[1:], *_written(context, "model", own)]:
        message = f"`model.{first}` says the sizes already"
        related = context.related((("model", first), "here"))
        cure = f"remove `{name}`, or `{first}`"
        yield error("NV681", message, context.key("model", name), cure, related)
    if first == "budget" and "architecture" not in _written(context, "model", ("architecture",)):
        message = "a budget needs the family of the model"
        where = context.key("model", "budget")
        yield error("NV680", message, where, "add `architecture: llama`")


@rule("NV682", "training without a number that only the spec can say")
def check_learned(context: Context) -> Iterator[Diagnostic]:
    """How much, in which batches and how fast is the experiment; a budget answers all three."""
    if context.level != "pretrain" or not isinstance(context.get("train"), dict):
        return
    budget = context.has("model", "budget")
    missing = [name for name in LEARNED if not context.has("train", name)]
    if missing and not budget and context.sound("train"):
        message = f"`train` has no {listed(missing)}"
        cure = "add what is missing; only a `model.budget` gives it"
        yield error("NV682", message, context.key("train"), cure)
    kind = context.get("train", "optimizer", "type")
    if budget and kind not in _ADAMW and "learning_rate" in missing:
        message = f"the learning rate that a budget gives is AdamW's, not that of {kind}"
        cure = "add `learning_rate` under `train`"
        related = context.related((("train", "optimizer", "type"), "the optimizer"))
        yield error("NV682", message, context.key("train"), cure, related)
    if budget and context.has("train", "tokens"):
        message = "the budget gives the tokens, so `train.tokens` would be ignored"
        related = context.related((("model", "budget"), "the budget"))
        cure = "remove `tokens`, or write sizes in place of the budget"
        yield error("NV681", message, context.key("train", "tokens"), cure, related)


@rule("NV683", "budget that buys nothing")
def check_budget(context: Context) -> Iterator[Diagnostic]:
    """A budget is operations, or hours of a device whose rate is known; it pays for a step."""
    written = context.document.value(("model", "budget"))
    if not isinstance(written, dict) or not context.sound("model"):
        return
    where = context.key("model", "budget")
    hours = "gpu_hours" in written
    for name in ("device", "mfu"):
        if name in written and not hours:
            message = f"`{name}` says nothing beside `flops`"
            yield error("NV683", message, context.key("model", "budget", name), f"remove `{name}`")
            return
    if hours and "device" not in written:
        yield error("NV683", "hours of which device?", where, "add `device: h100`")
        return
    if flops_of(written) is not None and context.get("model", "budget") is not None:
        yield from _unpaid(context)


def _unpaid(context: Context) -> Iterator[Diagnostic]:
    """The budget is still there, so nothing was chosen for it."""
    sound = context.sound("tokenizer") and context.sound("train")
    named = context.get("model", "architecture") in ARCHITECTURES
    whole = context.get("tokenizer", "vocab_size") and context.get("train", "sequence_length")
    if sound and named and whole and chosen(context.filled) is None:
        message = "the budget does not pay for one optimizer step of the smallest model"
        where = context.key("model", "budget")
        yield error("NV683", message, where, "raise it, or lower `train.batch`")


@rule("NV684", "size that the architecture does not have")
def check_family(context: Context) -> Iterator[Diagnostic]:
    """A key that the family's configuration lacks would be kept there and read by nothing."""
    name = context.get("model", "architecture")
    family = ARCHITECTURES.get(name) if isinstance(name, str) else None
    if family is None or context.level != "pretrain":
        return
    has = {"num_key_value_heads": family.grouped, "head_dim": family.head_dim,
           "rope_theta": family.rotary,
           **{key: family.experts is not None and family.experts.has(key) for key in KEYS},
           "intermediate_size": family.experts is None or not family.experts.own_width,
    }  # fmt: skip
    for key, there in has.items():
        if not there and context.has("model", key):
            message = f"a {name} has no {key}"
            related = context.related((("model", "architecture"), "the family"))
            where = context.key("model", key)
            yield error("NV684", message, where, f"remove `{key}`", related)
