"""Methods: what is asked of a way to tune, and of the parts of a model that it reaches."""

from __future__ import annotations

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV305": (
        "4-bit weights without a GPU",
        "`method.quantize` is given, and the hardware has no GPU.",
        "bitsandbytes keeps and multiplies such weights on a GPU.",
        "method: {type: lora, quantize: nf4}\nhardware: cpu\n",
        "method: {type: lora, quantize: nf4}\nhardware: cuda\n",
    ),
    "NV306": (
        "numbered blocks without named modules",
        "The method names the blocks that get an adapter, and `all-linear` for the modules.",
        "peft picks blocks among modules that are named one by one.",
        "method: {type: lora, layers: [0, 1]}\n",
        "method: {type: lora, layers: [0, 1], targets: [q_proj, v_proj]}\n",
    ),
    "NV307": (
        "feedforward modules that are no targets",
        "`method.feedforward_modules` does not go with `method.target_modules`.",
        "IA3 scales the inputs of those targets that are listed there, so each has to be one.",
        "method: {type: ia3, target_modules: [v_proj], feedforward_modules: [down_proj]}\n",
        "method: {type: ia3, target_modules: [v_proj, down_proj],\n"
        "  feedforward_modules: [down_proj]}\n",
    ),
    "NV308": (
        "options of a method that do not go together",
        "One option of the method needs another one, or excludes it.",
        "peft would refuse it once the model has been loaded.",
        "method: {type: oft, r: 8}\n",
        "method: {type: oft, r: 8, oft_block_size: 0}\n",
    ),
    "NV315": (
        "adapter target named twice",
        "`method.targets` names the same module two times.",
        "A module gets one adapter.",
        "method: {type: lora, targets: [q_proj, v_proj, q_proj]}\n",
        "method: {type: lora, targets: [q_proj, v_proj]}\n",
    ),
    "NV352": (
        "adapter target that the model lacks",
        "`method.targets` names a module that a model of this type does not have.",
        "PEFT passes over it in silence as long as another target is found.",
        "model: {path: ./tiny}\nmethod: {type: lora, targets: [q_proj, c_attn]}\n",
        "model: {path: ./tiny}\nmethod: {type: lora, targets: [q_proj, v_proj]}\n",
    ),
    "NV353": (
        "rank larger than the matrix",
        "`method.rank` is over the smaller side of a matrix that gets an adapter.",
        "A warning: the adapter then holds more numbers than the matrix can use.",
        "model: {path: ./tiny}\nmethod: {type: lora, rank: 64}\n",
        "model: {path: ./tiny}\nmethod: {type: lora, rank: 8}\n",
    ),
}
