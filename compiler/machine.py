"""The machine of a spec, apart from the rest of what is typed: rules ask for it on every start."""

from __future__ import annotations

from dataclasses import dataclass

from .launching import LIGHTNING, SlurmSpec
from .launching_ray import RaySpec


@dataclass(frozen=True, slots=True)
class HardwareSpec:
    """Where the experiment runs; ``profile`` names the machine that the rest started from.

    ``devices`` counts processes of one of ``nodes`` machines, ``threads`` is CPU threads per
    process (None: all), and ``micro_batch`` sequences that one device holds at once (None:
    derived). With
    ``activation_checkpointing`` blocks are computed twice and not kept. ``compile`` is None where
    it follows from the length of the run; ``kernels`` is `torch` or `liger`. ``restarts`` is
    None for the launcher's default.
    it follows from the length of the run; ``kernels`` is `torch` or `liger`. ``strategy`` is None
    where it follows from what fits; ``sharding`` and ``offload`` are those of `fsdp`.
    ``tensor_parallel`` is how many devices cut matrices among them, with `tensor`; None: all of a
    machine.
    """

    profile: str
    accelerator: str
    devices: int
    precision: str
    threads: int | None
    micro_batch: int | None
    activation_checkpointing: bool = False
    compile: bool | None = None
    kernels: str = "torch"
    launcher: str = LIGHTNING
    restarts: int | None = None
    slurm: SlurmSpec | None = None
    ray: RaySpec | None = None
    nodes: int = 1
    strategy: str | None = None
    sharding: str = "full"
    offload: bool = False
    tensor_parallel: int | None = None

    @property
    def processes(self) -> int:
        """Of all machines."""
        return self.devices * self.nodes

    @property
    def together(self) -> int:
        """Devices that compute the same rows."""
        return (self.tensor_parallel or self.devices) if self.strategy == "tensor" else 1

    @property
    def groups(self) -> int:
        """How many devices, or groups of devices, have rows of their own."""
        return max(1, self.processes // self.together)
