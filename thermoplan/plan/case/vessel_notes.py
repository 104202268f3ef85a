"""Vessels of a protocol on a mesh: notes, refusals, and rows of the parameters."""

from __future__ import annotations

from ...anatomy.anatomy import Anatomy
from ...base.arrays import Array
from ...base.errors import InputError
from ...bioheat import tube_m
from ...bioheat.vessels import NUSSELT
from ...files.run.plan_record import ParameterRecord
from ...protocol import Protocol

MOST_EQUILIBRATED = 0.1
"""Part of the difference to tissue that blood may take on along its path unremarked: its temperature is kept."""
MOST_OUTSIDE = 0.1
"""Part of a path that may leave the body unremarked: a path that is drawn to the skin ends a little off it."""
PATH_POINTS = 100
"""Points of a path that are looked up in the body; a tenth of them makes `MOST_OUTSIDE`."""


def vessel_notes(protocol: Protocol, anatomy: Anatomy) -> list[str]:
    """Vessels that leave the body or that a mesh does not resolve, and blood that does not stay at the core's
    temperature.

    Raises
    ------
    InputError
        Where a vessel runs through no part of the body.
    """
    notes, complaints = [], []
    for number, vessel in enumerate(protocol.vessels):
        tube = tube_m(anatomy, vessel)
        if not tube:
            complaints.append(
                f"{protocol.path.name}: vessels[{number}].path: {vessel.name} runs from "
                f"{_extent(vessel.path_m)} mm, through no part of the body ({_extent(anatomy.points_m)} "
                "mm): expected RAS millimetres of the anatomy's frame"
            )
            continue
        outside = (anatomy.located(vessel.dense_m(vessel.length_m / PATH_POINTS))[0] < 0).mean()
        if outside > MOST_OUTSIDE:
            notes.append(
                f"vessel {vessel.name}: {outside:.0%} of its path runs outside the body, where it exchanges "
                "nothing; check its path's unit and frame (RAS, the anatomy's)"
            )
        if tube > 0.5 * vessel.diameter_m:
            notes.append(
                f"vessel {vessel.name}: temperatures within {1e3 * tube:.2g} mm of its line are smeared, as "
                "the mesh there is no finer; beyond they are those of its own wall"
            )
        lost = vessel.equilibrated
        if lost is not None and lost > MOST_EQUILIBRATED:
            notes.append(
                f"vessel {vessel.name}: its blood would take on about {lost:.0%} of its difference to tissue "
                "along its path, but is kept at the core's temperature: it exchanges too much"
            )
    if complaints:
        raise InputError(complaints)
    return notes


def _extent(points_m: Array) -> str:
    return " to ".join(" ".join(f"{1e3 * x:.3g}" for x in end) for end in (points_m.min(axis=0), points_m.max(axis=0)))


def vessel_rows(protocol: Protocol, anatomy: Anatomy) -> list[ParameterRecord]:
    """Numbers of each vessel, as rows of the parameters."""
    rows: list[ParameterRecord] = []
    for vessel in protocol.vessels:
        said = "protocol" if vessel.nusselt != NUSSELT else "closed form: developed laminar flow, even flux"
        parts = (
            ("length", vessel.length_m * 1e3, "mm", "protocol"),
            ("diameter", vessel.diameter_m * 1e3, "mm", "protocol"),
            ("Nusselt number", vessel.nusselt, "1", said),
            ("radius of the tube that exchanges its heat", tube_m(anatomy, vessel) * 1e3, "mm", "mesh"),
        )
        rows += [
            {"name": f"vessel {vessel.name}: {label}", "value": value, "unit": unit, "source": source}
            for label, value, unit, source in parts
        ]
    return rows
