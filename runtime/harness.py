"""Tasks of lm-eval, run on the model that an experiment made.

A task is a name that lm-eval knows, or a task file of the project in lm-eval's own form. Such a
file is a stranger's: it may hold no code, its rows are read from the project, and its templates are
rendered in a sandbox, as all templates are.
"""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from .data.rows import read_values
from .data.sandbox import Sandbox
from .errors import DataError, RunError
from .extras import load_extra
from .paths import inside_project, write_atomically
from .records import Run
from .records.numbers import with_error

__all__ = ["ask_lm_eval", "find_lm_eval"]

FILE = "lm_eval.json"
"""In the run's folder: what was measured, which `nivel compare` reads."""

KEYS = frozenset((
    "task", "task_alias", "dataset_path", "dataset_kwargs", "training_split", "validation_split",
    "test_split", "fewshot_split", "output_type", "doc_to_text", "doc_to_target", "doc_to_choice",
    "description", "target_delimiter", "fewshot_delimiter", "num_fewshot", "generation_kwargs",
    "metric_list", "repeats", "metadata",
))  # fmt: skip
"""What a task file of the project may say; the rest of lm-eval's keys name code or its data."""

METRICS = frozenset(("acc", "acc_norm", "exact_match", "perplexity", "word_perplexity",
                     "byte_perplexity", "bits_per_byte"))  # fmt: skip
"""Measures that lm-eval holds itself; others it would fetch, with their code."""

GENERATION = frozenset(("until", "max_gen_toks", "do_sample", "temperature", "top_p", "top_k"))
"""How answers may be written; Transformers would fetch code for others."""

AT_ONCE = 8
"""Requests that the model reads at once."""

RESAMPLES = 1000
"""Of the bootstrap, for measures whose standard error has no closed form."""


def find_lm_eval(tasks: Sequence[str]) -> list[Any]:
    """Return what lm-eval is to run, before anything is trained: names, and files that were read.

    Args:
        tasks: names, or paths in the project that end in `.yaml`.

    Raises:
        ExtraError: lm-eval is not installed.
        RunError: it knows no task of a name.
        DataError: a task file cannot be read, or says what it may not.
    """
    named = [name for name in tasks if not name.endswith((".yaml", ".yml"))]
    known = set(_manager(defaults=bool(named)).all_tasks)
    strange = [name for name in named if name not in known]
    if strange:
        raise RunError(f"lm-eval knows no task {strange[0]!r}", "see `lm-eval ls tasks`")
    return [name if name in named else _task_of(name) for name in tasks]


def _manager(*, defaults: bool) -> Any:
    """Return lm-eval's list of tasks, with or without those that it brings: some 12,000 files.

    Raises:
        ExtraError: lm-eval is not installed.
    """
    tasks = load_extra("lm_eval.tasks", "lm-eval", who="evaluate.lm_eval")
    return tasks.TaskManager(include_defaults=defaults)


