"""A protocol with a few of its keys changed, its comments and everything else kept."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, MutableMapping

from ..base.errors import InputError


def with_changes(text: str, changes: Mapping[str, object], where: str) -> str:
    """The text of a TOML file with values set by dotted key; ``goals.0.at_least`` is that of the first goal.

    A table that is not there is made; None removes a key. Values are checked when the text is read.
    """
    import tomlkit

    try:
        document = tomlkit.parse(text)
    except (ValueError, RecursionError) as problem:
        raise InputError(f"{where}: cannot be changed: {problem}") from problem
    for key, value in changes.items():
        *path, last = key.split(".")
        table: object = document
        for part in path:
            table = _step(table, part, key, where)
        if isinstance(table, list):
            row = _index(table, last, key, where)
            if value is not None:
                table[row] = value
        elif not isinstance(table, MutableMapping):
            raise InputError(f"{where}: cannot change {key}: {path[-1]} is a value, not a table")
        elif value is not None:
            table[last] = value
        elif last in table:
            del table[last]
    return tomlkit.dumps(document)


def parse_settings(words: Iterable[str]) -> dict[str, object]:
    """Changes from words such as ``device.gradient=5 T/m``; a value that is no TOML stands for itself as text, an empty
    one removes the key."""
    found: dict[str, object] = {}
    for word in words:
        key, sign, value = word.partition("=")
        if not sign or not key.strip():
            raise InputError(f'--set {word}: expected KEY=VALUE, such as "device.gradient=5 T/m"')
        if not value.strip():
            found[key.strip()] = None
            continue
        try:
            found[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except (ValueError, RecursionError):
            found[key.strip()] = value.strip()
    return found


def _step(table: object, part: str, key: str, where: str) -> object:
    if isinstance(table, list):
        return table[_index(table, part, key, where)]
    if not isinstance(table, MutableMapping):
        raise InputError(f"{where}: cannot change {key}: {part} is inside a value, not a table")
    if part not in table:
        import tomlkit

        table[part] = tomlkit.table()
    return table[part]


def _index(rows: list[object], part: str, key: str, where: str) -> int:
    if not part.isdigit() or int(part) >= len(rows):
        raise InputError(f"{where}: cannot change {key}: expected a number from 0 to {len(rows) - 1}, not {part}")
    return int(part)
