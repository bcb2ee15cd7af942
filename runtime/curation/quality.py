"""Steps that drop texts by rules of thumb: length, Gopher's and C4's.

The thresholds are options; their defaults are those of the papers: Rae et al., "Scaling Language
Models: Methods, Analysis & Insights from Training Gopher", arXiv:2112.11446, appendix A.1.1; Raffel
et al., "Exploring the Limits of Transfer Learning", arXiv:1910.10683, section 2.2. Words are runs
without whitespace, as Gopher's are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from .steps import Step

_BULLETS = ("•", "‣", "▶", "◦", "●", "*", "-", "–")
_ELLIPSES = ("...", "…")
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")
"""English words of which a text of prose has two or more (Gopher)."""


class Length(Step):
    """Drops texts that are too short or too long, in characters or words."""

    type = "length"

    def judge(self, text: str) -> str | None:
        limits, size = self.report.options, {"characters": len(text), "words": len(text.split())}
        for unit, count in size.items():
            if count < limits.get(f"min_{unit}", 0):
                return self.drop(f"fewer {unit}", text)
            if count > limits.get(f"max_{unit}", count):
                return self.drop(f"more {unit}", text)
        return text


class GopherQuality(Step):
    """Gopher's quality rules: what is no prose."""

    type = "gopher-quality"

    def judge(self, text: str) -> str | None:
        reason = self._fault(text.split(), [one for one in text.splitlines() if one.strip()])
        return text if reason is None else self.drop(reason, text)

    def _fault(self, words: Sequence[str], lines: Sequence[str]) -> str | None:
        limit = self.report.options
        count = max(1, len(words))
        if not limit["min_words"] <= len(words) <= limit["max_words"]:
            return "number of words"
        mean = sum(map(len, words)) / count
        if not limit["min_mean_word"] <= mean <= limit["max_mean_word"]:
            return "length of words"
        hashes = sum(word.count("#") for word in words)
        ellipses = sum(word.count(mark) for word in words for mark in _ELLIPSES)
        if max(hashes, ellipses) / count > limit["max_symbols"]:
            return "hash marks or ellipses"
        if _share(lines, lambda line: line.lstrip().startswith(_BULLETS)) > limit["max_bullets"]:
            return "lines that are bullets"
        if _share(lines, lambda line: line.rstrip().endswith(_ELLIPSES)) > limit["max_ellipses"]:
            return "lines that end in an ellipsis"
        if sum(any(map(str.isalpha, word)) for word in words) / count < limit["min_alphabetic"]:
            return "words without a letter"
        plain = {word.strip(".,;:!?\"'()").lower() for word in words}
        if len(plain.intersection(STOP_WORDS)) < limit["min_stop_words"]:
            return "stop words"
        return None


def _share(lines: Sequence[str], holds: Callable[[str], bool]) -> float:
    return sum(map(holds, lines)) / max(1, len(lines))


class GopherRepetition(Step):
    """Gopher's repetition rules: lines, paragraphs and runs of words that come again."""

    type = "gopher-repetition"

    def judge(self, text: str) -> str | None:
        reason = self._fault(text)
        return text if reason is None else self.drop(reason, text)

    def _fault(self, text: str) -> str | None:
        limit = self.report.options
        blocks = [one.strip() for one in re.split(r"\n\s*\n", text) if one.strip()]
        lines = [one.strip() for one in text.splitlines() if one.strip()]
        for name, parts in (("paragraphs", blocks), ("lines", lines)):
            count, characters = _repeated(parts)
            if count / max(1, len(parts)) > limit[f"max_{name}"]:
                return f"repeated {name}"
            if characters / max(1, len(text)) > limit[f"max_{name}_characters"]:
                return f"characters in repeated {name}"
        words = text.split()
        for kind, first, measure in (("top", 2, _top_run), ("repeated", 5, _repeated_runs)):
            for size, most in enumerate(limit[f"max_{kind}_grams"], first):
                if measure(words, size) / max(1, len(text)) > most:
                    return f"characters in {kind} {size}-grams"
        return None


def _repeated(parts: Sequence[str]) -> tuple[int, int]:
    """Return how many parts came before, and their characters."""
    seen: set[str] = set()
    count = characters = 0
    for part in parts:
        if part in seen:
            count, characters = count + 1, characters + len(part)
        seen.add(part)
    return count, characters


def _top_run(words: Sequence[str], size: int) -> int:
    """Return the characters in the commonest run of words; one that comes once counts nothing."""
    counts = Counter(" ".join(words[at : at + size]) for at in range(len(words) - size + 1))
    most = max(counts.values(), default=0)
    return max((len(run) * n for run, n in counts.items() if n == most > 1), default=0)


def _repeated_runs(words: Sequence[str], size: int) -> int:
    """Return the characters in runs of words that came before; none is counted twice."""
    seen: set[str] = set()
    characters, at = 0, 0
    while at + size <= len(words):
        run = "".join(words[at : at + size])
        if run in seen:
            characters, at = characters + len(run), at + size
        else:
            seen.add(run)
            at += 1
    return characters


_ENDS = (".", "?", "!", '"', "”")
_SENTENCE = re.compile(r"[.?!][\"'”)\]]*(?=\s|$)")
_CITATIONS = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")
_POLICIES = ("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies",
             "use cookies")  # fmt: skip


class C4(Step):
    """C4's rules: lines that are sentences, on pages that are text.

    Left out of the paper's: its list of bad words, its language filter (step `language`) and its
    removal of repeated spans (steps `exact-duplicates`, `near-duplicates`).
    """

    type = "c4"

    def judge(self, text: str) -> str | None:
        lower, limit = text.lower(), self.report.options
        if "lorem ipsum" in lower:
            return self.drop("lorem ipsum", text)
        if limit["drop_braces"] and "{" in text:
            return self.drop("curly bracket", text)
        kept = [line for line in map(_uncited, text.splitlines()) if self._keeps(line)]
        left = "\n".join(kept)
        if len(_SENTENCE.findall(left)) < limit["min_sentences"]:
            return self.drop("sentences", text)
        return left + "\n"

    def _keeps(self, line: str) -> bool:
        reason = self._fault(line.strip())
        if reason is not None:
            self.report.parts[f"lines: {reason}"] += 1
        return reason is None

    def _fault(self, line: str) -> str | None:
        limit = self.report.options
        if limit["need_end_marks"] and (not line.endswith(_ENDS) or line.endswith("...")):
            return "no end mark"
        if len(line.split()) < limit["min_line_words"]:
            return "few words"
        lower = line.lower()
        if "javascript" in lower:
            return "javascript"
        return "policy" if any(words in lower for words in _POLICIES) else None


def _uncited(line: str) -> str:
    return _CITATIONS.sub("", line)
