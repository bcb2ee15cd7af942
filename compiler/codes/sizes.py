"""Sizes: how those of a new model are said."""

from __future__ import annotations

_MODEL = (
    "model: {{architecture: {0}, hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, "
    "intermediate_size: 128{1}}}\n"
)

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV680": (
        "new model without sizes",
        "At level pretrain the model has neither all sizes nor a `preset` nor a `budget`.",
        "Nothing stands in for a size: it is the experiment.",
        "level: pretrain\nmodel: {architecture: llama, hidden_size: 64}\n",
        "level: pretrain\nmodel: {preset: llama-15m}\n",
    ),
    "NV681": (
        "sizes said twice",
        "Sizes, `preset` and `budget` stand beside one another, or a budget beside `train.tokens`.",
        "Each says the sizes, or the tokens; all but one would be ignored.",
        "level: pretrain\nmodel: {preset: llama-15m, hidden_size: 64}\n",
        "level: pretrain\nmodel: {preset: llama-15m}\n",
    ),
    "NV682": (
        "training without a number that only the spec can say",
        "`train` lacks tokens, batch or learning rate, and no `model.budget` gives them; its rate "
        "is AdamW's, so another optimizer needs its own.",
        "How much, in which batches and how fast is the experiment.",
        "level: pretrain\ntrain: {tokens: 65536, batch: 8, sequence_length: 64}\n",
        "level: pretrain\n"
        "train: {tokens: 65536, batch: 8, sequence_length: 64, learning_rate: 0.001}\n",
    ),
    "NV683": (
        "budget that buys nothing",
        "`model.budget` names hours of no device, a device without hours, or too little.",
        "Sizes and tokens are computed from operations; hours of a device are turned into them.",
        "level: pretrain\nmodel: {architecture: llama, budget: {gpu_hours: 8}}\n"
        "train: {sequence_length: 64}\n",
        "level: pretrain\nmodel: {architecture: llama, budget: {gpu_hours: 0.001, device: h100}}\n"
        "train: {sequence_length: 64}\n",
    ),
    "NV684": (
        "size that the architecture does not have",
        "`num_key_value_heads`, `head_dim` or `rope_theta` is given for a family without it.",
        "The key would be kept in the model's configuration and read by nothing.",
        "level: pretrain\n" + _MODEL.format("gpt2", ", num_key_value_heads: 2"),
        "level: pretrain\n" + _MODEL.format("llama", ", num_key_value_heads: 2"),
    ),
}
"""Code -> title, what, why, bad example, good example."""
