"""Time answers and label scores of a local model beside Transformers' own ways.

    OMP_NUM_THREADS=1 python bench/prompt.py [--model FOLDER] [--rows 48] [--tokens 64]

All ways get the same prompts and the same greedy settings, and are timed in turn, round by round,
so that a busy moment falls on all. Tokens are those of the answers, counted once, as `generate`
gives them one by one; what a way computes beyond them (rows that have ended, padding) counts
against it. Without --model a random Llama of 15 million parameters is asked.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, logging, pipeline

from nivel.runtime.evaluation.prefix import score_labels
from nivel.runtime.generation import LocalModel
from nivel.runtime.models import load_model, load_tokenizer, new_model, train_byte_bpe
from nivel.runtime.prompting.types import Cell, Generation

WORDS = (
    "the", "a", "big", "small", "dog", "girl", "boy", "tree", "ran", "saw", "said", "happy",
    "little", "house", "day", "friend",
)  # fmt: skip
SCHEMA: Any = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}


def loaded(folder: Path | None) -> tuple[Any, Any, str]:
    """Return model, tokenizer and what to call them."""
    if folder is not None:
        os.environ["NIVEL_PROJECT"] = str(folder.resolve().parent)
        path = f"./{folder.name}"
        return load_model(path, dtype="fp32"), load_tokenizer(path), folder.name
    torch.manual_seed(0)
    tokenizer = train_byte_bpe([" ".join(WORDS) + f" {n}" for n in range(900)], 600)
    sizes = {
        "hidden_size": 288,
        "intermediate_size": 768,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "num_key_value_heads": 6,
        "max_position_embeddings": 256,
        "initializer_range": 0.2,
    }
    return new_model("llama", sizes, tokenizer).eval(), tokenizer, "random Llama"


def texts(count: int) -> list[str]:
    """Prompts of 4 to 60 words, in no order."""
    draw = random.Random(0)
    return [" ".join(draw.choices(WORDS, k=draw.randrange(4, 60))) for _ in range(count)]


class Ways:
    """The same greedy answers, got in several ways."""

    def __init__(self, model: Any, tokenizer: Any, prompts: list[str], tokens: int) -> None:
        self.model, self.tokenizer, self.prompts, self.tokens = model, tokenizer, prompts, tokens
        self.tokenizer.padding_side = "left"
        self.config = GenerationConfig(
            do_sample=False,
            max_new_tokens=tokens,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
        model.generation_config = self.config
        self.pipe = pipeline("text-generation", model=model, tokenizer=tokenizer)

    def ours(self, size: int, schema: Any = None, tokens: int | None = None) -> int:
        """Return how many tokens were written."""
        asked = Generation(max_tokens=tokens or self.tokens)
        cells = [
            Cell(str(place), str(place), "m", "v", 0, (), text, asked, schema)
            for place, text in enumerate(self.prompts)
        ]
        written: list[int] = []
        local = LocalModel.around("m", self.model, self.tokenizer, batch_size=size)
        local.answer(
            cells,
            lambda _: None,
            lambda _, answer: written.append(answer.output_tokens or 0),
            lambda: False,
        )
        return sum(written)

    def generate(self, size: int) -> int:
        """Return how many tokens were written, up to each row's end."""
        written = 0
        for start in range(0, len(self.prompts), size):
            batch = self.tokenizer(
                self.prompts[start : start + size], return_tensors="pt", padding=True
            )
            with torch.inference_mode():
                found = self.model.generate(
                    batch["input_ids"],
                    attention_mask=batch["attention_mask"],
                    generation_config=self.config,
                )
            written += sum(map(self._length, found[:, batch["input_ids"].shape[1] :].tolist()))
        return written

    def _length(self, ids: list[int]) -> int:
        end = self.tokenizer.eos_token_id
        return ids.index(end) + 1 if end in ids else len(ids)

    def piped(self, size: int) -> None:
        with torch.inference_mode():
            self.pipe(self.prompts, batch_size=size, return_full_text=False)


