"""Tokenise texts and cut them into sequences with `datasets.map`, as most recipes do."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from datasets import Dataset, disable_progress_bars
from transformers import AutoTokenizer


def main() -> None:
    given: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
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
        start, before = time.perf_counter(), _cpu()
        rows = Dataset.from_dict({"text": texts})
        rows = rows.map(encode, batched=True, remove_columns=["text"], num_proc=given["workers"])
        rows = rows.map(cut, batched=True, num_proc=given["workers"])
        rows.save_to_disk(folder)
        wall, cpu = time.perf_counter() - start, _cpu() - before
    print("\n" + json.dumps({"wall": wall, "cpu": cpu, "tokens": len(rows) * length}))


def _cpu() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))


if __name__ == "__main__":
    main()
