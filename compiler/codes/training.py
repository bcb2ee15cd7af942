"""Schedules, optimizers and averages that do not go together."""

from __future__ import annotations

_ROWS = "epochs: 3, batch: 16, learning_rate: 2e-4"
_STABLE = "type: warmup-stable-decay"
_TEXT = "tokens: 102400, batch: 8, sequence_length: 128, learning_rate: 1e-3"
_FREE = "optimizer: {type: schedule-free}"
_CONSTANT = "schedule: {type: constant, warmup: 0.05}"
_PRETRAIN = "level: pretrain\n"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV630": (
        "warmup and decay longer than the run",
        "`warmup` and `decay` of a `warmup-stable-decay` schedule add up to more than 1.",
        "The rate would have to rise and fall in the same steps.",
        f"train: {{{_ROWS}, schedule: {{{_STABLE}, warmup: 0.5, decay: 0.6}}}}\n",
        f"train: {{{_ROWS}, schedule: {{{_STABLE}, warmup: 0.1, decay: 0.2}}}}\n",
    ),
    "NV631": (
        "schedule of an optimizer that has none",
        "Optimizer `schedule-free` stands beside a schedule that falls; left out, it is a cosine.",
        "Its average takes the place of a falling rate; with both, it would average steps that are "
        "hardly taken.",
        f"train: {{{_ROWS}, {_FREE}}}\n",
        f"train: {{{_ROWS}, {_FREE}, {_CONSTANT}}}\n",
    ),
    "NV632": (
        "Muon where it has nothing to train",
        "Optimizer `muon` is given for a method that trains no matrices of linear layers, or "
        "beside LoRA+'s `learning_rate_ratio`.",
        "Muon makes the momentum of a matrix orthogonal; a vector or a table has nothing of the "
        "kind, and the size of its steps is not that of AdamW's, which LoRA+ is made for.",
        f"method: {{type: ia3}}\ntrain: {{{_ROWS}, optimizer: {{type: muon}}}}\n",
        f"method: {{type: full}}\ntrain: {{{_ROWS}, optimizer: {{type: muon}}}}\n",
    ),
    "NV633": (
        "mean of weights beside another choice of weights",
        "`train.average` stands beside optimizer `schedule-free`, which makes an average; or a "
        "mean of checkpoints beside `use: best` or `early_stopping`.",
        "Which weights a run ends with is decided once.",
        f"{_PRETRAIN}train: {{{_TEXT}, {_FREE}, {_CONSTANT}, average: {{type: ema}}}}\n",
        f"{_PRETRAIN}train: {{{_TEXT}, average: {{type: ema, decay: 0.9}}}}\n",
    ),
    "NV634": (
        "mean of weights longer than the run",
        "`1 / (1 - decay)` of a moving average is more than half of the steps.",
        "The mean is then mostly the weights of the beginning, and worse than those of the end.",
        f"{_PRETRAIN}train: {{{_TEXT}, average: {{type: ema, decay: 0.999}}}}\n",
        f"{_PRETRAIN}train: {{{_TEXT}, average: {{type: ema, decay: 0.9}}}}\n",
    ),
    "NV635": (
        "roll-back of several processes",
        "`on_divergence: {type: roll-back}` is given for several devices.",
        "Going back starts the training again inside the program, and several processes would have "
        "to do so together.",
        f"train: {{{_ROWS}, on_divergence: {{type: roll-back}}}}\n"
        "hardware: {accelerator: cpu, devices: 2}\n",
        f"train: {{{_ROWS}, on_divergence: {{type: stop, spike: 3}}}}\n"
        "hardware: {accelerator: cpu, devices: 2}\n",
    ),
    "NV636": (
        "AdaLoRA beside an optimizer that uses gradients up",
        "Method `adalora` moves rank by the gradients of a step, and optimizer `schedule-free` "
        "overwrites them.",
        "Ranks would go where the overwritten numbers say.",
        f"method: {{type: adalora, tfinal: 1}}\ntrain: {{{_ROWS}, {_FREE}, {_CONSTANT}}}\n",
        f"method: {{type: lora}}\ntrain: {{{_ROWS}, {_FREE}, {_CONSTANT}}}\n",
    ),
    "NV637": (
        "compiling what is computed once, or was not seen compiled",
        "`hardware.compile` is true for method `head`, a soft prompt, or weights in 4 bits.",
        "The blocks are computed once, or in a way that no test of this project has compiled.",
        "method: {type: prompt, num_virtual_tokens: 8}\nhardware: {profile: cpu, compile: true}\n",
        "method: {type: lora}\nhardware: {profile: cpu, compile: true}\n",
    ),
    "NV638": (
        "batch ramp that does not divide, or has no room",
        "`batch_ramp.start` is no divisor of `batch`, does not divide among devices and "
        "micro-batches, or the sizes below the batch take more tokens than there are.",
        "Every step holds exactly the sequences that the ramp says, so that the run can be resumed "
        "and compared.",
        f"{_PRETRAIN}train: {{{_TEXT}, batch_ramp: {{start: 3}}}}\n",
        f"{_PRETRAIN}train: {{{_TEXT}, batch_ramp: {{start: 2}}}}\n",
    ),
    "NV639": (
        "kernels that would not run",
        "`hardware.kernels: liger` is given on a CPU, or for method `head`.",
        "Liger's kernels are written for GPUs, and for blocks that are computed in every step.",
        "method: {type: lora}\nhardware: {profile: cpu, kernels: liger}\n",
        "method: {type: lora}\nhardware: {profile: h100, kernels: liger}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
