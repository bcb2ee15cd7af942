"""Mixtures of experts."""

from __future__ import annotations

_SIZES = "hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 128"
_MODEL = "level: pretrain\nmodel: {{architecture: {0}, " + _SIZES + "{1}}}\n"
_MIXTURE = _MODEL.format("olmoe", ", num_experts: 8, num_experts_per_tok: 2")
_TRAIN = "train: {{tokens: 65536, batch: 8, sequence_length: 64, learning_rate: 0.001{0}}}\n"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV685": (
        "more experts for a token than there are",
        "`num_experts_per_tok` is larger than `num_experts`.",
        "A router takes the best of the experts that are there.",
        _MODEL.format("olmoe", ", num_experts: 4, num_experts_per_tok: 8"),
        _MODEL.format("olmoe", ", num_experts: 8, num_experts_per_tok: 4"),
    ),
    "NV686": (
        "budget of a mixture of experts",
        "`model.budget` stands beside a family with experts.",
        "The laws that turn operations into sizes were fitted on models without experts.",
        "level: pretrain\nmodel: {architecture: olmoe, budget: {flops: 1e15}}\n"
        "train: {sequence_length: 64}\n",
        "level: pretrain\nmodel: {architecture: llama, budget: {flops: 1e15}}\n"
        "train: {sequence_length: 64}\n",
    ),
    "NV687": (
        "loss of a router that is not there",
        "`train.router_z_loss` is given for a family without experts.",
        "Without experts nothing is chosen, and the key would do nothing.",
        _MODEL.format("llama", "") + _TRAIN.format(", router_z_loss: 0.001"),
        _MIXTURE + _TRAIN.format(", router_z_loss: 0.001"),
    ),
    "NV688": (
        "speed that a mixture of experts was not seen with",
        "`hardware.compile` or other kernels than torch's stand beside experts.",
        "How many tokens an expert has is known only when it has them, so sizes differ at every "
        "step.",
        _MIXTURE + "hardware: {accelerator: cpu, compile: true}\n",
        _MIXTURE + "hardware: {accelerator: cpu, compile: false}\n",
    ),
    "NV689": (
        "Muon and experts",
        "`train.optimizer` is Muon, and the model is a mixture of experts.",
        "Muon makes a matrix orthogonal; the experts of a block are many matrices in one tensor.",
        _MIXTURE + _TRAIN.format(", optimizer: {type: muon}"),
        _MIXTURE + _TRAIN.format(", optimizer: {type: adamw}"),
    ),
}
"""Code -> title, what, why, bad example, good example."""
