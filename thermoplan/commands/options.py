"""Options of the command line as numbers in SI."""

from __future__ import annotations

from collections.abc import Mapping

from ..base.errors import InputError
from ..base.units import NotAQuantity, parse
from ..protocol.spans import SPANS

MAY_BE_ZERO = ("from", "error", "tip")
"""Options besides temperatures whose zero means something."""


def parse_options(given: Mapping[str, str | None], kinds: Mapping[str, str]) -> dict[str, float]:
    """SI values of the options that were given, all complaints at once; ``kinds`` are those of their quantities."""
    values: dict[str, float] = {}
    faults = []
    for key, kind in kinds.items():
        text = given.get(key)
        if text is None:
            continue
        option = f"--{key.replace('_', '-')}"
        try:
            values[key] = SPANS[kind].read(text) if kind in SPANS else parse(text, kind)
        except NotAQuantity as problem:
            faults.append(f'{option} = "{text}": {problem}')
            continue
        if values[key] == 0.0 and kind != "temperature" and key not in MAY_BE_ZERO:
            faults.append(f'{option} = "{text}": expected more than zero')
    if faults:
        raise InputError(faults)
    return values
