"""Texts on disk that are read one at a time: a sequence as long as the disk allows.

Three files: the texts joined as UTF-8, where each begins (uint64, one more than texts), and 16
bytes of each one's sha256. The sizes and hashes that `seal` returns say whether they are whole.
"""

from __future__ import annotations

import hashlib
import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from ..paths import file_sha256

__all__ = ["StoredTexts", "TextWriter"]

DIGEST = 16  # bytes kept of a text's sha256
SUFFIXES = (".utf8", ".starts", ".digests")


class TextWriter:
    """Writes texts as they come; `path` is that of the three files without their suffixes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._texts, self._starts, self._digests = (
            path.with_name(path.name + suffix).open("wb") for suffix in SUFFIXES
        )
        self._size = self.count = 0

    def write(self, text: str) -> None:
        """Append a text."""
        data = text.encode()
        self._starts.write(self._size.to_bytes(8, "little"))
        self._digests.write(hashlib.sha256(data).digest()[:DIGEST])
        self._texts.write(data)
        self._size += len(data)
        self.count += 1

    def seal(self) -> dict[str, Any]:
        """Close the files; return {texts, bytes, sha256: {suffix: hash}}."""
        self._starts.write(self._size.to_bytes(8, "little"))
        for file in (self._texts, self._starts, self._digests):
            file.close()
        hashes = {s: file_sha256(self.path.with_name(self.path.name + s)) for s in SUFFIXES}
        return {"texts": self.count, "bytes": self._size, "sha256": hashes}


class StoredTexts(Sequence[str]):
    """The texts that a :class:`TextWriter` wrote, in an order that (seed, text) decide alone.

    Args:
        about: what `seal` returned.
        limit: at most so many, the first in that order.

    Raises:
        ValueError: the files are not those that were sealed.
    """

    def __init__(
        self, path: Path, about: dict[str, Any], *, seed: int, limit: int | None = None
    ) -> None:
        for suffix, sha in about["sha256"].items():
            if file_sha256(path.with_name(path.name + suffix)) != sha:
                raise ValueError(f"{path.name}{suffix} is not as it was written")
        self._file = path.with_name(path.name + SUFFIXES[0])
        self._starts = np.fromfile(path.with_name(path.name + SUFFIXES[1]), "<u8").astype(np.int64)
        digests = np.fromfile(path.with_name(path.name + SUFFIXES[2]), f"V{DIGEST}")
        self._order = _order(digests, seed)[:limit]
        self._bytes: mmap.mmap | None = None
        self.key = hashlib.sha256(
            f"{sorted(about['sha256'].items())} {seed} {limit}".encode()
        ).hexdigest()
        """A hash that two sequences share only where they hold the same texts in one order."""

    @property
    def num_bytes(self) -> int:
        """Bytes of all texts."""
        return int((self._starts[self._order + 1] - self._starts[self._order]).sum())

    def __len__(self) -> int:
        return len(self._order)

    @overload
    def __getitem__(self, index: int) -> str: ...

    @overload
    def __getitem__(self, index: slice) -> list[str]: ...

    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = self._order[index]
        data: bytes = self._mapped()[self._starts[place] : self._starts[place + 1]]
        return data.decode()

    def _mapped(self) -> Any:
        if self._bytes is None:
            with self._file.open("rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return self._bytes

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_bytes": None}


def _order(digests: npt.NDArray[Any], seed: int) -> npt.NDArray[np.int64]:
    """Sort by a hash of seed and text; equal texts are alike, so which comes first is the same."""
    salt = f"{seed} ".encode()
    ranks = np.array(
        [hashlib.sha256(salt + one.tobytes()).digest()[:8] for one in digests], dtype="S8"
    ).view(">u8") if len(digests) else np.zeros(0, ">u8")  # fmt: skip
    return np.argsort(ranks, kind="stable").astype(np.int64)
