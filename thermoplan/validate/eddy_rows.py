"""Eddy currents against closed forms of cylinders."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..anatomy.anatomy import Anatomy
from ..anatomy.tissue import region_tissues
from ..power.eddy import EddyPower, eddy_power
from .bodies import cylinder
from .magnetics_rows import BERKELEY
from .validation_row import ValidationRow

_ALONG = np.array([0.0, 0.0, 1.0])
_GAUGE = BERKELEY["amplitude_t"] * np.array([[0, 0.5, 0], [0.5, 0, 0], [0, 0, 0]])


def rows() -> Iterator[ValidationRow]:
    """Muscle at 13 mT, 354 kHz. E = w B (-a^2 y, b^2 x) / (a^2 + b^2) in an ellipse along the field."""
    tissues = region_tissues(["muscle"])
    body = cylinder(12.5e-3, 9e-3, 3e-3, cells=60)
    for name, gauge in (("", None), (", other gauge", _GAUGE)):
        found = eddy_power(body, tissues, drive_axis=_ALONG, gauge=gauge, **BERKELEY)
        tip, side = at_the_tips(body, found, 12.5e-3, 9e-3)
        yield ValidationRow(f"eddies, ellipse 12.5 x 9 mm at (a, 0), W/kg{name}", 2.922, tip, 0.01, "closed form")
        yield ValidationRow(f"eddies, ellipse 12.5 x 9 mm at (0, b), W/kg{name}", 5.637, side, 0.01, "closed form")
        yield ValidationRow(
            f"eddies, ellipse 12.5 x 9 mm, mean, W/kg{name}", 2.140, found.mean_w_kg, 0.01, "closed form"
        )
    mouse = cylinder(12.5e-3, 12.5e-3, 3e-3)
    found = eddy_power(mouse, tissues, drive_axis=_ALONG, **BERKELEY)
    yield ValidationRow(
        "eddies, mouse of radius 12.5 mm, edge, W/kg",
        6.27,
        at_the_tips(mouse, found, 12.5e-3, 12.5e-3)[0],
        0.01,
        "closed form",
    )
    yield ValidationRow("eddies, mouse of radius 12.5 mm, mean, W/kg", 3.13, found.mean_w_kg, 0.01, "closed form")


def at_the_tips(anatomy: Anatomy, found: EddyPower, a_m: float, b_m: float) -> tuple[float, float]:
    """W/kg of muscle at (a, 0) and (0, b): the field is linear in x and y, so p x^2 + q y^2 is fitted to all
    elements."""
    density_kg_m3 = region_tissues(["muscle"])[0].density_kg_m3
    squares = anatomy.centroids_m[:, :2] ** 2
    p, q = np.linalg.lstsq(squares, found.density_w_m3 / density_kg_m3, rcond=None)[0]
    return float(p * a_m**2), float(q * b_m**2)
