"""Heads: what a new layer on a pretrained model goes with, and rows that it can learn."""

from __future__ import annotations

_HEAD = "head: {type: native}\n"
_TAG = "task: {type: tag, labels: [O, B-PER, I-PER]}\n"
_FILES = "data:\n  train: {path: words.jsonl}\n  test: {path: words-test.jsonl}\n"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV601": (
        "head of a model that writes",
        "`head` is given, but the task is answered in words.",
        "A head takes the place of the layer that writes them.",
        f'task: {{type: generate, input: "{{{{ text }}}}"}}\n{_HEAD}',
        'task: {type: generate, input: "{{ text }}"}\n',
    ),
    "NV602": (
        "method that trains a head where there is none",
        "`method: {type: head}` is given, but neither `head` nor a task that has one.",
        "Nothing would be trained.",
        "method: {type: head}\n",
        f"method: {{type: head}}\n{_HEAD}",
    ),
    "NV603": (
        "method that no head is trained with",
        "A soft prompt, AdaLoRA or 4-bit weights are to be used for a model with a head.",
        "These are made for models that write, and were not seen to train a head.",
        f"method: {{type: prompt, num_virtual_tokens: 8}}\n{_HEAD}",
        f"method: {{type: lora}}\n{_HEAD}",
    ),
    "NV604": (
        "setting of a model that writes, beside a head",
        "`objective`, `task.scoring`, `evaluate.next_word` or `train.packing` is given for a model "
        "with a head.",
        "A head gives labels or numbers, and no token is learned or scored: the key would be "
        "ignored.",
        f"objective: {{type: sft}}\n{_HEAD}",
        _HEAD,
    ),
    "NV605": (
        "entities of labels that name none",
        "`entity_f1` is to be measured, but the labels are not `O`, `B-KIND` and `I-KIND`.",
        "An entity is a stretch of words, and only such labels say where one begins and ends.",
        f"{_FILES}task: {{type: tag, labels: [O, B-PER, PER]}}\n"
        "evaluate: {metrics: [entity_f1]}\n",
        f"{_FILES}{_TAG}evaluate: {{metrics: [entity_f1]}}\n",
    ),
    "NV606": (
        "rows that hold no lists of words and labels",
        "Task `tag` reads a list of words and a list of as many labels from each row.",
        "Where one word ends and the next begins is for the data to say.",
        _TAG,
        f"{_FILES}{_TAG}",
    ),
}
"""Code -> title, what, why, bad example, good example."""
