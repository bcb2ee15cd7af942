"""The built-in corpus `python-docs`: documentation that every Python already carries.

Rows ask "which library does this sentence document?"; documents are whole docstrings to read.
Both come from the running machine's standard library, so an example needs no download.

Splits are decided per group of near-identical texts, never per row: copies of a sentence in two
modules would otherwise let a model be tested on what it was trained on. Groups that hold a row
are divided 60/10/30 between train, validation and test; the others, which only serve as text,
90/10 between train and validation. A paragraph of a document that repeats a row of another
split is left out of that document, so text to pretrain on never holds a row to be tested on.
"""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from ..paths import cache_dir, file_sha256, write_atomically
from . import duplicates, stdlib
from .duplicates import cluster, normal_words
from .stdlib import Docstring, read_docstrings, stdlib_root, tree_key

__all__ = ["SPLITS", "Entry", "corpus_key", "documents", "entries"]

SPLITS = ("train", "validation", "test")
_ROW_SHARES = (0.60, 0.10, 0.30)
_TEXT_SHARES = (0.90, 0.10, 0.0)
# Shorter first paragraphs say too little to tell their library; longer ones are slow to read.
_SHORTEST, _LONGEST, _FEWEST_WORDS = 30, 200, 4


@dataclass(frozen=True, slots=True)
class Entry:
    """One docstring with its place in the corpus.

    Attributes:
        id: file and qualified name, the same on every run of one Python.
        area: the library's top-level name, the gold label of a row.
        name: dotted name of what is documented.
        text: the first paragraph on one line.
        split: `train`, `validation` or `test`.
        is_row: whether `text` serves as a row to classify.
        document: heading and whole docstring, as far as its split may hold it.
    """

    id: str
    area: str
    name: str
    text: str
    split: str
    is_row: bool
    document: str


def entries() -> list[Entry]:
    """Return the corpus, parsed at most once per Python, library and version of this code."""
    return _cached(str(_cache_file()))


def documents(split: str) -> list[str]:
    """Return the whole docstrings of one split, each under a heading with its dotted name."""
    return [entry.document for entry in entries() if entry.split == split and entry.document]


def corpus_key() -> str:
    """Return a hash that changes with anything that changes the corpus."""
    digest = hashlib.sha256(tree_key(stdlib_root()).encode())
    # The code that divides the corpus is part of the key: a changed rule must not meet old rows.
    for module in (__file__, duplicates.__file__, stdlib.__file__):
        digest.update(file_sha256(Path(module)).encode())
    return digest.hexdigest()


def _cache_file() -> Path:
    return cache_dir() / f"python-docs-{corpus_key()[:32]}.json"


@lru_cache(maxsize=2)
def _cached(path: str) -> list[Entry]:
    file = Path(path)
    try:
        return [Entry(**item) for item in json.loads(file.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):
        pass  # absent or damaged: made again below
    made = build(read_docstrings(stdlib_root()))
    with write_atomically(file) as temporary:
        temporary.write_text(json.dumps([asdict(entry) for entry in made]), "utf-8")
    return made


def build(docstrings: Sequence[Docstring]) -> list[Entry]:
    """Divide docstrings into splits; a pure function of its argument."""
    ordered = sorted(zip(_unique_ids(docstrings), docstrings, strict=True), key=lambda p: p[0])
    texts = [_first_paragraph(doc.text) for _, doc in ordered]
    rows = _choose_rows([doc.area for _, doc in ordered], texts)
    groups = cluster(texts)
    with_rows = {group for group, is_row in zip(groups, rows, strict=True) if is_row}
    # Ids are sorted and a group is named by its first member, so ordered[group] is its least id.
    splits = [
        _split_of(ordered[group][0], _ROW_SHARES if group in with_rows else _TEXT_SHARES)
        for group in groups
    ]
    guard = _Guard((t, s) for t, s, is_row in zip(texts, splits, rows, strict=True) if is_row)
    return [
        Entry(
            id=identity,
            area=doc.area,
            name=_dotted(doc),
            text=text,
            split=split,
            is_row=is_row,
            document=guard.document(doc, split),
        )
        for (identity, doc), text, split, is_row in zip(ordered, texts, splits, rows, strict=True)
    ]


def _unique_ids(docstrings: Sequence[Docstring]) -> Iterator[str]:
    """Yield file and name; a name defined twice in a file (a property's setter) is numbered."""
    seen: Counter[str] = Counter()
    for doc in docstrings:
        base = f"{doc.file}:{doc.name}"
        seen[base] += 1
        yield base if seen[base] == 1 else f"{base}#{seen[base]}"


def _dotted(doc: Docstring) -> str:
    return f"{doc.module}.{doc.name}" if doc.name else doc.module


def _paragraphs(text: str) -> list[str]:
    """Return the blank-line-separated blocks of `text`, each as written."""
    blocks, lines = [], list[str]()
    for line in [*text.splitlines(), ""]:
        if line.strip():
            lines.append(line.rstrip())
        elif lines:
            blocks.append("\n".join(lines))
            lines = []
    return blocks


def _first_paragraph(text: str) -> str:
    blocks = _paragraphs(text)
    return " ".join(blocks[0].split()) if blocks else ""


def _choose_rows(areas: Sequence[str], texts: Sequence[str]) -> list[bool]:
    """Say which texts are rows: of fit length, once per area, and never claimed by two areas."""
    owners: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for area, text in zip(areas, texts, strict=True):
        owners[normal_words(text)].add(area)
    chosen, taken = [], set[tuple[str, ...]]()
    for text in texts:
        words = normal_words(text)
        fit = _SHORTEST <= len(text) <= _LONGEST and len(words) >= _FEWEST_WORDS
        # A sentence that two libraries share has no single right answer.
        chosen.append(fit and len(owners[words]) == 1 and words not in taken)
        taken.add(words)
    return chosen


def _split_of(identity: str, shares: Sequence[float]) -> str:
    number = int.from_bytes(hashlib.sha256(f"python-docs {identity}".encode()).digest()[:8], "big")
    point, reached = number / 2**64, 0.0
    for split, share in zip(SPLITS, shares, strict=True):
        reached += share
        if point < reached:
            return split
    return SPLITS[0]


class _Guard:
    """Keeps the rows of one split out of the documents of another."""

    def __init__(self, rows: Iterator[tuple[str, str]]) -> None:
        self._by_start: dict[tuple[str, ...], list[tuple[tuple[str, ...], str]]]
        self._by_start = defaultdict(list)
        for text, split in rows:
            words = normal_words(text)
            self._by_start[words[:2]].append((words, split))

    def document(self, doc: Docstring, split: str) -> str:
        """Return heading and docstring without repeated paragraphs; empty if none is left."""
        kept = [block for block in _paragraphs(doc.text) if not self._repeats(block, split)]
        # Paragraphs are judged one by one; a row could still span two once a middle one is gone.
        if not kept or self._repeats("\n".join(kept), split):
            return ""
        return "\n\n".join([_dotted(doc), *kept]) + "\n"

    def _repeats(self, block: str, split: str) -> bool:
        words = normal_words(block)
        for start in range(len(words) - 1):
            for row, owner in self._by_start.get(words[start : start + 2], ()):
                if owner != split and words[start : start + len(row)] == row:
                    return True
        return False
