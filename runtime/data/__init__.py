"""Rows, documents, prompts and token stores.

A new file format or built-in corpus goes into `rows.py` (and `documents.py` if it is text to
pretrain on); a new way to put a task to a model into `prompt.py`.
"""

from .anchors import AnchorEncoder, EncodedAnchors
from .conversations import Dialogues, load_conversations
from .documents import load_documents
from .encode import EncodedRows, encode_training_rows
from .examples import Examples, choose_examples, draw_examples
from .formats import Conversation
from .judged import Pair, Verdict, load_pairs, load_verdicts
from .pack import Tokens, TokenStore, pack_documents
from .pairs import EncodedPairs, EncodedVerdicts, encode_pairs, encode_verdicts
from .prompt import Prompt
from .rows import Row, load_rows
from .sft import encode_answers, encode_conversations
from .targets import EncodedTargets, TargetEncoder, encode_targets
from .template import Template

__all__ = [
    "AnchorEncoder",
    "Conversation",
    "Dialogues",
    "EncodedAnchors",
    "EncodedPairs",
    "EncodedRows",
    "EncodedTargets",
    "EncodedVerdicts",
    "Examples",
    "Pair",
    "Prompt",
    "Row",
    "TargetEncoder",
    "Template",
    "TokenStore",
    "Tokens",
    "Verdict",
    "choose_examples",
    "draw_examples",
    "encode_answers",
    "encode_conversations",
    "encode_targets",
    "encode_pairs",
    "encode_training_rows",
    "encode_verdicts",
    "load_conversations",
    "load_documents",
    "load_pairs",
    "load_rows",
    "load_verdicts",
    "pack_documents",
]
