"""Learning which answers are better: objectives, their options and their rows."""

from __future__ import annotations

_PAIRS = "data:\n  train: {builtin: python-docs-pairs, split: train}\n"
_PAIRS += "  test: {builtin: python-docs-pairs, split: test}\n"
_TASK = "task: {type: prefer}\n"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV397": (
        "objective that does not go with the task, the method or its own options",
        "Task `prefer` is given without one of its objectives, or one of these without the task; "
        "or an option is given that the loss does not read, or missing that it needs; or the "
        "teacher of `distill` is the model itself, with all the weight on it.",
        "Judged answers are learned by comparing them, and one right answer has nothing to be "
        "compared with. An option that is not read would be ignored.",
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
