"""Cards that a notebook shows for an object: a title and rows of name and value, escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_CELL = "padding:2px 14px 2px 0;text-align:left;vertical-align:top"


def card(title: str, rows: Iterable[tuple[str, str]], remarks: Iterable[str] = ()) -> str:
    """HTML of one table; it takes the notebook's own colours."""
    body = "".join(f'<tr><th scope="row" style="{_CELL};font-weight:normal;opacity:.75">{escape(name)}</th>'
                   f'<td style="{_CELL}">{escape(value)}</td></tr>' for name, value in rows)
    notes = "".join(f'<div style="max-width:60em;opacity:.75">{escape(text)}</div>' for text in remarks if text)
    return f'<div><strong>{escape(title)}</strong><table style="border-collapse:collapse">{body}</table>{notes}</div>'
