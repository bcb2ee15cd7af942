"""Services that metrics are sent to: named, and never placed, by a spec."""

from __future__ import annotations

from collections.abc import Iterator

from ..diagnostics import Diagnostic
from ..track import PLAIN, SERVICES
from ..words import show
from .base import Context, error, rule

PLACES = {"mlflow": "MLFLOW_TRACKING_URI", "wandb": "WANDB_BASE_URL and WANDB_ENTITY"}


@rule("NV661", "place in the name of a project or experiment")
def check_names(context: Context) -> Iterator[Diagnostic]:
    """A name is a name: no place, no account, no path."""
    for service, within in SERVICES.items():
        for key in (within, "name"):
            said = context.get("track", service, key)
            if isinstance(said, str) and not PLAIN.match(said):
                message = (
                    f"{show(said)} is no plain name: letters, digits, blanks and `-_.`, at most "
                    f"120; where metrics go is said by {PLACES[service]} in the environment"
                )
                where = context.where("track", service, key)
                yield error("NV661", message, where, "write a plain name, such as `tickets`")


@rule("NV662", "tracking of a talk")
def check_talk(context: Context) -> Iterator[Diagnostic]:
    """A talk at level prompt is no run."""
    if context.level == "prompt" and context.get("task", "type") == "chat" and context.has("track"):
        message = "a talk is not measured and leaves no run, so `track` would send nothing"
        yield error("NV662", message, context.key("track"), "remove `track`")
