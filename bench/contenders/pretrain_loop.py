"""Train the same Llama in a bare loop of PyTorch: a memory map, a loss over all logits, AdamW.

Nothing is recorded, nothing can be resumed, and batches are drawn from anywhere in the text: the
least that a training can be. See `common`.
"""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import Any

import torch
from common import Watch, asked, tokens_of
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM


def batch_of(tokens: Any, given: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    length, rows = given["length"], given["micro_batch"]
    starts = torch.randint(len(tokens) - length - 1, (rows,)).tolist()
    cut = [torch.from_numpy(tokens[at : at + length + 1].astype("int64")) for at in starts]
    whole = torch.stack(cut)
    return whole[:, :-1], whole[:, 1:]


def groups_of(model: torch.nn.Module) -> list[dict[str, Any]]:
    matrices = [each for each in model.parameters() if each.ndim > 1]
    others = [each for each in model.parameters() if each.ndim < 2]
    return [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]


def main() -> None:
    given = asked()
    torch.set_num_threads(given["threads"])
    torch.manual_seed(0)
    config = LlamaConfig(vocab_size=given["vocabulary"], use_cache=False, **given["sizes"])
    model = LlamaForCausalLM(config).train()
    optimizer = torch.optim.AdamW(groups_of(model), lr=1.0, betas=(0.9, 0.95), fused=True)
    cast = torch.autocast("cpu", torch.bfloat16) if given["bf16"] else nullcontext()
    tokens, turns = tokens_of(given), given["batch"] // given["micro_batch"]
    watch = Watch()
    for step in range(given["steps"]):
        rate = given["learning_rate"] * 0.5 * (1 + math.cos(math.pi * step / given["steps"]))
        for group in optimizer.param_groups:
            group["lr"] = rate
        step_loss = 0.0
        watch.count(given["batch"] * given["length"])
        for _ in range(turns):
            ids, targets = batch_of(tokens, given)
            with cast:
                logits = model(ids).logits
                loss = cross_entropy(logits.flatten(0, 1), targets.flatten()) / turns
            loss.backward()
            step_loss += loss.item()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        watch.mark(step_loss)
    watch.report()


if __name__ == "__main__":
    main()
