"""Warnings of a run: coarse mesh, field, tracer, fixed core, and the notes of every stage."""

from __future__ import annotations

from collections.abc import Iterable

from ...device import unknown_field
from ...power.heating_warnings import focus_warnings
from ..case.case import Case
from ..case.heater_shift import shift_notes


def run_warnings(case: Case, *notes: Iterable[str], quick: bool) -> list[str]:
    """Each warning once, those of the case before the ``notes`` of later stages."""
    protocol = case.protocol
    tracer, physiology = protocol.tracer, protocol.physiology
    found = ["quick: a coarse mesh; temperatures are a first look"] if quick else []
    found += [*shift_notes(protocol), *unknown_field(protocol.device, case.anatomy.points_m)]
    if tracer.effective:
        found.append(f"{tracer.name} is an effective tracer: {tracer.effective}")
    found += focus_warnings(tracer, protocol.device)
    if physiology.core == "fixed" and physiology.core_course is None and case.species.is_alive:
        found.append(
            'core = "fixed": blood stays at its temperature whatever is absorbed, an infinite heat sink; '
            "core temperature and organ limits look better than they are"
        )
    return list(dict.fromkeys([*found, *case.notes, *(text for part in notes for text in part)]))
