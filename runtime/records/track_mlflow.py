"""Metrics to MLflow: to the server, or into the store, that the environment names."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import RunError
from ..extras import find_extra, load_extra
from .sending import About, Service, Session

PLACE = "MLFLOW_TRACKING_URI"
KEY = "nivel.run"
"""Tag by which a run that goes on is found again."""

AT_ONCE = 100
"""Settings in one request, which is what servers take."""

_STATUS = {"completed": "FINISHED", "failed": "FAILED"}


@dataclass(frozen=True, slots=True)
class MLflow(Service):
    """An experiment of MLflow, made if it is new. `name` is that of the run there."""

    experiment: str
    name: str | None = None

    @property
    def title(self) -> str:
        return "mlflow"

    def check(self) -> None:
        """See that the package is there, and that the environment says where to send.

        Raises:
            ExtraError: the package is not installed.
            RunError: the environment names no place.
        """
        find_extra("mlflow", "mlflow", who="track.mlflow")
        if not os.environ.get(PLACE):
            raise RunError(
                f"track.mlflow: {PLACE} is not set, and a spec does not say where metrics go",
                f"export {PLACE}=http://localhost:5000, say, or remove `track.mlflow`",
            )

    def open(self, about: About) -> Session:
        """Begin a run, or go on with that of the same key; the settings are its parameters."""
        client: Any = load_extra("mlflow.tracking", "mlflow", who="track.mlflow").MlflowClient(
            tracking_uri=os.environ[PLACE]
        )
        known = client.get_experiment_by_name(self.experiment)
        experiment = known.experiment_id if known else client.create_experiment(self.experiment)
        run_id = _earlier(client, experiment, about) if about.again else None
        if run_id is None:
            tags = {KEY: about.key}
            made = client.create_run(experiment, tags=tags, run_name=self.name or about.title)
            run_id = made.info.run_id
            _set(client, run_id, about.settings)
        else:
            client.update_run(run_id, status="RUNNING")
        return _Session(client, run_id)


def _earlier(client: Any, experiment: str, about: About) -> str | None:
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{about.key}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def _set(client: Any, run_id: str, settings: Mapping[str, Any]) -> None:
    from mlflow.entities import Param

    params = [Param(name, str(value)) for name, value in settings.items()]
    for first in range(0, len(params), AT_ONCE):
        client.log_batch(run_id, params=params[first : first + AT_ONCE])


class _Session:
    def __init__(self, client: Any, run_id: str) -> None:
        self.client, self.run_id = client, run_id
        self._step = 0

    def add(self, line: Mapping[str, Any]) -> None:
        self._step = int(line["step"])
        self._send({name: one for name, one in line.items() if name not in ("step", "seconds")})

    def close(self, status: str, found: Mapping[str, float]) -> None:
        self._send(found)
        self.client.set_terminated(self.run_id, _STATUS.get(status, "KILLED"))

    def _send(self, numbers: Mapping[str, Any]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        metrics = [
            Metric(name, float(one), now, self._step)
            for name, one in numbers.items()
            if isinstance(one, int | float)
        ]
        if metrics:
            self.client.log_batch(self.run_id, metrics=metrics)
