"""Text in CSV that no spreadsheet takes for a formula: an apostrophe stands before it, a spreadsheet's mark of text."""

from __future__ import annotations

import re

_FORMULA = re.compile(r"\s*[=+\-@\t\r]")
"""Beginning of what Excel, LibreOffice and Google Sheets evaluate; they skip blanks before it."""
_IN_COMMENT = re.compile(r"([,;\t|]\s*)(?=[=+\-@])(?![+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*(?:[,;\t|]|$))")
"""Beginning of a cell after a separator within a comment line, but for plain numbers."""


def harmless(text: str) -> str:
    """``text`` as a cell; a number stays as it is."""
    return f"'{text}" if _FORMULA.match(text) and not _is_number(text) else text


def harmless_comment(text: str) -> str:
    """``text`` within a comment line, which a spreadsheet cuts into cells at its separators."""
    return _IN_COMMENT.sub(r"\1'", text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
