"""Hardware: what the machine named cannot do."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV401": (
        "several devices to prompt",
        "Level prompt is to run on more than one device.",
        "Prompting runs in one process; the others would do nothing.",
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
    "NV404": (
        "activation checkpointing before learned positions",
        "`hardware.activation_checkpointing` is true, and the method is a soft prompt, or there is a "
        "head.",
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
}
"""Code -> title, what, why, bad example, good example."""