class Scores:
    """Log-probabilities of six labels after a long shared beginning and a short question."""

    def __init__(self, model: Any, tokenizer: Any, prompts: list[str]) -> None:
        shown = " ".join(texts(2))
        self.model = model
        self.asked = [tokenizer(f"{shown} {text[:60]}")["input_ids"] for text in prompts]
        self.labels = [tokenizer(text)["input_ids"] for text in WORDS[2:6]]
        self.labels += [tokenizer(f"{a} {b}")["input_ids"] for a, b in (WORDS[:2], WORDS[6:8])]

    def ours(self) -> torch.Tensor:
        return score_labels(self.model, self.asked, self.labels, batch_size=16)

    def plain(self) -> torch.Tensor:
        """One forward pass per row and label, as a loop by hand would."""
        found = torch.zeros(len(self.asked), len(self.labels))
        with torch.inference_mode():
            for row, ids in enumerate(self.asked):
                for column, label in enumerate(self.labels):
                    logits = self.model(torch.tensor([ids + label])).logits[0, len(ids) - 1 : -1]
                    logs = logits.log_softmax(-1)
                    found[row, column] = logs.gather(1, torch.tensor(label)[:, None]).sum()
        return found


def timed(ways: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the median seconds of each way; one round before them warms up."""
    taken: dict[str, list[float]] = {title: [] for title in ways}
    for turn in range(rounds + 1):
        for title, way in ways.items():
            start = time.perf_counter()
            way()
            if turn:
                taken[title].append(time.perf_counter() - start)
    return {title: statistics.median(seconds) for title, seconds in taken.items()}


def show(heading: str, unit: str, amount: float, seconds: dict[str, float], base: str) -> None:
    print(heading)
    for title, took in seconds.items():
        rate, ratio = amount / took, seconds[base] / took
        print(f"  {title:32} {took:7.2f} s  {rate:8.0f} {unit}/s  {ratio:5.2f} x")


def main() -> None:
    """Print seconds, rates and ratios to `generate` one by one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=None)
    parser.add_argument("--rows", default=48, type=int)
    parser.add_argument("--tokens", default=64, type=int)
    parser.add_argument("--batch", default=16, type=int)
    parser.add_argument("--rounds", default=3, type=int)
    given = parser.parse_args()
    logging.set_verbosity_error()
    model, tokenizer, name = loaded(given.model)
    prompts = texts(given.rows)
    ways = Ways(model, tokenizer, prompts, given.tokens)
    size = given.batch
    written = ways.generate(1)
    plain = "generate, one by one"
    seconds = timed(
        {
            plain: lambda: ways.generate(1),
            f"generate, batches of {size}": lambda: ways.generate(size),
            f"pipeline, batches of {size}": lambda: ways.piped(size),
            "nivel, one by one": lambda: ways.ours(1),
            f"nivel, batches of {size}": lambda: ways.ours(size),
        },
        given.rounds,
    )
    threads = torch.get_num_threads()
    print(f"{name}, {given.rows} prompts, {written} tokens, fp32, {threads} thread(s)")
    show("greedy answers", "tokens", written, seconds, plain)

    free, held = ways.ours(size, tokens=24), ways.ours(size, SCHEMA, 24)
    took = timed(
        {"free": lambda: ways.ours(size, tokens=24),
         "held to a schema": lambda: ways.ours(size, SCHEMA, 24)},
        given.rounds,
    )  # fmt: skip
    each = {title: took[title] / n * 1000 for title, n in zip(took, (free, held), strict=True)}
    print("held to a JSON Schema, at most 24 tokens")
    print("  " + ", ".join(f"{title} {value:.3f} ms a token" for title, value in each.items()))

    scores = Scores(model, tokenizer, prompts[:24])
    worst = float((scores.ours() - scores.plain()).abs().max())
    seconds = timed({"a pass per row and label": scores.plain, "nivel": scores.ours}, given.rounds)
    pairs = len(scores.asked) * len(scores.labels)
    show(f"label scores, equal to {worst:.0e}", "labels", pairs, seconds, next(iter(seconds)))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        os.environ.setdefault("HF_HOME", scratch)
        sys.exit(main())
