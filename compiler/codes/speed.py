"""Ways to train faster or smaller, and what they do not go with."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV300": (
        "packing where rows cannot be joined",
        "`train.packing` is true, and what is trained is not plain rows of a causal model.",
        "A soft prompt stands before each row, and so has no place inside a sequence of several; "
        "pairs and classes need each answer by itself.",
        "method: {type: prompt, num_virtual_tokens: 8}\n"
        "train: {epochs: 3, batch: 16, learning_rate: 2e-4, packing: true}\n",
        "method: {type: lora}\ntrain: {epochs: 3, batch: 16, learning_rate: 2e-4, packing: true}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
