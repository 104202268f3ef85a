"""Shared display helpers: notebook cards of name and value, and as many digits as tell two numbers apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape

MOST_DIGITS = 4
_CELL = "padding:2px 14px 2px 0;text-align:left;vertical-align:top"


def card(title: str, rows: Iterable[tuple[str, str]], remarks: Iterable[str] = ()) -> str:
    """HTML of one table; it takes the notebook's own colours."""
    body = "".join(
        f'<tr><th scope="row" style="{_CELL};font-weight:normal;opacity:.75">{escape(name)}</th>'
        f'<td style="{_CELL}">{escape(value)}</td></tr>'
        for name, value in rows
    )
    notes = "".join(f'<div style="max-width:60em;opacity:.75">{escape(text)}</div>' for text in remarks if text)
    return f'<div><strong>{escape(title)}</strong><table style="border-collapse:collapse">{body}</table>{notes}</div>'


def tell_apart(shown: Callable[[float, int], str], value: float, bound: float) -> str:
    """A value that misses its bound, with as many further digits as it takes not to read like it.

    ``shown`` writes a number with so many digits more than usual.
    """
    for more in range(MOST_DIGITS):
        if shown(value, more) != shown(bound, more):
            return shown(value, more)
    return shown(value, 0)
