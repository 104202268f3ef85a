"""Dose against its definition, and tissue against the tables it was taken from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..anatomy.tissue import tissue_table
from ..base.arrays import Array
from ..goals.dose import cem43_min
from .validation_row import ValidationRow


def rows() -> Iterator[ValidationRow]:
    """CEM43 of courses with closed forms [SaparetoDewey1984]; conductivities at 100 kHz [Gabriel1996]."""
    key = "SaparetoDewey1984"
    for temperature_c, minutes, dose in ((44, 30, 60.0), (41, 60, 3.75), (50, 1, 128.0), (39, 60, 0.234375)):
        ours = _dose(np.array([temperature_c, temperature_c], float), minutes)
        yield ValidationRow(f"CEM43 of {minutes} min at {temperature_c} degC, min", dose, ours, 1e-6, key)
    ramp = _dose(np.array([37.0, 45.0]), 10)
    yield ValidationRow("CEM43 of a ramp from 37 to 45 degC in 10 min, min", 6.311571, ramp, 1e-6, key)
    approach = 37.0 + 8.0 * (1.0 - np.exp(-np.linspace(0.0, 1800.0, 9001) / 120.0))
    yield ValidationRow(
        "CEM43 of 37 + 8 (1 - exp(-t / 2 min)) in 30 min, min", 101.28830, _dose(approach, 30), 1e-6, key
    )
    for name, sigma in (("muscle", 0.36185), ("fat", 0.02441), ("blood", 0.70292)):
        ours = tissue_table("human", 100e3)[name].electrical_conductivity_s_m
        yield ValidationRow(f"conductivity of {name} at 100 kHz, S/m", sigma, ours, 3e-4, "Gabriel1996")


def _dose(course_c: Array, minutes: float) -> float:
    return float(cem43_min(zip(np.linspace(0.0, 60.0 * minutes, len(course_c)), course_c, strict=True)))
