"""Tokenise texts into nivel's token store."""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any


def main() -> None:
    given: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    from transformers import AutoTokenizer

    from nivel.runtime.data import pack_documents

    tokenizer = AutoTokenizer.from_pretrained(given["tokenizer"])
    texts = json.loads(Path(given["texts"]).read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NIVEL_PROJECT"] = folder  # where the store is made, anew each time
        start, before = time.perf_counter(), _cpu()
        store = pack_documents(texts, tokenizer, given["length"])
        wall, cpu = time.perf_counter() - start, _cpu() - before
        tokens = len(store) * given["length"]
    print("\n" + json.dumps({"wall": wall, "cpu": cpu, "tokens": tokens}))


def _cpu() -> float:
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, kinds))


if __name__ == "__main__":
    main()
