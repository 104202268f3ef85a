"""Comparison of two runs: goals, organs, fields, parameters and inputs. Differences are B - A."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..report.formats import at, usable
from ..report.page import read_plan
from .comparison import Comparison, GoalPair, InputState, NamedPair, Pair, RunHeading, Value
from .map_differences import map_differences

if TYPE_CHECKING:
    from ..files.run.plan_record import PlanRecord

__all__ = ["compare", "compare_and_write"]

NUMBERS = (
    ("SLP", "summary.slp_w_per_g_fe", "W/g Fe"),
    ("duty", "summary.duty", ""),
    ("amplitude, peak", "device.amplitude_mt", "mT"),
    ("frequency", "device.frequency_khz", "kHz"),
    ("gradient", "device.gradient_t_m", "T/m"),
    ("FFR width along the drive", "ffr.fwhm_along_mm", "mm"),
    ("FFR width across", "ffr.fwhm_across_mm", "mm"),
    ("positions", "trajectory.positions", ""),
    ("stops", "trajectory.stops", ""),
    ("heating", "timing.heating_end_s", "s"),
    ("iron in the body", "iron.mesh_mg", "mg"),
    ("absorbed power, mean", "safety.absorbed_w", "W"),
    ("eddy currents", "safety.eddy_w", "W"),
    ("hottest point", "hottest.temperature_c", "degC"),
    ("H f", "safety.h_f_a_m_s", "A/m/s"),
)
ORGAN_KEYS = (
    "iron_mg",
    "t90_c",
    "t50_c",
    "t10_c",
    "t_peak_c",
    "cem43t90_min",
    "cem43t50_min",
    "cem43_max_min",
    "power_w",
)


def compare(a: Path | str, b: Path | str) -> Comparison:
    """Compare two run folders: common values and differences, as plain data.

    Every entry with ``a``, ``b`` and ``difference`` has None where a run does not have it.
    """
    folder_a, folder_b = Path(a), Path(b)
    plan_a, plan_b = read_plan(folder_a), read_plan(folder_b)
    return {
        "a": _run_heading(folder_a, plan_a),
        "b": _run_heading(folder_b, plan_b),
        "goals": list(_compare_goals(plan_a, plan_b)),
        "numbers": [
            {"name": name, "unit": unit, **_pair(at(plan_a, path), at(plan_b, path))} for name, path, unit in NUMBERS
        ],
        "core_max_c": _pair(*(max(at(plan, "core.temperature_c", []), default=None) for plan in (plan_a, plan_b))),
        "organs": _compare_organs(plan_a, plan_b),
        "parameters": list(_compare_parameters(plan_a, plan_b)),
        "inputs": list(_compare_inputs(plan_a, plan_b)),
        "maps": {name: found.record() for name, found in map_differences(folder_a, folder_b).items()},
    }


def compare_and_write(a: Path | str, b: Path | str, page: Path | str | None = None) -> Comparison:
    """The comparison, and with ``page`` one HTML file of it that opens offline; its path stands under ``files``."""
    comparison = compare(a, b)
    if page is not None:
        from .comparison_page import write_page

        comparison["files"] = [str(write_page(Path(a), Path(b), comparison, Path(page)))]
    return comparison


def _run_heading(folder: Path, plan: PlanRecord) -> RunHeading:
    return {
        "run": str(folder),
        "name": at(plan, "name"),
        "kind": at(plan, "kind"),
        "status": at(plan, "status"),
        "created": at(plan, "created"),
        "quick": bool(at(plan, "quick", False)),
        "verdict": at(plan, "summary.verdict"),
    }


def _pair(a: Value, b: Value) -> Pair:
    """Values and their difference; those that differ by rounding alone are equal."""
    if not (usable(a) and usable(b)):
        return {"a": a, "b": b, "difference": None}
    return {"a": a, "b": b, "difference": 0.0 if math.isclose(a, b, rel_tol=1e-9) else b - a}


def _compare_goals(a: PlanRecord, b: PlanRecord) -> Iterator[GoalPair]:
    """Goals and limits of either run, in the order of A."""
    rows = [{(g["kind"], g["region"], g["metric"]): g for g in at(plan, "goals", [])} for plan in (a, b)]
    for key in dict.fromkeys([*rows[0], *rows[1]]):
        first, second = (found.get(key) or {} for found in rows)
        known = first or second
        yield {
            "kind": key[0],
            "region": key[1],
            "metric": key[2],
            "sense": known.get("sense"),
            "unit": known.get("unit"),
            "bound_a": first.get("bound"),
            "bound_b": second.get("bound"),
            "met_a": first.get("met"),
            "met_b": second.get("met"),
            **_pair(first.get("value"), second.get("value")),
        }


def _compare_organs(a: PlanRecord, b: PlanRecord) -> dict[str, dict[str, Pair]]:
    """Pairs by region and quantity."""
    first, second = at(a, "regions", {}), at(b, "regions", {})
    return {
        name: {key: _pair(first.get(name, {}).get(key), second.get(name, {}).get(key)) for key in ORGAN_KEYS}
        for name in dict.fromkeys([*first, *second])
    }


def _compare_parameters(a: PlanRecord, b: PlanRecord) -> Iterator[NamedPair]:
    """Parameters that are not the same in both."""
    rows = [{p["name"]: p for p in at(plan, "parameters", [])} for plan in (a, b)]
    for name in dict.fromkeys([*rows[0], *rows[1]]):
        first, second = (found.get(name) or {} for found in rows)
        if first.get("value") != second.get("value"):
            unit = (first or second).get("unit")
            yield {"name": name, "unit": unit, **_pair(first.get("value"), second.get("value"))}


def _compare_inputs(a: PlanRecord, b: PlanRecord) -> Iterator[InputState]:
    """Input files, compared by their digests."""
    first, second = at(a, "provenance.inputs", {}), at(b, "provenance.inputs", {})
    for name in dict.fromkeys([*first, *second]):
        if name not in second:
            yield {"file": name, "state": "only in A"}
        elif name not in first:
            yield {"file": name, "state": "only in B"}
        else:
            yield {"file": name, "state": "same" if first[name] == second[name] else "differs"}
