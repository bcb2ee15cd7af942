"""Tokenise texts and cut them into sequences with `datasets.map`, as most recipes do."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path
from typing import Any

from common import asked, cpu_seconds, tell
from datasets import Dataset, disable_progress_bars
from transformers import AutoTokenizer


def main() -> None:
    given = asked()
    disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(given["tokenizer"])
    texts = json.loads(Path(given["texts"]).read_text("utf-8"))
    length, end = given["length"], tokenizer.eos_token_id

    def encode(rows: dict[str, list[str]]) -> dict[str, Any]:
        found = tokenizer(rows["text"], add_special_tokens=False)["input_ids"]
        return {"input_ids": [[*ids, end] for ids in found]}

    def cut(rows: dict[str, Any]) -> dict[str, Any]:
        joined = [token for ids in rows["input_ids"] for token in ids]
        whole = len(joined) // length * length
        return {"input_ids": [joined[at : at + length] for at in range(0, whole, length)]}

    with tempfile.TemporaryDirectory() as folder:
        start, before = time.perf_counter(), cpu_seconds()
        rows = Dataset.from_dict({"text": texts})
        rows = rows.map(encode, batched=True, remove_columns=["text"], num_proc=given["workers"])
        rows = rows.map(cut, batched=True, num_proc=given["workers"])
        rows.save_to_disk(folder)
        wall, cpu = time.perf_counter() - start, cpu_seconds() - before
    tell(wall=wall, cpu=cpu, tokens=len(rows) * length)


if __name__ == "__main__":
    main()
