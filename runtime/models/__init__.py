"""Load, build and save models and tokenizers.

A new source of weights goes into `load.py` (its path form into `runtime/paths.py`); a tokenizer to
train from nothing into `tokenizers.py`; how a new model is built into `new.py`; what a method of
tuning needs beside peft itself into `adapters.py`.
"""

from .adapters import allocate_ranks, orthogonality, peft_errors
from .embedders import load_embedder, save_embedder
from .features import Backbone
from .first import first_alone
from .freezing import freeze, freeze_backbone
from .heads import head_modules, load_headed
from .load import load_encoder, load_model, load_tokenizer
from .new import initialize, new_model
from .save import count_parameters, save_model
from .soft import SoftPrompt, add_soft_prompt
from .spare import checkpoint_activations
from .tokenizers import holds_tokens, train_byte_bpe, train_tokenizer

__all__ = [
    "Backbone",
    "SoftPrompt",
    "add_soft_prompt",
    "allocate_ranks",
    "checkpoint_activations",
    "count_parameters",
    "first_alone",
    "freeze",
    "freeze_backbone",
    "head_modules",
    "holds_tokens",
    "initialize",
    "load_embedder",
    "load_encoder",
    "load_headed",
    "load_model",
    "load_tokenizer",
    "new_model",
    "orthogonality",
    "peft_errors",
    "save_embedder",
    "save_model",
    "train_byte_bpe",
    "train_tokenizer",
]
