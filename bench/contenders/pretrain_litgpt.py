"""Train a Llama of the same sizes by LitGPT's own `pretrain.fit`; see `common`.

Its loop, loss, clipping and logging are run as they are; what it gets from here are batches of the
same tokens and a model of its own of the same sizes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import torch
from common import Watch, asked, tokens_of
from litgpt.args import EvalArgs, TrainArgs
from litgpt.model import GPT, Config
from litgpt.pretrain import fit
from torch.utils.data import DataLoader, Dataset


class Rows(Dataset[torch.Tensor]):
    """Sequences of a token more than the model reads."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.tokens, self.length = tokens_of(given), given["length"]

    def __len__(self) -> int:
        return (len(self.tokens) - 1) // self.length

    def __getitem__(self, index: int) -> torch.Tensor:
        start = index * self.length
        return torch.from_numpy(self.tokens[start : start + self.length + 1].astype("int64"))


def config_of(given: dict[str, Any]) -> Config:
    sizes, vocabulary = given["sizes"], given["vocabulary"]
    return Config(
        name="own",
        block_size=given["length"],
        vocab_size=vocabulary,
        padded_vocab_size=vocabulary,
        n_layer=sizes["num_hidden_layers"],
        n_head=sizes["num_attention_heads"],
        n_query_groups=sizes["num_key_value_heads"],
        n_embd=sizes["hidden_size"],
        intermediate_size=sizes["intermediate_size"],
        rotary_percentage=1.0,
        parallel_residual=False,
        bias=False,
        norm_class_name="RMSNorm",
        mlp_class_name="LLaMAMLP",
    )


def main() -> None:
    given = asked()
    torch.set_num_threads(given["threads"])
    precision: Any = "bf16-mixed" if given["bf16"] else "32-true"
    fabric = lightning.Fabric(accelerator="cpu", devices=1, precision=precision)
    torch.manual_seed(0)
    model = GPT(config_of(given))
    model.lm_head.weight = model.transformer.wte.weight  # tied, as the others
    model.max_seq_length = given["length"]
    inner = torch.optim.AdamW(model.parameters(), lr=given["learning_rate"], fused=True)
    watch, step = Watch(), inner.step

    def marked(*arguments: Any, **named: Any) -> Any:
        found = step(*arguments, **named)
        watch.count(given["batch"] * given["length"])
        watch.mark()
        return found

    inner.step = marked  # type: ignore[method-assign]
    model, optimizer = fabric.setup(model, inner)
    loader = fabric.setup_dataloaders(
        DataLoader(Rows(given), batch_size=given["micro_batch"], shuffle=True, drop_last=True)
    )
    state = {"model": model, "optimizer": optimizer, "iter_num": 0, "step_count": 0}
    train = TrainArgs(
        global_batch_size=given["batch"],
        micro_batch_size=given["micro_batch"],
        max_tokens=given["steps"] * given["batch"] * given["length"],
        max_norm=1.0,
        lr_warmup_steps=1,
        save_interval=None,
        log_interval=1,
    )
    fit(
        fabric, 1, state, loader, loader, Path("."), None, train,
        EvalArgs(interval=10**9, initial_validation=True, final_validation=False, max_iters=1),
    )  # fmt: skip
    watch.report()


if __name__ == "__main__":
    main()
