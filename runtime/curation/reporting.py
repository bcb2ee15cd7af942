"""What curation did, for the record of a run and its terminal."""

from __future__ import annotations

from typing import Any

from ..records import Run
from ..records.curated import FILE, source_lines, step_lines
from ..records.files import write_json
from .corpus import Corpus

__all__ = ["curation_json", "record_curation"]


def record_curation(run: Run, corpus: Corpus) -> None:
    """Write `curation.json` and show the counts."""
    record = curation_json(corpus)
    if run.writes:
        write_json(run.folder / FILE, record)
        print("\n".join([*step_lines(record), *source_lines(record)]), flush=True)


def curation_json(corpus: Corpus) -> dict[str, Any]:
    """Return sources (documents and bytes of each split, weight) and steps as JSON has them."""
    return {
        "sources": [
            {
                "name": source.name,
                "weight": source.weight,
                **{
                    split: {"documents": len(texts), "bytes": texts.num_bytes}
                    for split, texts in source.texts.items()
                },
            }
            for source in corpus.sources
        ],
        "steps": [step.to_json() for step in corpus.steps],
    }
