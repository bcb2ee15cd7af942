"""Hardware: what the machine named cannot do."""

from __future__ import annotations

_LARGE = """\
# nivel plan spec.yaml
level: pretrain
model:
  architecture: llama
  hidden_size: 1024
  num_hidden_layers: 24
  num_attention_heads: 16
  intermediate_size: 2816
tokenizer: {{type: byte-bpe, vocab_size: 32000}}
train: {{tokens: 26214400, batch: 64, sequence_length: 1024, learning_rate: 3e-4}}
hardware: {{profile: {}}}
"""

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV401": (
        "several devices to prompt",
        "Level prompt is to run on more than one device, and not under Ray.",
        "Prompting runs in one process; the others would do nothing. Ray's workers each have a "
        "model of their own.",
        "level: prompt\nhardware: {accelerator: cuda, devices: 2}\n",
        "level: prompt\nhardware: {accelerator: cuda, devices: 1}\n",
    ),
    "NV402": (
        "more CPU threads than any machine has",
        "`hardware.threads` is over 1024.",
        "Threads beyond the cores slow each other down.",
        "hardware: {accelerator: cpu, threads: 20000}\n",
        "hardware: {accelerator: cpu, threads: 2}\n",
    ),
    "NV406": (
        "activation checkpointing before learned positions",
        "`hardware.activation_checkpointing` is true, and there is a soft prompt or a head.",
        "Learned positions are given to the model as its past, and a block that is computed again "
        "has none: it would learn without them.",
        "method: {type: prompt, num_virtual_tokens: 8}\n"
        "hardware: {profile: cpu, activation_checkpointing: true}\n",
        "method: {type: lora}\nhardware: {profile: cpu, activation_checkpointing: true}\n",
    ),
    "NV403": (
        "profile and accelerator that disagree",
        "The map says one thing by its profile and another by its accelerator.",
        "Taking either would be a guess.",
        "hardware: {profile: cpu, accelerator: cuda}\n",
        "hardware: {profile: cuda, precision: fp32}\n",
    ),
    "NV404": (
        "hardware of no known name",
        "The profile is not built in, not in the catalog of devices, and not in hardware.yaml.",
        "What a device holds and costs would be a guess.",
        "hardware: h101x8\n",
        "hardware: h100x8\n",
    ),
    "NV405": (
        "model that does not fit the device",
        "By the closed forms of docs/planning.md, training needs more memory than a device has. It "
        "is an error where even the lowest figure does not fit, and a warning where the highest "
        "does not. Rows are taken to be as long as they may be.",
        "It would be paid for until the first step, and end there. The change that is named is the "
        "first that fits: a smaller micro-batch, blocks computed again, a model in parts, an "
        "adapter, 4 bits.",
        _LARGE.format("rtx4090, micro_batch: 64"),
        _LARGE.format("rtx4090, micro_batch: 2"),
    ),
}
"""Code -> title, what, why, bad example, good example."""
