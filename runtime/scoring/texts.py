"""How right a written answer is, from 0 to 1, against the right one.

A measure is a function of (answer, reference) and a line in `MEASURES`. What it does not find in
the answer counts as wrong; what it does not find in the *reference* is an error of the data.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Callable

from ..errors import DataError

__all__ = ["MEASURES", "Measure", "lcs_length", "normalize", "numeric", "regex"]

Measure = Callable[[str, str], float]

_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_NUMBER = re.compile(r"[-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WORD = re.compile(r"\w+")


def normalize(text: str) -> str:
    """Fold case, Unicode forms, punctuation, English articles and white space.

    The steps of SQuAD's evaluation (Rajpurkar et al., arXiv:1606.05250), after NFKC and case
    folding, which leave ASCII as that does and treat other scripts alike.
    """
    folded = unicodedata.normalize("NFKC", text).casefold().translate(_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", folded).split())


def exact(answer: str, reference: str) -> float:
    """Return 1 where the answer is the reference, white space around both aside."""
    return float(answer.strip() == reference.strip())


def normalized(answer: str, reference: str) -> float:
    """Return 1 where both are the same after `normalize`."""
    return float(normalize(answer) == normalize(reference))


def contains(answer: str, reference: str) -> float:
    """Return 1 where the normalized answer holds the normalized reference as whole words."""
    wanted = normalize(reference)
    if not wanted:
        raise DataError(f"label {reference!r} is empty once normalized; `contains` cannot find it")
    return float(f" {wanted} " in f" {normalize(answer)} ")


def token_f1(answer: str, reference: str) -> float:
    """Return the F1 of the words both have, as SQuAD counts them."""
    got, want = normalize(answer).split(), normalize(reference).split()
    if not got or not want:
        return float(got == want)
    common = sum((Counter(got) & Counter(want)).values())
    return 2.0 * common / (len(got) + len(want))


def rouge_l(answer: str, reference: str) -> float:
    """Return the F1 of the longest common subsequence of words (Lin, 2004, section 3).

    Words are runs of letters and digits in lower case, without stemming.
    """
    got, want = _WORD.findall(answer.lower()), _WORD.findall(reference.lower())
    if not got or not want:
        return float(got == want)
    return 2.0 * lcs_length(got, want) / (len(got) + len(want))


def lcs_length(first: list[str], second: list[str]) -> int:
    """Return the length of the longest common subsequence.

    Bit-parallel: a bit per word of `first`, a few integer operations per word of `second`
    (Hyyro, AWOCA 2004), so that long answers cost milliseconds.
    """
    places: dict[str, int] = {}
    for index, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << index
    full = (1 << len(first)) - 1
    row = full
    for word in second:
        match = row & places.get(word, 0)
        row = ((row + match) | (row - match)) & full
    return len(first) - row.bit_count()


def numeric(tolerance: float | None = None) -> Measure:
    """Return a measure of the last number in the answer against the last in the reference.

    `tolerance` is the largest difference that counts, relative to the reference; 0 by default.
    """
    allowed = tolerance or 0.0

    def measure(answer: str, reference: str) -> float:
        wanted, got = _last_number(reference), _last_number(answer)
        if wanted is None:
            raise DataError(f"label {reference!r} holds no number; `numeric` needs one")
        return float(got is not None and abs(got - wanted) <= allowed * abs(wanted))

    return measure


def _last_number(text: str) -> float | None:
    found = _NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def regex(pattern: str | None) -> Measure:
    """Return a measure of what `pattern` finds: its first group, or else all of it.

    Raises:
        DataError: the pattern does not compile.
    """
    try:
        compiled = re.compile(pattern or "")
    except re.error as error:
        raise DataError(f"pattern {pattern!r} does not compile: {error}") from error

    def measure(answer: str, reference: str) -> float:
        found = compiled.search(answer)
        if found is None:
            return 0.0
        said = found.group(1) if compiled.groups else found.group(0)
        return normalized(said or "", reference)

    return measure


MEASURES: dict[str, Measure] = {
    "exact": exact,
    "normalized": normalized,
    "contains": contains,
    "token_f1": token_f1,
    "rouge_l": rouge_l,
}
