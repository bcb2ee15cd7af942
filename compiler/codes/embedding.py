"""Models that give texts vectors."""

from __future__ import annotations

_PAIRS = "data:\n  train: {builtin: python-docs-pairs, split: train}\n"
_PAIRS += "  test: {builtin: python-docs-pairs, split: test}\n"
_COLUMNS = "  columns: {anchor: prompt, positive: chosen}\n"
_TASK = "task: {type: embed}\n"
_OBJECTIVE = "objective: {type: contrastive}\n"
_WHOLE = f"{_PAIRS}{_COLUMNS}{_TASK}{_OBJECTIVE}"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV610": (
        "task and objective of which only one gives vectors",
        "Task `embed` is given without objective `contrastive`, or the objective without the task.",
        "Vectors are learned by telling texts apart. Other objectives learn tokens, and other "
        "tasks are answered by words, labels or numbers.",
        f"{_PAIRS}{_COLUMNS}{_TASK}",
        _WHOLE,
    ),
    "NV611": (
        "method that trains no vectors",
        "A soft prompt, AdaLoRA or 4-bit weights are to be used for task `embed`.",
        "These are made for models that write, and were not seen to train vectors.",
        f"{_WHOLE}method: {{type: prompt, num_virtual_tokens: 8}}\n",
        f"{_WHOLE}method: {{type: lora}}\n",
    ),
    "NV612": (
        "columns of rows that hold texts to be drawn together",
        "`data.columns` of task `embed` lacks `anchor` or `positive`, or names something beside "
        "these and `negative`.",
        "A row holds a text and what belongs to it; a column that nothing reads would be ignored.",
        f"{_PAIRS}  columns: {{anchor: prompt, text: chosen}}\n{_TASK}{_OBJECTIVE}",
        _WHOLE,
    ),
    "NV613": (
        "batch without negatives",
        "`train.batch` is 1 for task `embed`, and no column of negatives is named.",
        "Each anchor is told apart from the other rows of its batch. Alone it is always right, the "
        "loss is 0, and nothing is learned.",
        f"{_WHOLE}train: {{epochs: 1, batch: 1, learning_rate: 2e-4}}\n",
        f"{_WHOLE}train: {{epochs: 1, batch: 32, learning_rate: 2e-4}}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
