"""Text files in UTF-8, with or without a byte-order mark; text in another encoding is refused by name."""

from __future__ import annotations

import codecs
import os
from pathlib import Path

from ...base.errors import InputError

_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",  # before UTF-16, whose mark opens this one
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def existing(path: Path | str) -> Path:
    """``path`` as a Path to a file that is there and not empty; a name that no system takes is none that is there."""
    path = Path(path)
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file")
    if path.stat().st_size == 0:
        raise InputError(f"{path.name}: the file is empty")
    return path


def read_text(path: Path | str) -> str:
    """Text of a file without its byte-order mark; lines end in ``\\n`` alone."""
    path = existing(path)
    return decode_text(path.read_bytes(), path.name).replace("\r\n", "\n").replace("\r", "\n")


def decode_text(raw: bytes, name: str) -> str:
    """Text of UTF-8, with or without a byte-order mark."""
    wide = next((encoding for mark, encoding in _WIDE.items() if raw.startswith(mark)), None)
    if wide:
        raise InputError(f"{name}: is text in {wide}: save it as UTF-8 (in a spreadsheet: CSV UTF-8)")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = raw.count(b"\n", 0, problem.start) + 1
        found = f"0x{raw[problem.start]:02x} in line {line}"
        raise InputError(f"{name}: is no text in UTF-8 (byte {found}): save it as UTF-8") from problem
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise InputError(f"{name}: is no text in UTF-8 (a zero byte in line {line}): save it as UTF-8")
    return text
