"""Forecast of the test shot: readings of every probe during a short shot at low power, so that one tells the SLP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...anatomy.anatomy import Anatomy
from ...base.arrays import Array
from ...base.errors import InputError
from ...base.progress import Stages
from ...bioheat import Segment, play_with_warming
from ...files.run.plan_record import ShotProbeRecord, TestShotRecord
from ...files.run.record_types import Reading
from ...power.heating_basis import Column
from ...power.slp_uncertainty import slp_interval
from ...tracer.tracer import slp_w_kg
from ..case.heating_model import HeatingModel
from .outcome import SLP_FACTORS, Outcome

PART = 0.5
"""Amplitude as a part of the plan's: half of it heats a quarter or less."""
SHOT_S = 120.0
"""Duration: two minutes warm a focus by a few kelvins, which a thermometer can tell; four would begin to treat it."""
STEP_S = 5.0
"""Time between the readings of a course, as close as a bench reads."""
ROWS_S = (30.0, 60.0, 90.0, 120.0)
"""Times of the table for the bench."""
TIP_M = 1e-3
"""Uncertainty of the place of a probe's tip; a planner's choice."""
FAINT_K = 0.6
"""Least rise that tells an SLP: three errors of a thermometer."""
HOT_C = 43.0
"""Highest temperature of a shot: from here on heat does harm within an hour."""


def forecast_shot(heating_model: HeatingModel, outcome: Outcome, stages: Stages) -> TestShotRecord | None:
    """Readings of every probe during the shot; None for a protocol without probes.

    The field-free region is parked where the plan heats longest, at half the plan's largest amplitude unless the
    protocol says otherwise. ``iron_rise_k`` is what the tracer adds, ``other_rise_k`` all else.
    """
    with stages.stage("test shot"):
        return _forecast(heating_model, outcome) if heating_model.case.protocol.probes else None


def _forecast(heating_model: HeatingModel, outcome: Outcome) -> TestShotRecord:
    case, system = heating_model.case, heating_model.system
    column, stated_s = _column(heating_model, outcome), case.protocol.shot.duration_s
    duration = SHOT_S if stated_s is None else stated_s
    times = np.unique(np.append(np.arange(0.0, duration, STEP_S), duration))
    basis = heating_model.basis((column,))
    eddy = np.zeros(system.n_nodes)
    if heating_model.eddy is not None:
        eddy = heating_model.eddy.load_w * (column.amplitude_t / heating_model.eddy.amplitude_t) ** 2
    whole = _temperatures_c(heating_model, basis.load_w[0], times)
    other = _temperatures_c(heating_model, eddy, times)
    rows = {
        probe.name: _reading(case.anatomy, np.array(probe.position_m), whole, other) for probe in case.protocol.probes
    }
    tracer, device = case.protocol.tracer, case.protocol.device
    slp = float(slp_w_kg(tracer, amplitude_t=column.amplitude_t, frequency_hz=device.frequency_hz))
    return {
        "position_mm": (np.array(column.center_m) * 1e3).tolist(),
        "amplitude_mt": column.amplitude_t * 1e3,
        "gradient_t_m": column.gradient_t_m,
        "duration_s": duration,
        "slp_w_per_g_fe": slp * 1e-3,
        "frequency_khz": device.frequency_hz * 1e-3,
        "hottest_c": float(whole[:, : system.n_nodes].max()),
        "slp_factors": list(slp_interval(tracer, device).factors),
        "time_s": times.tolist(),
        "probes": rows,
        "rows": _bench_table(times, rows, duration),
        "notes": _notes(rows, float(whole[-1, : system.n_nodes].max())),
    }


def _column(heating_model: HeatingModel, outcome: Outcome) -> Column:
    protocol = heating_model.case.protocol
    columns = outcome.basis.columns
    heaviest = columns[int(np.argmax(outcome.shares * outcome.basis.iron_w))]
    amplitude = protocol.shot.amplitude_t
    if amplitude is None:
        amplitude = max(PART * max(c.amplitude_t for c in columns), protocol.device.amplitude_range_t[0])
    found = protocol.device.violations(amplitude_t=amplitude)
    if found:
        raise InputError([f"{protocol.path.name}: test_shot.amplitude: {text}" for text in found])
    return replace(heaviest, amplitude_t=amplitude)


def _temperatures_c(heating_model: HeatingModel, load_w: Array, times: Array) -> Array:
    """Temperatures ``(t, dofs)`` while a load is held."""
    pieces = [Segment(load_w, float(times[-1]))]
    return np.array(
        [t.copy() for _, t in play_with_warming(heating_model.system, pieces, times, feedback=heating_model.feedback)]
    )


def _reading(anatomy: Anatomy, position_m: Array, whole: Array, other: Array) -> ShotProbeRecord:
    """Courses at a probe, and the relative error of its rise for a tip that is `TIP_M` off, rms over six ways."""
    moved = np.vstack([position_m, position_m + TIP_M * np.vstack([np.eye(3), -np.eye(3)])])
    cell, weights = anatomy.located(moved)
    inside = cell >= 0
    nodes = anatomy.tets[cell[inside]]
    iron = np.einsum("tpc,pc->tp", (whole - other)[:, nodes], weights[inside])
    start, rest = (float(other[0, nodes[0]] @ weights[0])), other[:, nodes[0]] @ weights[0]
    last = iron[-1]
    off = float(np.sqrt(np.mean((last[1:] / last[0] - 1.0) ** 2))) if last[0] > 0.0 and len(last) > 1 else 0.0
    return {
        "start_c": start,
        "temperature_c": (rest + iron[:, 0]).tolist(),
        "iron_rise_k": iron[:, 0].tolist(),
        "other_rise_k": (rest - start).tolist(),
        "tip_error_rel": off,
    }


def _bench_table(times: Array, probes: Mapping[str, ShotProbeRecord], duration_s: float) -> list[Reading]:
    """Rows for the bench: minute and reading of every probe, with those of the plan's own SLP x 0.7 and 1.3."""
    less, more = SLP_FACTORS
    found: list[Reading] = []
    for at in [t for t in ROWS_S if t < duration_s] + [duration_s]:
        row: Reading = {"minute": at / 60.0}
        for name, probe in probes.items():
            iron, rest = (float(np.interp(at, times, rise)) for rise in (probe["iron_rise_k"], probe["other_rise_k"]))
            row |= {
                f"{name}_c": probe["start_c"] + rest + iron,
                f"{name}_low_c": probe["start_c"] + rest + less * iron,
                f"{name}_high_c": probe["start_c"] + rest + more * iron,
            }
        found.append(row)
    return found


def _notes(rows: Mapping[str, ShotProbeRecord], hottest_c: float) -> list[str]:
    faint = [name for name, probe in rows.items() if probe["iron_rise_k"][-1] < FAINT_K]
    found = []
    if len(faint) == len(rows):
        found.append(
            f"the test shot warms {', '.join(faint)} by less than {FAINT_K:g} K: too little to tell an SLP; "
            "give [test_shot] a longer duration or more amplitude, or put a probe into the target"
        )
    if hottest_c > HOT_C:
        found.append(
            f"the test shot reaches {hottest_c:.1f} degC: give [test_shot] a shorter duration or less amplitude"
        )
    return found


def shot_notes(shot: TestShotRecord | None) -> list[str]:
    """Warnings of a shot."""
    return [] if shot is None else shot["notes"]
