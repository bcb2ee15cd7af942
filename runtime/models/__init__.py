"""Load, build and save models and tokenizers.

A new source of weights goes into `load.py` (its path form into `runtime/paths.py`); a new
architecture or tokenizer to train from nothing into `build.py`.
"""

from .build import new_llama, train_byte_bpe
from .load import load_encoder, load_model, load_tokenizer
from .save import count_parameters, save_model

__all__ = [
    "count_parameters",
    "load_encoder",
    "load_model",
    "load_tokenizer",
    "new_llama",
    "save_model",
    "train_byte_bpe",
]
