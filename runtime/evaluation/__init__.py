"""What a model is measured with: label likelihoods, metrics, baselines, next words.

A new metric is one function in `metrics.py` registered in `METRICS`, or in `calibration.py` where
it needs probabilities; a figure to be beaten goes into `baselines.py` or `compressors.py`. A new
measure that needs the model is one file here, named in `__all__` so that emitted programs may
import it.
"""

from .baselines import majority_baseline
from .bits import bits_per_byte, byte_unigram_bits_per_byte, unigram_bits_per_byte
from .compressors import gzip_bits_per_byte, ngram_bits_per_byte, xz_bits_per_byte
from .language_model import LanguageModelResult, evaluate_language_model
from .likelihood import ClassifierResult, check_asked, evaluate_classifier
from .next_word import next_word_distribution

__all__ = [
    "ClassifierResult",
    "LanguageModelResult",
    "bits_per_byte",
    "byte_unigram_bits_per_byte",
    "check_asked",
    "evaluate_classifier",
    "evaluate_language_model",
    "gzip_bits_per_byte",
    "majority_baseline",
    "next_word_distribution",
    "ngram_bits_per_byte",
    "unigram_bits_per_byte",
    "xz_bits_per_byte",
]