def ask_lm_eval(
    run: Run, model: Any, tokenizer: Any, tasks: Sequence[Any], *, device: str, seed: int
) -> None:
    """Run tasks on the model, write what was measured to `lm_eval.json`, and print it.

    Args:
        tasks: of :func:`find_lm_eval`.
        seed: of the examples that are shown, and of the bootstrap.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    evaluator = importlib.import_module("lm_eval.evaluator")
    wrapper = importlib.import_module("lm_eval.models.huggingface").HFLM
    utils: Any = importlib.import_module("lm_eval.utils")
    model.to(device).eval()
    seeds = ("random_seed", "numpy_random_seed", "torch_random_seed", "fewshot_random_seed")
    found: dict[str, Any] = {}
    for kind, templates in ((str, utils.env), (dict, _sandbox(utils))):
        chosen = [task for task in tasks if isinstance(task, kind)]
        if not chosen:
            continue
        utils.env = templates  # what lm-eval brings may use more than what a stranger may
        raw = evaluator.simple_evaluate(
            model=wrapper(pretrained=model, tokenizer=tokenizer, batch_size=AT_ONCE),
            tasks=chosen,
            task_manager=_manager(defaults=kind is str),
            bootstrap_iters=RESAMPLES,
            log_samples=False,
            **dict.fromkeys(seeds, seed),
        )
        found |= {name: _measured(name, raw) for name in raw["results"]}
    with write_atomically(run.folder / FILE) as temporary:
        temporary.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", "utf-8")
    for name, one in found.items():
        for metric, said in one["metrics"].items():
            print(f"lm-eval {name}: {metric} {with_error(said)} on {one['rows']} rows", flush=True)


def _measured(name: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return the measures of one task: {metric: {value, stderr}}; a filter stands in brackets."""
    metrics: dict[str, Any] = {}
    for key, value in raw["results"][name].items():
        metric, _, filtered = key.partition(",")
        if not filtered or metric.endswith("_stderr") or not isinstance(value, (int, float)):
            continue
        error = raw["results"][name].get(f"{metric}_stderr,{filtered}")
        shown = metric if filtered == "none" else f"{metric} ({filtered})"
        stderr = float(error) if isinstance(error, (int, float)) else None
        metrics[shown] = {"value": float(value), "stderr": stderr}
    counts = raw.get("n-samples", {}).get(name, {})
    return {
        "metrics": metrics,
        "rows": counts.get("effective"),
        "shots": raw.get("n-shot", {}).get(name),
        "version": raw.get("versions", {}).get(name),
    }


def _sandbox(utils: Any) -> Sandbox:
    """Return what renders templates of a project, with what lm-eval's own are used to."""
    sandbox = Sandbox()
    sandbox.keep_trailing_newline = True
    sandbox.filters["regex_replace"] = utils.regex_replace
    return sandbox


def _task_of(path: str) -> dict[str, Any]:
    """Return the task of a file of the project, with its rows in place of where they are."""
    file = inside_project(path, DataError)
    try:
        said = yaml.safe_load(file.read_text("utf-8"))  # which makes of no tag a call
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        first = str(error).strip().partition("\n")[0]
        raise DataError(f"{path}: cannot be read as a task: {first}") from error
    refuse_task(path, said)
    files = said.pop("dataset_kwargs")["data_files"]
    splits = files if isinstance(files, dict) else {"train": files}
    said.pop("dataset_path")
    rows = {str(name): _rows(str(one)) for name, one in splits.items()}
    said["custom_dataset"] = lambda **_: rows
    return dict(said)


def _rows(path: str) -> Any:
    dataset = importlib.import_module("datasets").Dataset
    return dataset.from_list([values for _, values in read_values(None, path, None)])


def refuse_task(path: str, said: Any) -> None:
    """Refuse a task file that says what lm-eval would run or fetch.

    Raises:
        DataError: it names the key.
    """
    if not isinstance(said, dict) or not isinstance(said.get("task"), str):
        raise DataError(f"{path}: is no task of lm-eval", "it needs a `task:`, the task's name")
    strange = sorted(map(str, set(said) - KEYS))
    if strange:
        raise DataError(f"{path}: `{strange[0]}` is not read of a task file of the project",
                        "take it out")  # fmt: skip
    kwargs, metrics = said.get("dataset_kwargs"), said.get("metric_list") or []
    files = kwargs.get("data_files") if isinstance(kwargs, dict) and len(kwargs) == 1 else None
    if said.get("dataset_path") not in ("json", "csv") or not isinstance(files, (str, dict)):
        raise DataError(
            f"{path}: its rows are to be of a file of the project",
            "write `dataset_path: json` and `dataset_kwargs: {data_files: {test: rows.jsonl}}`",
        )
    generation = said.get("generation_kwargs") or {}
    if not isinstance(generation, dict) or set(generation) - GENERATION:
        raise DataError(f"{path}: `generation_kwargs` says what is not read here",
                        f"choose from {', '.join(sorted(GENERATION))}")  # fmt: skip
    for one in metrics if isinstance(metrics, list) else [None]:
        name = one.get("metric") if isinstance(one, dict) else None
        plain = isinstance(one, dict) and set(one) <= {"metric", "aggregation", "higher_is_better"}
        if name not in METRICS or not plain:
            raise DataError(f"{path}: no measure {name!r}, or not so",
                            f"choose from {', '.join(sorted(METRICS))}")  # fmt: skip
