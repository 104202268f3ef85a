"""Units of length by the words that files use for them."""

from __future__ import annotations

_WORDS = {
    1.0: ("m", "meter", "meters", "metre", "metres"),
    1e-2: ("cm", "centimeter", "centimeters", "centimetre", "centimetres"),
    1e-3: ("mm", "millimeter", "millimeters", "millimetre", "millimetres"),
    1e-6: ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometers", "micrometre", "micrometres"),
    1e-9: ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
}
_METRES = {word: metres for metres, words in _WORDS.items() for word in words}


def metres_of(word: str) -> float | None:
    """Metres of one unit; None where the word is no unit of length."""
    return _METRES.get(word.strip().lower())
