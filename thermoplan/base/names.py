"""Names that users give to runs, regions, probes and vessels: what is refused, and what stands for them in files."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LONGEST_NAME_BYTES = 120
"""Bytes of a name: a table's column and a report's row hold no more, and an atlas's longest has 90."""
_LONGEST_FOLDER_BYTES = 100
"""Bytes of a folder's name: with what a run puts before and behind it stays under the 255 of every file system."""


def name_fault(name: str) -> str:
    """Fault of a name with its remedy, "" where there is none."""
    if not any(map(str.isalnum, name)):
        return 'expected a name with a letter or a digit in it, such as "liver-left"'
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in name):
        return "holds a line break or another control character; expected a name on one line"
    if len(name.encode("utf-8", "replace")) > LONGEST_NAME_BYTES:
        return f"expected a name of {LONGEST_NAME_BYTES} bytes at most"
    return ""


def slug(name: str) -> str:
    """``name`` as a folder's name: without separators, dots at its ends, or more than a file system takes."""
    plain = re.sub(r"[^\w.+-]+", "-", name).strip("-.")
    return plain.encode()[:_LONGEST_FOLDER_BYTES].decode(errors="ignore").rstrip("-.") or "plan"


def dataset_names(names: Iterable[str]) -> dict[str, str]:
    """Names of data sets in HDF5, where "/" and "." are separators, for names of one's own; each once."""
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[/.]", "_", name)
        while plain in found.values():
            plain += "_"
        found[name] = plain
    return found
