"""Learning which answers are better: objectives, their options and their rows."""

from __future__ import annotations

_PAIRS = "data:\n  train: {builtin: python-docs-pairs, split: train}\n"
_PAIRS += "  test: {builtin: python-docs-pairs, split: test}\n"
_TASK = "task: {type: prefer}\n"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV333": (
        "objective that does not go with the task or the method",
        "Task `prefer` is given without one of its objectives, one of these without the task, or "
        "with a method that it is not offered with.",
        "Judged answers are learned by comparing them; one right answer has nothing to be "
        "compared with.",
        f"{_PAIRS}{_TASK}objective: {{type: sft}}\n",
        f"{_PAIRS}{_TASK}objective: {{type: dpo}}\n",
    ),
    "NV397": (
        "options of an objective that do not go together",
        "An option is given that the loss does not read, or one is missing that it needs.",
        "The key would be ignored, or the loss not be defined.",
        f"{_PAIRS}{_TASK}objective: {{type: dpo, loss_type: ipo, label_smoothing: 0.1}}\n",
        f"{_PAIRS}{_TASK}objective: {{type: dpo, loss_type: robust, label_smoothing: 0.1}}\n",
    ),
    "NV398": (
        "columns of rows that no template reads",
        "`data.columns` is given, but task `prefer` finds answers by the rows' own keys.",
        "The key would be ignored.",
        f"{_PAIRS}  columns: {{text: prompt, label: chosen}}\n{_TASK}objective: {{type: dpo}}\n",
        f"{_PAIRS}{_TASK}objective: {{type: dpo}}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
