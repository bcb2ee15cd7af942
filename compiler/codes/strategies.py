"""How devices share the work."""

from __future__ import annotations

_TWO = "hardware: {accelerator: cpu, devices: 2, strategy: fsdp"
_GPUS = "hardware: {profile: h100x8, nodes: 2, strategy: fsdp"

_FOUR = "hardware: {accelerator: cpu, devices: 4, strategy: tensor"
_THREE = _FOUR.replace("4", "3")
_FAMILY = "level: pretrain\nmodel: {architecture: %s, hidden_size: 32, num_hidden_layers: 2, "
_FAMILY += "num_attention_heads: 4, intermediate_size: 48}\n"

TABLE: dict[str, tuple[str, str, str, str, str]] = {
    "NV640": (
        "strategy for another number of devices",
        "`hardware.strategy` is `single` where there are several devices, or `ddp` or `fsdp` where "
        "there is one.",
        "One device has nobody to share with, and several have to share in some way.",
        "hardware: {accelerator: cpu, devices: 2, strategy: single}\n",
        "hardware: {accelerator: cpu, devices: 2, strategy: ddp}\n",
    ),
    "NV641": (
        "what a model in parts cannot do",
        "`hardware.strategy` is `fsdp` or `tensor`, and the spec asks for a method, an objective, "
        "an optimizer or kernels that cannot train a model in parts, or were not seen to.",
        "A training that goes on with wrong sums looks like one that goes well.",
        f"method: {{type: ia3}}\n{_TWO}}}\n",
        f"method: {{type: lora}}\n{_TWO}}}\n",
    ),
    "NV642": (
        "sharding without parts, or without machines to copy to",
        "`hardware.sharding` or `hardware.offload` is said, and no model is in parts; or "
        "sharding is `hybrid`, and there is one machine or one device in each.",
        "It would change nothing.",
        "hardware: {accelerator: cpu, devices: 2, strategy: ddp, sharding: gradients}\n",
        f"{_TWO}, sharding: gradients}}\n",
    ),
    "NV643": (
        "offload from the CPU to the CPU",
        "`hardware.offload` is true, and the CPU computes.",
        "Parts are kept in the CPU's memory so that a GPU has room; here they are there anyway.",
        f"{_TWO}, offload: true}}\n",
        f"train: {{epochs: 3, batch: 16, learning_rate: 2e-4}}\n{_GPUS}, offload: true}}\n",
    ),
    "NV614": (
        "heads that devices cannot share",
        "`hardware.strategy` is `tensor`, and the model's heads, its heads of keys and values, or "
        "the numbers inside its MLP do not divide by `hardware.tensor_parallel`.",
        "Each device computes whole heads, and as many as the others.",
        f"{_FAMILY % 'llama'}{_THREE}}}\n",
        f"{_FAMILY % 'llama'}{_FOUR}, tensor_parallel: 2}}\n",
    ),
    "NV615": (
        "devices that compute together without saying so, or that do not divide",
        "`hardware.tensor_parallel` is said, and the strategy is not `tensor`; or it does not "
        "divide the devices of a machine.",
        "Groups of devices exchange numbers several times in each block, so that they have to be "
        "in one machine; and each group takes as many rows.",
        f"{_FOUR}, tensor_parallel: 3}}\n",
        f"{_FOUR}, tensor_parallel: 2}}\n",
    ),
    "NV616": (
        "what devices cannot do that cut matrices among them",
        "`hardware.strategy` is `tensor`, and the spec asks for a family of models, a kind of "
        "adapter or a way of computing that was not seen with matrices that are cut.",
        "A training that goes on with wrong sums looks like one that goes well.",
        f"{_FAMILY % 'gpt2'}{_FOUR}}}\n",
        f"{_FAMILY % 'llama'}{_FOUR}}}\n",
    ),
}
"""Code -> title, what, why, bad example, good example."""
