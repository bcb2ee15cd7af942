"""Text to pretrain on: sources, the steps that clean it, each counted, and how it is mixed.

A new step is a class in the file of its subject, named in `KINDS` of `pipeline.py`, with a
definition in `schemas/curation.json`; that gives its options their defaults.
"""

from .corpus import Corpus, load_corpus
from .mixing import Mixture, pack_corpus
from .pipeline import Curation
from .reporting import record_curation
from .steps import Step, StepReport

__all__ = [
    "Corpus",
    "Curation",
    "Mixture",
    "Step",
    "StepReport",
    "load_corpus",
    "pack_corpus",
    "record_curation",
]
