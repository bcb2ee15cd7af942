"""Workers of Ray: what they can answer, and what one may ask a cluster for."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..words import show
from .base import Context, error, rule
from .endpoints import asked_models, writes
from .hardware import machine_of

LAUNCHER = ("hardware", "launcher")
RAY = ("hardware", "ray")
_OWN = {
    "CPU": "cpus",
    "GPU": "devices",
    "memory": "a node with more of it",
    "object_store_memory": "a node with more of it",
}
"""What Ray itself counts, and the key that says it; for lack of one, what to do."""


@rule("NV644", "prompting that Ray's workers do not do")
def check_answers(context: Context) -> Iterator[Diagnostic]:
    """Workers answer for a model of their own; else there is nothing to give them."""
    if context.level != "prompt" or context.get(*LAUNCHER) != "ray":
        return
    kind = context.get("task", "type")
    if not context.sound("task") or kind is None:
        return
    if kind == "chat" or not writes(context):
        what = "a chat is one person's" if kind == "chat" else "probabilities are read"
        message = f"workers of Ray write answers, and here {what}"
        cure = "remove `launcher: ray`"
        if kind == "classify":
            cure = "write `scoring: generated` under `task`, or remove `launcher: ray`"
        yield error("NV644", message, context.where(*LAUNCHER), cure)
        return
    models = [model for _, model in asked_models(context)]
    if models and all("endpoint" in model for model in models):
        message = "every model is an endpoint, which this process asks many things at once"
        cure = "remove `launcher: ray`; `endpoint.concurrency` says how many are on the way"
        yield error("NV644", message, context.where(*LAUNCHER), cure)


@rule("NV645", "kind of GPU for workers without one")
def check_gpu(context: Context) -> Iterator[Diagnostic]:
    """A worker that computes on the CPU would wait for a GPU that it does not use."""
    said, machine = context.get(*RAY, "gpu_type"), machine_of(context)
    if said is None or machine is None or machine.accelerator != "cpu":
        return
    message = f"workers are to have a GPU {show(said)}, and the hardware computes on the CPU"
    cure = "remove `gpu_type`, or name hardware with GPUs"
    yield error("NV645", message, context.key(*RAY, "gpu_type"), cure)


@rule("NV646", "resource that Ray counts itself")
def check_resources(context: Context) -> Iterator[Diagnostic]:
    """CPUs and GPUs have keys of their own; asked for twice, a worker would take twice as much."""
    said = context.get(*RAY, "resources")
    for name in said if isinstance(said, dict) else ():
        if name in _OWN:
            use = f"`{_OWN[name]}`" if _OWN[name].isalpha() else _OWN[name]
            message = f"{show(name)} is counted by Ray itself, and is no resource of the cluster's"
            cure = f"remove it, and use {use}"
            yield error("NV646", message, context.key(*RAY, "resources", name), cure)
