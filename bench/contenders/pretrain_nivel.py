"""Train a new Llama as an emitted program of level pretrain does; see `common`."""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import Any

import lightning
import torch
from common import Watch, asked, tokens_of
from nivel_steps import Steps, train
from transformers import AutoTokenizer

from nivel.runtime.models import new_model
from nivel.runtime.training import Batch, TokenRows, cosine_schedule
from nivel.runtime.training.batches import MicroBatches


class Cut:
    """Sequences of equal length from a row of tokens, as the token store gives them."""

    def __init__(self, given: dict[str, Any]) -> None:
        self.tokens, self.length = tokens_of(given), given["length"]

    def __len__(self) -> int:
        return len(self.tokens) // self.length

    def __getitem__(self, index: int) -> Any:
        return self.tokens[index * self.length : (index + 1) * self.length].astype("int64")


def timed(watch: Watch) -> None:
    """Count the seconds in which the training waits for its next micro-batch."""
    plain = MicroBatches.__getitem__

    def waiting(self: MicroBatches, k: int) -> Batch:
        start = time.perf_counter()
        found = plain(self, k)
        watch.waited += time.perf_counter() - start
        return found

    MicroBatches.__getitem__ = waiting  # type: ignore[method-assign]


def main() -> None:
    given = asked()
    torch.set_num_threads(given["threads"])
    lightning.seed_everything(0, verbose=False)
    tokenizer = AutoTokenizer.from_pretrained(Path(given["tokenizer"]))
    model = new_model("llama", given["sizes"], tokenizer)
    schedule = partial(cosine_schedule, warmup=0.05)
    rows = TokenRows(Cut(given))
    experiment = Steps(model, rows, given, schedule, weight_decay=0.1, betas=(0.9, 0.95))
    timed(experiment.watch)
    train(experiment)


if __name__ == "__main__":
    main()
