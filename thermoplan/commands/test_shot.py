"""Test shot in the animal: SLP times factor from one probe, before full power."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..base.arrays import Array
from ..base.errors import InputError
from ..files.run.plan_record import ShotProbeRecord, TestShotRecord
from ..files.tables.tracer_toml import measured_toml
from ..protocol.complaints import suggestion
from ..report.page import read_plan
from ..tracer.calorimetry import shot_factor
from ..tracer.measured_slp import Estimate, MeasuredSlp
from .answer_types import ShotAnswer, ShotReading
from .options import parse_options
from .tracer_fits import relative_sd

_COLD_K = 1.0
"""Difference from the planned temperature that shows an animal in another state; anaesthesia drifts by less."""


def shot_answer(
    run: Path,
    probe: str,
    readings: Sequence[tuple[str, str]],
    *,
    before: str | None = None,
    thermometer: str = "0.2 K",
    tip: str | None = None,
) -> ShotAnswer:
    """SLP times factor in the animal, from readings ``(at, reads)`` of one probe during the run's test shot.

    ``before`` is its reading just before; ``thermometer`` the standard error of a reading, ``tip`` the relative one
    of the prediction since the tip is not known better, by default what a millimetre does there.
    """
    shot = _read_shot(run, probe)
    plan = shot["probes"][probe]
    at_s, read_c = _parse_readings(readings, shot["duration_s"])
    more = parse_options(
        {"before": before, "thermometer": thermometer, "tip": tip},
        {"before": "temperature", "thermometer": "temperature difference", "tip": "fraction"},
    )
    before_c = more.get("before")
    start = plan["start_c"] if before_c is None else before_c
    iron, other = (np.interp(at_s, shot["time_s"], rise) for rise in (plan["iron_rise_k"], plan["other_rise_k"]))
    tip_rel = more.get("tip", plan["tip_error_rel"])
    factor = shot_factor(
        read_c - start, iron, other_rise_k=other, probe_error_k=more["thermometer"], position_error_rel=tip_rel
    )
    if factor.low <= 0.0:
        raise InputError(
            f"test shot: factor {factor}: zero is within the interval, so the reading tells no SLP: heat "
            "longer or harder ([test_shot] in the protocol), or use a probe nearer to the focus"
        )
    rows: list[ShotReading] = [
        {
            "at_s": float(t),
            "reads_c": float(r),
            "expected_c": float(plan["start_c"] + rise),
            "rise_k": float(r - start),
            "expected_rise_k": float(rise),
        }
        for t, r, rise in zip(at_s, read_c, iron + other, strict=True)
    ]
    return {
        "run": str(run),
        "probe": probe,
        "readings": rows,
        "start_c": start,
        "factor": factor.record(),
        "slp_w_per_g_fe": factor.scaled(shot["slp_w_per_g_fe"]).record(),
        "amplitude_mt": shot["amplitude_mt"],
        "tip_error_rel": tip_rel,
        "stands": factor.low <= 1.0 <= factor.high,
        "measured_slp": measured_toml(_measured_slp(shot, factor, run)),
        "warnings": _shot_warnings(shot, plan, factor, before_c),
    }


def _parse_readings(readings: Sequence[tuple[str, str]], duration_s: float) -> tuple[Array, Array]:
    """Times and temperatures of the readings, each within the shot."""
    known = [
        parse_options({"at": at, "reads": reads}, {"at": "time", "reads": "temperature"}) for at, reads in readings
    ]
    late = [reading["at"] for reading in known if not 0.0 < reading["at"] <= duration_s]
    if late:
        raise InputError([f"--at {t:g} s: the test shot lasts from 0 to {duration_s:g} s" for t in late])
    return np.array([reading["at"] for reading in known]), np.array([reading["reads"] for reading in known])


def _measured_slp(shot: TestShotRecord, factor: Estimate, run: Path) -> MeasuredSlp:
    """SLP in the animal as a tracer file states it."""
    return MeasuredSlp(
        factor.scaled(shot["slp_w_per_g_fe"]).value * 1e3,
        "iron",
        "tissue",
        shot["amplitude_mt"] * 1e-3,
        shot["frequency_khz"] * 1e3,
        source=f"test shot of {run.name}",
        relative_error=relative_sd(factor),
        tracer=str(read_plan(run)["tracer"]["name"]),
    )


def _read_shot(run: Path, probe: str) -> TestShotRecord:
    shot: TestShotRecord | None = read_plan(run).get("test_shot")
    if not shot:
        raise InputError(f"{run / 'plan.json'}: has no test shot: it needs [[probes]] in the protocol; plan again")
    if probe not in shot["probes"]:
        raise InputError(f'--probe = "{probe}": not a probe of this run; {suggestion(probe, shot["probes"])}')
    return shot


def _shot_warnings(shot: TestShotRecord, plan: ShotProbeRecord, factor: Estimate, before: float | None) -> list[str]:
    found = []
    if before is None:
        found.append(
            f"no reading before the shot (--before): the plan's {plan['start_c']:.2f} degC is taken, so an "
            "offset of the thermometer goes into the factor"
        )
    elif abs(before - plan["start_c"]) > _COLD_K:
        found.append(
            f"before the shot the probe read {before:.1f} degC, the plan starts from {plan['start_c']:.1f}: "
            "the animal is not in the state that was planned"
        )
    low, high = shot["slp_factors"]
    if factor.high < low or factor.low > high:
        found.append(
            f"the factor is outside of what the plan held possible ({low:.2g} to {high:.2g}): look for a "
            "probe that is not where the protocol has it, or iron that is not, before planning again"
        )
    return found
