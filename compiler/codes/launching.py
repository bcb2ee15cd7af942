"""Launchers and sweeps: what starts the processes, and which experiments there are."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV620": (
        "key of another launcher",
        "`hardware.restarts`, `hardware.slurm` or `hardware.ray` is given, and the launcher reads "
        "no such key.",
        "Lightning's own launcher starts nothing again, and only Slurm is asked for a partition. "
        "The key would do nothing.",
        "hardware: {profile: cpu, restarts: 3}\n",
        "hardware: {profile: cpu, launcher: torchrun, restarts: 3}\n",
    ),
    "NV621": (
        "time of a job that is shorter than its warning",
        "`hardware.slurm.time` is no more than twice `stop_before`.",
        "The job is told to stop `stop_before` seconds ahead of its end. It would hardly have "
        "begun, and go back into the queue again and again.",
        'hardware: {profile: cpu, launcher: slurm, slurm: {time: "00:03:00"}}\n',
        'hardware: {profile: cpu, launcher: slurm, slurm: {time: "04:00:00"}}\n',
    ),
    "NV644": (
        "prompting that Ray's workers do not do",
        "`launcher: ray` is given at level prompt, and no local model writes answers.",
        "Each worker has a model of its own and writes answers. Probabilities of labels are read "
        "in one process, and an endpoint is asked many things at once as it is.",
        "level: prompt\ntask: {type: classify, labels: [a, b], input: '{{ text }}'}\n"
        "hardware: {profile: cpu, launcher: ray}\n",
        "level: prompt\ntask: {type: generate, input: '{{ text }}'}\n"
        "hardware: {profile: cpu, launcher: ray}\n",
    ),
    "NV645": (
        "kind of GPU for workers without one",
        "`hardware.ray.gpu_type` is given, and the hardware computes on the CPU.",
        "The workers would wait for nodes with a GPU that they do not use.",
        "hardware: {profile: cpu, launcher: ray, ray: {gpu_type: A100}}\n",
        "hardware: {profile: cuda, launcher: ray, ray: {gpu_type: A100}}\n",
    ),
    "NV646": (
        "resource that Ray counts itself",
        "`hardware.ray.resources` names `CPU`, `GPU` or memory.",
        "CPUs are `cpus`, and there is a GPU for every device. Named twice, a worker would take "
        "twice as much.",
        "hardware: {profile: cpu, launcher: ray, ray: {resources: {CPU: 4}}}\n",
        "hardware: {profile: cpu, launcher: ray, ray: {cpus: 4}}\n",
    ),
    "NV658": (
        "search that never begins",
        "A sweep of type `optuna` draws at random as many trials as it has, or more.",
        "The sampler chooses from what came of the first draws. With no trial left after them it "
        "chooses nothing.",
        "sweep: {type: optuna, trials: 10, metric: accuracy, over: "
        "{train.learning_rate: {from: 1e-5, to: 1e-3}}}\n",
        "sweep: {type: optuna, trials: 30, metric: accuracy, over: "
        "{train.learning_rate: {from: 1e-5, to: 1e-3}}}\n",
    ),
    "NV659": (
        "sweep ranked by what is not measured",
        "`sweep.metric` names a number that no trial of the sweep has in its result.",
        "The trials could not be ranked, and a search would have nothing to go by. That would be "
        "seen only when all of them have run.",
        "sweep: {type: grid, metric: validation.best_loss, over: {seed: [1, 2]}}\n",
        "sweep: {type: grid, metric: accuracy, over: {seed: [1, 2]}}\n",
    ),
    "NV670": (
        "range that gives no values",
        "A range of `sweep.over` does not run upwards, has no number above 0 for its ratios or no "
        "whole one where those are asked for, or is one of a grid that does not say how many "
        "values it takes.",
        "Which values are tried would be a guess.",
        "sweep: {type: grid, over: {train.learning_rate: {from: 1e-5, to: 1e-3}}}\n",
        "sweep: {type: grid, over: {train.learning_rate: {from: 1e-5, to: 1e-3, count: 3}}}\n",
    ),
    "NV671": (
        "field that cannot be varied",
        "`sweep.over` names a field that says which spec this is.",
        "Trials are named after their values, and are compared with one another: they are one "
        "experiment, at one level.",
        "sweep: {type: grid, over: {name: [one, two]}}\n",
        "sweep: {type: grid, over: {seed: [1, 2]}}\n",
    ),
    "NV672": (
        "value that is tried twice, or too many trials",
        "A list of `sweep.over` has a value twice, or a grid has more than 1,000 combinations.",
        "Each trial is a run of its own: the same one twice costs twice and says nothing more.",
        "sweep: {type: grid, over: {seed: [1, 2, 1]}}\n",
        "sweep: {type: grid, over: {seed: [1, 2]}}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
