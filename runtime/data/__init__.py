"""Rows, documents, prompts and token stores.

A new file format or built-in corpus goes into `rows.py` (and `documents.py` if it is text to
pretrain on); a new way to put a task to a model into `prompt.py`.
"""

from .documents import load_documents
from .encode import EncodedRows, encode_training_rows
from .examples import Examples, choose_examples, draw_examples
from .pack import TokenStore, pack_documents
from .prompt import Prompt
from .rows import Row, load_rows
from .template import Template

__all__ = [
    "EncodedRows",
    "Examples",
    "Prompt",
    "Row",
    "Template",
    "TokenStore",
    "choose_examples",
    "draw_examples",
    "encode_training_rows",
    "load_documents",
    "load_rows",
    "pack_documents",
]
