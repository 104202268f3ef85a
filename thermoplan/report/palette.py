"""One colour a region in page, pictures and scene: Okabe and Ito's set, safe for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterable

VERMILION = "#bb4a08"
BLUE = "#0072b2"
GREEN = "#00805c"
ORANGE = "#c98a00"
PURPLE = "#a8568a"
SKY = "#3a93c4"
ISOTHERMS_C = {41.0: "#d99a14", 43.0: "#dd5b1f", 45.0: "#8c1d2f"}
ISODOSES_MIN = {10.0: "#7fb2d9", 60.0: "#4a62b3", 240.0: "#43207a"}
"""Surfaces of the scene, of temperature and of CEM43."""

PROBE = "#007c80"
VESSEL = "#c2185b"
INK = "#1c1b19"
MUTED = "#63605a"
GREY = "#8d8a84"

_KNOWN = {
    "tumour": VERMILION,
    "tumor": VERMILION,
    "lesion": VERMILION,
    "liver": BLUE,
    "spleen": PURPLE,
    "kidneys": GREEN,
    "kidney": GREEN,
    "bowel": ORANGE,
    "skin": SKY,
    "core": INK,
    "body": GREY,
    "muscle": GREY,
    "lungs": "#7d9bb5",
    "heart": "#9c3d3d",
    "bone": "#b3a78c",
    "brain": "#8f7fb0",
    "everywhere-else": MUTED,
}
_SPARE = ("#5b7f2b", "#6d5aa6", "#a66f00", "#3d6f87", "#8a4b5f", "#4c7a6a", "#777144", "#7a5c48")
_STOPS = (
    "#00224e",
    "#123570",
    "#3b496c",
    "#575d6d",
    "#707173",
    "#8a8678",
    "#a59c74",
    "#c3b369",
    "#e1cc55",
    "#fee838",
)


def region_colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each name: the well-known organs keep theirs, others take the spare ones in order."""
    colours: dict[str, str] = {}
    spare = 0
    for name in names:
        if name in colours:
            continue
        known = next((c for word, c in _KNOWN.items() if name.lower().startswith(word)), None)
        if known is None or known in colours.values():
            known, spare = _SPARE[spare % len(_SPARE)], spare + 1
        colours[name] = known
    return colours


def cividis(share: float) -> str:
    """Colour of ``share`` (0 to 1) on the cividis scale [Nunez2018], as ``#rrggbb``."""
    place = min(max(share, 0.0), 1.0) * (len(_STOPS) - 1)
    low = min(int(place), len(_STOPS) - 2)
    ends = [[int(stop[k : k + 2], 16) for k in (1, 3, 5)] for stop in _STOPS[low : low + 2]]
    mixed = (round(a + (b - a) * (place - low)) for a, b in zip(*ends, strict=True))
    return "#" + "".join(f"{v:02x}" for v in mixed)
