"""Tokenise texts into nivel's token store."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

from common import asked, cpu_seconds, tell
from transformers import AutoTokenizer

from nivel.runtime.data import pack_documents


def main() -> None:
    given = asked()
    tokenizer = AutoTokenizer.from_pretrained(given["tokenizer"])
    texts = json.loads(Path(given["texts"]).read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NIVEL_PROJECT"] = folder  # where the store is made, anew each time
        start, before = time.perf_counter(), cpu_seconds()
        store = pack_documents(texts, tokenizer, given["length"])
        wall, cpu = time.perf_counter() - start, cpu_seconds() - before
        tokens = len(store) * given["length"]
    tell(wall=wall, cpu=cpu, tokens=tokens)


if __name__ == "__main__":
    main()
