"""Units that a file states for its values, held against the unit that a user states."""

from __future__ import annotations

import re

from ...base.errors import InputError
from ...base.image import Image
from ...base.units import NotAQuantity, iron_factor

_NO_UNIT = {"", "1", "unknown", "none", "no units", "arbitrary", "a.u.", "au", "counts", "us", "pixel intensity"}
"""Words of files for values of no unit; the user's unit counts there. UCUM writes notes in braces."""
_SAME = 1e-6
"""Relative difference of two units' factors that rounding may explain."""


def refuse_other_unit(image: Image, unit: str, *, name: str, where: str) -> None:
    """Refuse a unit of iron that is not the one in which the file says its values are; ``where`` names the key."""
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", image.unit).strip()
    if bare.lower() in _NO_UNIT:
        return
    said = f'{name}: its values are in "{image.unit}", as it says itself'
    try:
        factor = iron_factor(bare)
    except NotAQuantity:
        raise InputError(
            f'{said}, which is no concentration of iron; {where} = "{unit}" cannot be: give the image of the iron'
        ) from None
    if abs(factor / iron_factor(unit) - 1.0) > _SAME:
        raise InputError(f'{said}; {where} = "{unit}": expected "{bare}"')
