"""Metrics to Weights & Biases, with the account and the key of the environment.

The library looks for settings in the folder that it is started in, which may be a stranger's
project: such a file could name another server, which would be sent the key. It is refused. Of the
machine and the code, which the library would send too, nothing is sent.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RunError
from ..extras import find_extra, load_extra
from .sending import About, Service, Session

HOME = "https://api.wandb.ai"
FOLDERS = ("wandb", ".wandb")
AT_HOME = ("offline", "dryrun", "disabled")
"""Values of WANDB_MODE with which nothing is sent."""


@dataclass(frozen=True, slots=True)
class Wandb(Service):
    """A project of Weights & Biases, made if it is new. `name` is that of the run there."""

    project: str
    name: str | None = None

    @property
    def title(self) -> str:
        return "wandb"

    def check(self) -> None:
        """See that the package and a key are there, and no settings of the project.

        Raises:
            ExtraError: the package is not installed.
            RunError: there is no key, or the project has settings of its own.
        """
        find_extra("wandb", "wandb", who="track.wandb")
        for folder in FOLDERS:
            if (Path(folder) / "settings").exists():
                raise RunError(
                    f"track.wandb: the project has settings in {folder}/settings, which could send "
                    "the key and the metrics elsewhere",
                    "remove the file; the environment (WANDB_...) says all there is to say",
                )
        if os.environ.get("WANDB_MODE") not in AT_HOME and not _has_key():
            raise RunError(
                "track.wandb: there is no key to send metrics with",
                "run `wandb login`, set WANDB_API_KEY, or WANDB_MODE=offline to send nothing yet",
            )

    def open(self, about: About) -> Session:
        """Begin a run, or go on with that of the same key; what is offline lies in its folder."""
        wandb = load_extra("wandb", "wandb", who="track.wandb")
        run = wandb.init(
            project=self.project,
            name=self.name or about.title,
            id=about.key.replace("/", "-")[-64:],
            resume="allow",
            config=dict(about.settings),
            dir=str(about.folder),
            settings=wandb.Settings(
                base_url=os.environ.get("WANDB_BASE_URL") or HOME,
                entity=os.environ.get("WANDB_ENTITY") or None,
                **_private(wandb.Settings.model_fields),
            ),
        )
        return _Session(run)


def _private(known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that keep machine, code and output at home; their names vary a little."""
    wanted: dict[str, Any] = {
        "console": "off",
        "silent": True,
        "host": "-",
        "disable_git": True,
        "disable_code": True,
        "disable_job_creation": True,
        "x_save_requirements": False,
        "x_disable_meta": True,
        "x_disable_stats": True,
        "x_disable_machine_info": True,
    }
    return {name: value for name, value in wanted.items() if name in known}


def _has_key() -> bool:
    """Say whether the environment, or the file that `wandb login` writes, has a key."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    from requests.utils import get_netrc_auth

    return get_netrc_auth(os.environ.get("WANDB_BASE_URL") or HOME) is not None


class _Session:
    def __init__(self, run: Any) -> None:
        self.run = run

    def add(self, line: Mapping[str, Any]) -> None:
        numbers = {name: one for name, one in line.items() if name != "step" and one is not None}
        self.run.log(numbers, step=int(line["step"]))

    def close(self, status: str, found: Mapping[str, float]) -> None:
        self.run.summary.update(dict(found))
        self.run.finish(exit_code=0 if status == "completed" else 1)
