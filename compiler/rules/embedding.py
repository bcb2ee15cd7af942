"""Models that give texts vectors: their objective, methods, columns and batch."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..embedding import NAMES
from ..preferences import KINDS
from ..spec_heads import SEQUENCE_METHODS
from ..words import listed
from .base import Context, error, rule

TASK = ("task", "type")
OBJECTIVE = ("objective", "type")


def embeds(context: Context) -> bool:
    """Whether the answer to a text is a vector."""
    return context.level == "finetune" and context.get(*TASK) == "embed"


@rule("NV610", "task and objective of which only one gives vectors")
def check_objective(context: Context) -> Iterator[Diagnostic]:
    """Vectors are learned by comparing texts; other tasks have one right answer."""
    kind, task = context.get(*OBJECTIVE), context.get(*TASK)
    if context.level != "finetune" or kind is None or task in (None, "prefer") or kind in KINDS:
        return  # other findings speak of preferences
    related = context.related((TASK, "the task"))
    if kind == "contrastive" and task != "embed":
        message = f"objective `contrastive` learns vectors, and task `{task}` is answered otherwise"
        cure = "write `task: {type: embed}`, or remove `objective`"
        yield error("NV610", message, context.where(*OBJECTIVE), cure, related)
    elif task == "embed" and kind != "contrastive":
        message = f"task `embed` is not learned by `{kind}`, which learns tokens"
        cure = "write `objective: {type: contrastive}`"
        said = context.has("objective")
        where = context.where(*(OBJECTIVE if said else TASK))
        yield error("NV610", message, where, cure, related if said else ())


@rule("NV611", "method that trains no vectors")
def check_method(context: Context) -> Iterator[Diagnostic]:
    """Soft prompts and rank budgets are made for models that write; 4 bits load with that layer."""
    if not embeds(context):
        return
    kind, related = context.get("method", "type"), context.related((TASK, "the task"))
    if kind in SEQUENCE_METHODS:
        message = f"method `{kind}` is for models that write, and this one gives vectors"
        cure = "choose `lora`, `freeze` or `full`"
        yield error("NV611", message, context.where("method", "type"), cure, related)
    elif context.get("method", "quantize") is not None:
        message = "a model that gives vectors is not loaded in 4 bits"
        where = context.where("method", "quantize")
        yield error("NV611", message, where, "remove `quantize`", related)


@rule("NV612", "columns of rows that hold texts to be drawn together")
def check_columns(context: Context) -> Iterator[Diagnostic]:
    """An anchor and its positive are needed, a negative may be there, and nothing else is read."""
    columns = context.get("data", "columns")
    if not embeds(context) or not isinstance(columns, dict):
        return
    where = context.key("data", "columns")
    missing = [name for name in NAMES[:2] if name not in columns]
    unread = [name for name in columns if name not in NAMES]
    if missing:
        message = f"data.columns does not say which column holds the `{missing[0]}`"
        yield error("NV612", message, where, f"add `{missing[0]}: <column name>`")
    elif unread:
        message = f"task `embed` does not read the column `{unread[0]}`"
        cure = f"remove it; it reads {listed(NAMES)}"
        yield error("NV612", message, context.where("data", "columns", unread[0]), cure)


@rule("NV613", "batch without negatives")
def check_batch(context: Context) -> Iterator[Diagnostic]:
    """What is told apart are the rows of a step; of one row there is nothing to tell."""
    columns = context.get("data", "columns")
    if not embeds(context) or context.get("train", "batch") != 1 or not isinstance(columns, dict):
        return
    if context.get(*OBJECTIVE) == "contrastive" and "negative" not in columns:
        message = "a row is told apart from the others of its batch, and a batch of 1 has none"
        cure = "write `batch: 32`, or name a column of negatives: `negative: <column name>`"
        related = context.related((OBJECTIVE, "the objective"))
        yield error("NV613", message, context.where("train", "batch"), cure, related)
