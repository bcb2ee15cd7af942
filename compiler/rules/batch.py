"""Numbers of sequences and tokens that have to divide one another.

The batch is part of the experiment. It is refused rather than rounded where the machine
cannot hold exactly that many sequences in one optimizer step.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..words import nearest_multiples, plural
from .base import Context, error, rule
from .hardware import machine_of


@rule("NV301", "batch does not divide")
def check_batch(context: Context) -> Iterator[Diagnostic]:
    """The batch is devices x micro-batch x accumulation, all whole numbers."""
    batch, machine = context.get("train", "batch"), machine_of(context)
    if batch is None or machine is None:
        return
    if machine.processes % machine.together:
        return  # NV615 says so
    devices, micro = machine.groups, machine.micro_batch
    step = devices * (micro or 1)
    if batch % step == 0:
        return
    among = f"{devices} {'device' if devices == 1 else 'devices'}"
    if machine.together > 1:
        among = f"{plural(devices, 'group')} of {machine.together} devices"
    among += f" with a micro_batch of {micro}" if micro else ""
    message = f"a batch of {int(batch)} sequences does not divide evenly over {among}"
    near = nearest_multiples(int(batch), step)
    related = context.related(
        (("hardware", "micro_batch"), "sequences one device holds at once"),
        (("hardware", "devices"), "devices"),
    )
    if devices > 1 and not related:
        related = context.related((("hardware",), "the machine"))
    where = context.where("train", "batch")
    yield error("NV301", message, where, f"write `batch: {near}`", related)


@rule("NV302", "sequence longer than the model reads")
def check_sequence_length(context: Context) -> Iterator[Diagnostic]:
    """Positions beyond max_position_embeddings have never been given to the model."""
    length = context.get("train", "sequence_length")
    longest = context.get("model", "max_position_embeddings")
    if length is None or longest is None or length <= longest:
        return
    message = f"sequence_length {length} is longer than max_position_embeddings {longest}"
    related = context.related((("model", "max_position_embeddings"), "the model reads so many"))
    cure = f"write `sequence_length: {longest}`, or raise max_position_embeddings to {length}"
    yield error("NV302", message, context.where("train", "sequence_length"), cure, related)


@rule("NV303", "tokens that are no whole number of steps")
def check_tokens(context: Context) -> Iterator[Diagnostic]:
    """Each optimizer step sees batch x sequence_length tokens; part of a step is no step."""
    tokens, batch = context.get("train", "tokens"), context.get("train", "batch")
    length = context.get("train", "sequence_length")
    if tokens is None or batch is None or length is None or tokens % (batch * length) == 0:
        return
    step = int(batch * length)
    message = f"{int(tokens):,} tokens are no whole number of optimizer steps of {step:,}"
    message += f" ({int(batch)} sequences x {int(length)} tokens)"
    near = nearest_multiples(int(tokens), step)
    where = context.where("train", "tokens")
    related = context.related((("train", "batch"), "sequences per step"))
    yield error("NV303", message, where, f"write `tokens: {near}`", related)
