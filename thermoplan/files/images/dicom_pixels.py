"""Pixels of DICOM files: refused by size before they are unpacked, decoded a frame at a time."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...base.arrays import AnyArray
from ...base.errors import InputError
from ..size_guard import guard_size

_PIECE_BYTES = 2**20
"""Bytes of a deflated file that are unpacked at once, so that one that would not fit is refused before it is whole."""
_PREAMBLE_BYTES = 128 + 4 + 12  # preamble, prefix and the entry of the group's length
_MOST_FRAMES = 65_536


def frame_count(file: Any) -> int:
    """Number of frames; 1 where the file leaves it out or empty. A zero stays zero, which is refused."""
    stated = file.get("NumberOfFrames")
    return 1 if stated is None else int(stated)


def refuse_large(files: list[Any], name: str, limit_bytes: int) -> None:
    """Size of the images by their headers, before any pixel is unpacked."""
    total = 0
    for file in files:
        count, size = frame_count(file), int(file.Rows) * int(file.Columns)
        if count < 1 or size < 1:
            raise InputError(
                f"{name}: NumberOfFrames = {count}, Rows = {file.Rows}, Columns = {file.Columns}: "
                "expected 1 or more of each"
            )
        groups = file.get("PerFrameFunctionalGroupsSequence")
        if count > _MOST_FRAMES or (groups and len(groups) != count):
            described = f"{len(groups)} are described" if groups else f"expected {_MOST_FRAMES} at most"
            raise InputError(f"{name}: NumberOfFrames = {count}: {described}: the file may be damaged")
        total += count * size * max(4, int(file.get("BitsAllocated", 16)) // 8)
    guard_size(name, (total,), np.dtype(np.uint8), limit_bytes)


def refuse_deflated(path: Path, limit_bytes: int) -> None:
    """A deflated file is unpacked whole before its header can be read: its size is counted first, a piece at a time."""
    from pydicom.filereader import read_file_meta_info
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    meta = read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") != DeflatedExplicitVRLittleEndian:
        return
    packed, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    with path.open("rb") as stream:
        stream.seek(_PREAMBLE_BYTES + int(meta.FileMetaInformationGroupLength))
        while piece := packed.unconsumed_tail or stream.read(_PIECE_BYTES):
            size += len(packed.decompress(piece, _PIECE_BYTES))
            if size > limit_bytes:
                guard_size(path.name, (size,), np.dtype(np.uint8), limit_bytes)


def decoded_frames(source: Any, wanted: list[int]) -> Iterator[AnyArray]:
    """Frames of one file ``(rows, columns)``, in the order wanted."""
    from pydicom.pixels.utils import iter_pixels
    from pydicom.uid import DeflatedExplicitVRLittleEndian

    if source.file_meta.TransferSyntaxUID != DeflatedExplicitVRLittleEndian:
        yield from iter_pixels(source.filename, indices=wanted)
        return
    held = source.pixel_array
    held = held if held.ndim == 3 else held[None]
    yield from (held[frame] for frame in wanted)
