"""Archives of plain files, read and written a piece at a time: .tar.gz (.tgz) and .zip.

Written ones have sorted names and neither times, owners nor modes of this machine. Reading takes
nothing on trust: members that are no plain files, odd names, and sizes beyond the caps are refused
while the headers are read, and no member decides where anything is written.
Formats: POSIX ustar (IEEE Std 1003.1, pax), gzip (RFC 1952), zip (PKWARE APPNOTE).
"""

from __future__ import annotations

import io
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

from .refused import Refused

MAX_ENTRIES = 20_000
MAX_TOTAL = 8_000_000_000
"""Bytes of all files unpacked. A header that says more is not believed, nor is a longer stream."""

PIECE = 1 << 20
SUFFIXES = (".tgz", ".tar.gz", ".zip")

_BLOCK = 512
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
"""No name, no time, no system: as written here, so that not one byte can differ unseen."""

_KINDS = {b"1": "a hard link", b"2": "a symbolic link", b"3": "a device", b"4": "a device",
          b"5": "a folder", b"6": "a pipe"}  # fmt: skip

_DAMAGE = (zlib.error, zipfile.BadZipFile, tarfile.TarError, struct.error, EOFError, ValueError,
           NotImplementedError)  # fmt: skip

MAX_DIRECTORY = 400 * MAX_ENTRIES
"""Bytes of a zip file's list of entries, which is read at once."""

Pieces = Iterator[bytes]


class ArchiveWriter:
    """Writes members in the order they are added; the caller sorts them."""

    def __init__(self, file: IO[bytes], suffix: str) -> None:
        self._file = file
        self._zip: zipfile.ZipFile | None = None
        if suffix == ".zip":
            self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9)
        else:
            file.write(_GZIP_HEAD)
            self._deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
            self._crc = self._length = 0

    def add(self, name: str, size: int, pieces: Pieces) -> None:
        """Add one file of ``size`` bytes; raises Refused for a name that ustar cannot hold."""
        if self._zip is not None:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.create_system, info.external_attr = 3, (stat.S_IFREG | 0o644) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            with self._zip.open(info, "w", force_zip64=size >= 1 << 31) as member:
                for piece in pieces:
                    member.write(piece)
            return
        self._put(_tar_header(name, size))
        for piece in pieces:
            self._put(piece)
        self._put(b"\0" * (-size % _BLOCK))

    def close(self) -> None:
        """Write what ends the archive; the file itself stays open."""
        if self._zip is not None:
            self._zip.close()
            return
        self._put(b"\0" * 2 * _BLOCK)
        self._file.write(self._deflate.flush())
        self._file.write(self._crc.to_bytes(4, "little"))
        self._file.write((self._length & 0xFFFFFFFF).to_bytes(4, "little"))

    def _put(self, piece: bytes) -> None:
        self._crc = zlib.crc32(piece, self._crc)
        self._length += len(piece)
        self._file.write(self._deflate.compress(piece))


def _tar_header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    try:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    except ValueError:
        raise Refused("NV532", f"the path `{name}` is too long for an archive") from None


def read_archive(file: IO[bytes]) -> Iterator[tuple[str, int, Pieces]]:
    """Yield the name, size and bytes of each member; the bytes are to be taken before the next.

    Raises :class:`Refused` for what is no archive, is damaged, or holds more than plain files.
    """
    with _told_as_damage():
        head = file.read(4)
        file.seek(0)
        if head == b"PK\x03\x04":
            members = _read_zip(file)
        elif head[:2] == _GZIP_HEAD[:2]:
            members = _read_tar(_Unzipped(file))
        else:
            raise _bad("it is neither .tar.gz nor .zip")
        for name, size, pieces in members:
            yield name, size, _guarded(pieces)


def _guarded(pieces: Pieces) -> Pieces:
    # The bytes are taken by the caller, outside the guard of the archive.
    with _told_as_damage():
        yield from pieces


@contextmanager
def _told_as_damage() -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise _bad(f"it is damaged ({error})") from error
    except OSError as error:
        if error.filename is not None:
            raise
        raise _bad("it is damaged (a place in it lies outside of it)") from error


def _bad(why: str) -> Refused:
    return Refused("NV530", why, "get the bundle again from where it was made")


