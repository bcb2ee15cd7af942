"""Rows to tune on: conversations, their format and their template."""

from __future__ import annotations

_TALK = "task: {type: chat}\n"
_TEST = "  test: {builtin: python-docs, split: test}\n"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV316": (
        "rows of different formats",
        "A file of conversations has rows that are recognised as one format and as another.",
        "Rows that are read in the wrong way teach the wrong thing, and nobody would see it.",
        f"data:\n  train: {{path: mixed.jsonl}}\n{_TEST}{_TALK}",
        f"data:\n  train: {{path: talks.jsonl}}\n{_TEST}{_TALK}",
    ),
    "NV317": (
        "rows of no known format",
        "The rows have the keys of no format of conversations; or, for task `prefer`, hold no "
        "judged answers.",
        "There is nothing that says who asks and who answers, or which answer is better.",
        f"data:\n  train: {{path: talks.jsonl}}\n{_TEST}"
        f"  columns: {{text: question, label: reply}}\n{_TALK}".replace("talks", "asked"),
        f"data:\n  train: {{path: asked.jsonl}}\n  test: {{path: asked-test.jsonl}}\n"
        f"  columns: {{text: question, label: answer}}\n{_TALK}",
    ),
    "NV318": (
        "rows of several formats at once",
        "The rows of a file have the keys of two formats, such as `messages` and `prompt`.",
        "Which of them is meant is for the writer to say: `data.format`.",
        f"data:\n  train: {{path: both.jsonl}}\n{_TEST}{_TALK}",
        "data:\n  train: {path: both.jsonl}\n  test: {path: talks.jsonl}\n  format: messages\n"
        f"{_TALK}",
    ),
    "NV319": (
        "rows for learning a preference",
        "The rows hold a chosen and a rejected answer, or answers with a verdict.",
        "Supervised learning takes every answer as right, the bad ones too.",
        f"data:\n  train: {{path: judged.jsonl}}\n{_TEST}{_TALK}",
        f"data:\n  train: {{path: talks.jsonl}}\n{_TEST}{_TALK}",
    ),
    "NV338": (
        "format of rows that a template reads",
        "`data.format` is given, but the task reads columns by its `input`, or rows of another "
        "format.",
        "The key would be ignored, or the rows not be read.",
        f"data:\n  train: {{builtin: python-docs, split: train}}\n{_TEST}  format: alpaca\n",
        f"data:\n  train: {{builtin: python-docs, split: train}}\n{_TEST}",
    ),
    "NV339": (
        "balance without labels",
        "`balance` is given, but the task has no `labels`.",
        "Balanced means equally many rows of each label.",
        "data:\n  train: {builtin: python-docs, split: train, limit: 16, balance: true}\n"
        f"{_TEST}{_TALK}",
        f"data:\n  train: {{builtin: python-docs, split: train, limit: 16}}\n{_TEST}{_TALK}",
    ),
    "NV309": (
        "chat template that cannot be read",
        "`model.chat_template` names no file inside the project.",
        "The run would end before it began.",
        f"model: {{path: org/name, chat_template: no-such-file.jinja}}\n{_TALK}",
        f"model: {{path: org/name, chat_template: chatml.jinja}}\n{_TALK}",
    ),
}
"""Code -> title, what, why, bad example, good example."""
