"""Values of an NRRD file, raw, packed or as text, read straight into their array: never in memory twice."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import math
import sys
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from io import BufferedReader
from typing import Protocol

import numpy as np

from ...base.arrays import AnyArray
from ...base.errors import InputError


class _Unpacked(Protocol):
    """Binary stream that reads into memory that is there already."""

    def read(self, size: int, /) -> bytes: ...
    def readinto(self, buffer: memoryview, /) -> int | None: ...


_TEXT = ("text", "txt", "ascii")


def _as_it_is(stream: BufferedReader) -> AbstractContextManager[_Unpacked]:
    return contextlib.nullcontext(stream)


_UNPACK: dict[str, Callable[[BufferedReader], AbstractContextManager[_Unpacked]]] = {
    "raw": _as_it_is,
    **dict.fromkeys(_TEXT, _as_it_is),
    **dict.fromkeys(("gzip", "gz"), lambda stream: gzip.GzipFile(fileobj=stream)),
    **dict.fromkeys(("bzip2", "bz2"), bz2.BZ2File),
}
LONGEST_LINE = 2**20
"""Bytes of a line of the header at most; longer ones are no text that a program wrote."""
LONGEST_HEADER = 2**24
"""Bytes of a header at most, also of what is to be skipped before packed values."""
_CHUNK_BYTES = 2**20
"""Bytes that are unpacked at once into the array."""
_WORDS_BYTES = 2**16
"""Bytes of text that are split into words at once: words take fifty times their room."""


def unpacked_values(
    stream: BufferedReader, header: dict[str, str], dtype: np.dtype[np.generic], sizes: list[int], name: str
) -> AnyArray:
    """All values in the file's order, read straight into their array, in this machine's byte order."""
    encoding, count = header.get("encoding", "raw").lower(), math.prod(sizes)
    if encoding not in _UNPACK:
        raise InputError(f'{name}: encoding = "{encoding}": expected raw, gzip, bzip2 or text')
    try:
        for _ in range(int(header.get("line skip", "0"))):
            if not stream.readline(LONGEST_LINE):
                break
        skip = int(header.get("byte skip", "0"))
        if skip > LONGEST_HEADER and encoding != "raw":
            raise InputError(
                f"{name}: byte skip = {skip}: would unpack more than {LONGEST_HEADER / 2**20:.0f} MiB "
                "before the first value: save the image anew"
            )
        if encoding in _TEXT:
            return _exactly(_from_text(stream, dtype, count), count, name)
        data = np.empty(count, dtype)
        if encoding == "raw":
            stream.seek(-data.nbytes, 2) if skip == -1 else stream.seek(max(skip, 0), 1)
        with _UNPACK[encoding](stream) as unpacked:
            if encoding != "raw" and skip > 0:
                unpacked.read(skip)
            filled = _fill(unpacked, data)
            if encoding != "raw":
                unpacked.read(1)  # at its end a packed stream looks at its checksum
    except (zlib.error, OSError, EOFError, ValueError, OverflowError) as problem:
        raise InputError(f"{name}: cannot be unpacked, it may be cut short: {problem}") from problem
    if header.get("endian", "little").lower() == ("big" if sys.byteorder == "little" else "little"):
        data.byteswap(inplace=True)
    return _exactly(data[: filled // dtype.itemsize], count, name)


def _fill(stream: _Unpacked, data: AnyArray) -> int:
    """Bytes that the stream had for ``data``."""
    view, filled = memoryview(data).cast("B"), 0
    while filled < len(view):
        got = stream.readinto(view[filled : filled + _CHUNK_BYTES])
        if not got:
            break
        filled += got
    return filled


def _from_text(stream: BufferedReader, dtype: np.dtype[np.generic], count: int) -> AnyArray:
    """Numbers in text, a piece at a time: words as objects would take fifty times their room."""
    data, done, rest = np.empty(count, dtype), 0, b""
    while done < count and (piece := stream.read(_WORDS_BYTES)):
        piece = rest + piece
        cut = max(piece.rfind(b) for b in b" \t\r\n")
        words, rest = (piece[:cut], piece[cut:]) if cut >= 0 else (b"", piece)
        done += _put(words, data, done)
        if len(rest) > LONGEST_LINE:
            raise ValueError("a number is longer than a line")
    done += _put(rest, data, done) if done < count else 0
    return data[:done]


def _put(text: bytes, data: AnyArray, start: int) -> int:
    found = np.array(text.split()[: data.size - start], data.dtype)
    data[start : start + found.size] = found
    return found.size


def _exactly(values: AnyArray, count: int, name: str) -> AnyArray:
    if values.size != count:
        raise InputError(f"{name}: is cut short: it holds fewer than {count} values")
    return values
