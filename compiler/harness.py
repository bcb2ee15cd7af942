"""Tasks of lm-eval, as a spec names them: by name, or by a task file of the project.

The runtime reads the files; that it takes the same keys, a test holds.
"""

from __future__ import annotations

from typing import Any

KEYS = (
    "task", "task_alias", "dataset_path", "dataset_kwargs", "training_split", "validation_split",
    "test_split", "fewshot_split", "output_type", "doc_to_text", "doc_to_target", "doc_to_choice",
    "description", "target_delimiter", "fewshot_delimiter", "num_fewshot", "generation_kwargs",
    "metric_list", "repeats", "metadata",
)  # fmt: skip
"""What a task file of the project may say."""


def files_of(said: Any) -> list[str]:
    """Return the files of rows that the content of a task file names."""
    kwargs = said.get("dataset_kwargs") if isinstance(said, dict) else None
    files = kwargs.get("data_files") if isinstance(kwargs, dict) else None
    named = list(files.values()) if isinstance(files, dict) else [files]
    return [one for one in named if isinstance(one, str)]


def is_file(name: str) -> bool:
    """Say whether a task is named by its file."""
    return name.endswith((".yaml", ".yml"))
