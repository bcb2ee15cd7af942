"""What the optimizer is given, and optimizers that torch has not as one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch

from ..errors import ModelError
from ..extras import load_extra

Groups = list[dict[str, Any]]


def parameter_groups(model: torch.nn.Module, weight_decay: float) -> Groups:
    """The trained parameters in two groups: matrices with weight decay, vectors without.

    Norm gains and biases are not decayed, as in GPT-3's recipe (arXiv:2005.14165, appendix B) and
    nearly all since.
    """
    return _by_decay([p for p in model.parameters() if p.requires_grad], weight_decay)


def _by_decay(trained: list[torch.nn.Parameter], weight_decay: float) -> Groups:
    matrices = [p for p in trained if p.dim() >= 2]
    vectors = [p for p in trained if p.dim() < 2]
    groups: Groups = [{"params": matrices, "weight_decay": weight_decay}] if matrices else []
    if vectors:
        groups.append({"params": vectors, "weight_decay": 0.0})
    return groups


def muon_groups(model: torch.nn.Module, weight_decay: float) -> tuple[Groups, Groups]:
    """The trained parameters for Muon, and those for AdamW.

    Muon is for matrices inside the blocks: of linear layers, and of adapters to them. Embeddings,
    the layer that writes words or labels, norms, biases and what has more than two dimensions are
    AdamW's (Jordan, kellerjordan.github.io/posts/muon; Liu et al., arXiv:2502.16982).

    Raises:
        ModelError: no trained parameter is such a matrix.
    """
    outside = _outside(model)
    trained = [p for p in model.parameters() if p.requires_grad]
    hidden = [p for p in trained if p.dim() == 2 and id(p) not in outside]
    if not hidden:
        raise ModelError(
            "no matrix inside the blocks is trained, so there is nothing for Muon",
            "write `optimizer: {type: adamw}`",
        )
    chosen = {id(p) for p in hidden}
    others = [p for p in trained if id(p) not in chosen]
    return [{"params": hidden, "weight_decay": weight_decay}], _by_decay(others, weight_decay)


def _outside(model: Any) -> set[int]:
    """Return the ids of parameters that belong to embeddings and output layers."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    prefix = getattr(base, "base_model_prefix", "")
    blocks = getattr(base, prefix, base) if prefix else base  # what has no output layer
    inside = {id(p) for p in blocks.parameters()}
    found = {id(p) for p in base.parameters()} - inside
    for layer in base.modules():
        if isinstance(layer, torch.nn.Embedding):
            found |= {id(p) for p in layer.parameters()}
    return found


class Together(torch.optim.Optimizer):
    """Several optimizers, each with parameters of its own, as one.

    So there is one schedule, one clipping and one state, which is that of all parts: a checkpoint
    of it is an ordinary one. The groups of the first part come first.
    """

    def __init__(self, *parts: torch.optim.Optimizer) -> None:
        self.parts = parts
        groups = [group for part in parts for group in part.param_groups]
        super().__init__([dict(group) for group in groups], {})
        self._join(groups)

    def _join(self, groups: Groups) -> None:
        """Have the parts work on the groups and the state of the whole."""
        self.param_groups = groups
        whole: defaultdict[Any, Any] = defaultdict(dict, self.state)
        self.state = whole
        start = 0
        for part in self.parts:
            end = start + len(part.param_groups)
            part.param_groups = groups[start:end]
            part.state = whole
            start = end

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Take a step of each part; ``closure`` computes the loss and its gradients, once."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._join(self.param_groups)


def adamw_8bit(groups: Groups, **options: Any) -> torch.optim.Optimizer:
    """AdamW of bitsandbytes with running means in 8 bits (Dettmers et al., arXiv:2110.02861).

    Parameters with fewer than 4096 numbers keep theirs in fp32, as there.

    Raises:
        ExtraError: bitsandbytes is not installed.
    """
    library = load_extra("bitsandbytes.optim", "optimizers", who="optimizer adamw-8bit")
    made: torch.optim.Optimizer = library.AdamW8bit(groups, **options)
    return made


def adamw_schedule_free(groups: Groups, **options: Any) -> torch.optim.Optimizer:
    """Schedule-free AdamW (Defazio et al., arXiv:2405.15682), by its authors' package.

    Its warmup is that of the schedule, which is constant: the rate it sees is the rate it uses.

    Raises:
        ExtraError: schedulefree is not installed.
    """
    library = load_extra("schedulefree", "optimizers", who="optimizer schedule-free")
    made: torch.optim.Optimizer = library.AdamWScheduleFree(groups, **options)
    return made


def loraplus_groups(model: Any, weight_decay: float, learning_rate: float, ratio: float) -> Groups:
    """The groups of LoRA+ (arXiv:2402.12354), as peft makes them.

    B matrices and vectors learn `ratio` times faster than A matrices; adapters of embeddings have
    peft's own rate.
    """
    from peft.optimizers import create_loraplus_optimizer

    made = create_loraplus_optimizer(
        model,
        torch.optim.SGD,  # only its groups are taken
        lr=learning_rate,
        loraplus_lr_ratio=ratio,
        loraplus_weight_decay=weight_decay,
    )
    kept = ("params", "lr", "weight_decay")
    return [{key: group[key] for key in kept} for group in made.param_groups if group["params"]]
