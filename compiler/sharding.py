"""What a model in parts can train: one table, which refuses by name and derives by it.

It holds what was seen to give the losses of one process. The rest is refused, not tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .document import DataPath
from .spec_heads import HEADED

Get = Callable[..., Any]
"""The value of a spec with defaults at a path, or None."""

METHODS = ("full", "lora", "freeze")
"""Methods that leave weights what they are by name, and compute inside the blocks."""

_INITS = ("default", "gaussian")

Refused = tuple[DataPath, str, str]
"""Where it is said, what cannot be, and what to write instead."""


def refused(level: str, get: Get) -> Iterator[Refused]:
    """Yield what a spec asks for that a model in parts cannot do."""
    if level == "finetune":
        yield from _method(get)
        yield from _learned(get)
    kind = get("train", "optimizer", "type")
    why = {
        "muon": "makes matrices orthogonal, which needs them whole",
        "adamw-8bit": "keeps its state in pieces of 256 numbers of a whole matrix",
        "schedule-free": "was not seen to train a model in parts",
    }.get(kind)
    if why is not None:
        path = ("train", "optimizer", "type")
        yield path, f"optimizer `{kind}` {why}", "write `optimizer: {type: adamw}`"
    if get("train", "average", "type") == "checkpoints":
        path = ("train", "average", "type")
        message = "a mean of checkpoints reads whole ones, and those of a model in parts are not"
        yield path, message, "write `average: {type: ema, decay: 0.999}`"
    if get("hardware", "kernels") not in (None, "torch"):
        message = "the kernels of liger were not seen in blocks that are in parts"
        yield ("hardware", "kernels"), message, "write `kernels: torch`"


FAMILIES = ("gemma", "gemma2", "llama", "mistral", "olmo", "qwen2", "qwen3")
"""`model_type` of the models whose matrices devices can cut among them."""

INPUTS = ("o_proj", "down_proj")
"""Matrices of which each device has some of the inputs."""

CUT = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", *INPUTS)
"""Matrices that are cut, the others by their outputs; adapters to others are not known."""

FSDP = "write `strategy: fsdp`"


def refused_cut(family: Any, get: Get) -> Iterator[Refused]:
    """Yield what more a spec asks for that devices cannot do which cut matrices among them.

    ``family`` is the `model_type` of the model, None where it is not known.
    """
    if family is not None and family not in FAMILIES:
        path = ("model", "architecture" if get("model", "architecture") else "path")
        message = f"how devices compute `{family}` together is not known"
        yield path, message, f"{FSDP}, or take one of {', '.join(FAMILIES)}"
    for key, value in (("sharding", "hybrid"), ("offload", True), ("compile", True)):
        if get("hardware", key) == value:
            said = str(value).lower()
            message = f"`{key}: {said}` was not seen with matrices that devices cut among them"
            yield ("hardware", key), message, f"leave out `{key}`, or {FSDP}"
    yield from _adapter(get)


def _adapter(get: Get) -> Iterator[Refused]:
    if get("method", "type") != "lora":
        return
    words = "needs whole matrices, and devices cut them among them"
    if get("method", "dora"):
        yield ("method", "dora"), f"DoRA {words}", f"leave out `dora`, or {FSDP}"
    if get("method", "modules_to_save"):
        path = ("method", "modules_to_save")
        yield path, f"`modules_to_save` {words}", f"leave it out, or {FSDP}"
    targets = get("method", "targets")
    for index, name in enumerate(targets if isinstance(targets, list) else ()):
        if str(name).rpartition(".")[2] not in CUT:
            message = f"{name} is not cut among devices, and an adapter to it was not seen"
            yield ("method", "targets", index), message, f"leave it out, or {FSDP}"


def _method(get: Get) -> Iterator[Refused]:
    kind = get("method", "type")
    if kind is not None and kind not in METHODS:
        cure = "write `method: {type: lora}`, or `strategy: ddp`"
        yield ("method", "type"), f"method `{kind}` was not seen to train in parts", cure
    if get("method", "quantize") is not None:
        message = "weights in 4 bits cannot be taken apart and put together"
        yield ("method", "quantize"), message, "leave out `quantize`: parts are small already"
    if kind == "lora" and get("method", "init") not in (None, *_INITS):
        message = f"init `{get('method', 'init')}` changes the weights that it is computed from, "
        message += "which the first process alone holds"
        yield ("method", "init"), message, "leave out `init`"


def _learned(get: Get) -> Iterator[Refused]:
    kind, task = get("objective", "type"), get("task", "type")
    if kind not in (None, "sft"):
        message = f"objective `{kind}` was not seen to train a model in parts"
        yield ("objective", "type"), message, "write `strategy: ddp`"
    elif task in (*HEADED, "embed", "prefer") or get("head") is not None:
        message = f"task `{task}` was not seen to train a model in parts"
        yield ("task", "type"), message, "write `strategy: ddp`"