class _Unzipped:
    """The bytes below gzip, of one stream with nothing behind it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._inflate = file, zlib.decompressobj(31)
        if file.read(len(_GZIP_HEAD)) != _GZIP_HEAD:
            raise _bad("its first bytes are not those that nivel writes")
        file.seek(0)

    def read(self, size: int) -> bytes:
        """Return exactly ``size`` bytes; raises Refused at an early end."""
        found = bytearray()
        while len(found) < size:
            piece = self._some(size - len(found))
            if not piece:
                raise _bad("it ends too early")
            found += piece
        return bytes(found)

    def _some(self, size: int) -> bytes:
        while not self._inflate.eof:
            waiting = self._inflate.unconsumed_tail or self._file.read(PIECE)
            piece = self._inflate.decompress(waiting, size)
            if piece or not waiting:
                return piece
        return b""

    def finish(self) -> None:
        """Refuse anything after the end of the archive."""
        if self._some(1) or not self._inflate.eof:
            raise _bad("something follows the end of its files")
        if self._inflate.unused_data or self._file.read(1):
            raise _bad("something follows its end")


def _read_tar(stream: _Unzipped) -> Iterator[tuple[str, int, Pieces]]:
    total = entries = 0
    while (block := stream.read(_BLOCK)) != b"\0" * _BLOCK:
        # Not tarfile.open: it reads long names and extended headers of any size into memory.
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        entries, total = entries + 1, total + info.size
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or info.size < 0:
            raise _bad(f"`{info.name}` is {_KINDS.get(info.type, 'no plain file')}")
        if tarfile.TarInfo.tobuf(_as_written(info), tarfile.USTAR_FORMAT, "utf-8") != block:
            raise _bad(f"the entry `{info.name}` is not one that nivel writes")
        _check_caps(entries, total)
        yield info.name, info.size, _pieces(stream, info.size)
        if stream.read(-info.size % _BLOCK).strip(b"\0"):
            raise _bad(f"something hides behind `{info.name}`")
    if stream.read(_BLOCK).strip(b"\0"):
        raise _bad("its end is not an end")
    stream.finish()


def _as_written(info: tarfile.TarInfo) -> tarfile.TarInfo:
    plain = tarfile.TarInfo(info.name)
    plain.size, plain.mode = info.size, 0o644
    return plain


def _pieces(stream: Any, size: int) -> Pieces:
    while size > 0:
        piece = stream.read(min(size, PIECE))
        size -= len(piece)
        yield piece


def _check_caps(entries: int, total: int) -> None:
    if entries > MAX_ENTRIES:
        raise _bad(f"it holds more than {MAX_ENTRIES:,} files")
    if total > MAX_TOTAL:
        raise _bad(f"unpacked, it is larger than {MAX_TOTAL:,} bytes")


def _read_zip(file: IO[bytes]) -> Iterator[tuple[str, int, Pieces]]:
    _check_directory(file)
    with zipfile.ZipFile(file) as archive:
        total = 0
        for entries, info in enumerate(archive.infolist(), 1):
            total += info.file_size
            _check_caps(entries, total)
            _check_zip_entry(info)
            with archive.open(info) as member:
                yield info.filename, info.file_size, _zip_pieces(member, info)


def _check_directory(file: IO[bytes]) -> None:
    """Hold the 22 bytes at the end to what nivel writes: no comment, a list of sane size."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 22))
    end = file.read(22)
    if len(end) < 22 or end[:4] != b"PK\x05\x06" or end[20:] != b"\0\0":
        raise _bad("something follows its end, or the end is missing")
    length, start = struct.unpack("<LL", end[12:20])
    if length > MAX_DIRECTORY or start + length != size - 22:
        raise _bad("its list of files is not one that nivel writes")


def _check_zip_entry(info: zipfile.ZipInfo) -> None:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or info.is_dir():
        what = "a symbolic link" if kind == stat.S_IFLNK else "no plain file"
        raise _bad(f"`{info.filename}` is {what}")
    if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _bad(f"`{info.filename}` is packed in a way that nivel does not read")


def _zip_pieces(member: IO[bytes], info: zipfile.ZipInfo) -> Pieces:
    size = 0
    while piece := member.read(PIECE):
        size += len(piece)
        if size > info.file_size:
            raise _bad(f"`{info.filename}` is longer than it says")
        yield piece
    if size != info.file_size:
        raise _bad(f"`{info.filename}` is shorter than it says")


def bytes_of(content: bytes | str) -> Pieces:
    """Yield bytes, or those of the file at a path, a piece at a time; raises OSError."""
    if isinstance(content, bytes):
        yield from _until_end(io.BytesIO(content))
        return
    with open(content, "rb") as file:
        yield from _until_end(file)


def _until_end(file: IO[bytes]) -> Pieces:
    while piece := file.read(PIECE):
        yield piece
