"""How devices share the work."""

from __future__ import annotations

_TWO = "hardware: {accelerator: cpu, devices: 2, strategy: fsdp"
_GPUS = "hardware: {profile: h100x8, nodes: 2, strategy: fsdp"

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
        "`hardware.strategy` is `fsdp`, and the spec asks for a method, an objective, an optimizer "
        "or kernels that cannot train a model in parts, or were not seen to.",
        "A training that goes on with wrong sums looks like one that goes well.",
        f"method: {{type: ia3}}\n{_TWO}}}\n",
        f"method: {{type: lora}}\n{_TWO}}}\n",
    ),
    "NV642": (
        "sharding without parts, or without machines to copy to",
        "`hardware.sharding` or `hardware.offload` is said, and the strategy is not `fsdp`; or "
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
}
"""Code -> title, what, why, bad example, good example."""
