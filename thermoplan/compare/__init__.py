"""Two runs beside each other: goals, organs, fields, and what was different about them. Differences are B - A."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ..report.formats import at, usable
from ..report.page import read_plan
from .map_differences import map_differences

__all__ = ["compare", "compare_and_write"]

Plan = Mapping[str, Any]

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


def compare(a: Path | str, b: Path | str) -> dict[str, Any]:
    """Compare two run folders: common values and differences, as plain data.

    Every entry with ``a``, ``b`` and ``difference`` has None where a run does not say it.
    """
    folders = {"a": Path(a), "b": Path(b)}
    plans = {key: read_plan(folder) for key, folder in folders.items()}
    return {
        **{key: _headed(folders[key], plan) for key, plan in plans.items()},
        "goals": list(_goals(plans["a"], plans["b"])),
        "numbers": [
            {"name": name, "unit": unit, **_pair(*(at(plan, path) for plan in plans.values()))}
            for name, path, unit in NUMBERS
        ],
        "core_max_c": _pair(*(max(at(plan, "core.temperature_c", []), default=None) for plan in plans.values())),
        "organs": _organs(plans["a"], plans["b"]),
        "parameters": list(_parameters(plans["a"], plans["b"])),
        "inputs": list(_inputs(plans["a"], plans["b"])),
        "maps": {name: found.record() for name, found in map_differences(*folders.values()).items()},
    }


def compare_and_write(a: Path | str, b: Path | str, page: Path | str | None = None) -> dict[str, Any]:
    """The comparison, and with ``page`` one HTML file of it that opens offline; its path stands under ``files``."""
    found = compare(a, b)
    if page is None:
        return found
    from .comparison_page import write_page

    return found | {"files": [str(write_page(Path(a), Path(b), found, Path(page)))]}


def _headed(folder: Path, plan: Plan) -> dict[str, Any]:
    return {
        "run": str(folder),
        "name": at(plan, "name"),
        "kind": at(plan, "kind"),
        "status": at(plan, "status"),
        "created": at(plan, "created"),
        "quick": bool(at(plan, "quick", False)),
        "verdict": at(plan, "summary.verdict"),
    }


def _pair(a: Any, b: Any) -> dict[str, Any]:
    """Treat values that differ by rounding alone as equal."""
    if not (usable(a) and usable(b)):
        return {"a": a, "b": b, "difference": None}
    return {"a": a, "b": b, "difference": 0.0 if math.isclose(a, b, rel_tol=1e-9) else b - a}


def _goals(a: Plan, b: Plan) -> Iterator[dict[str, Any]]:
    """Goals and limits of either run, in the order of A; a bound that changed stands in both its values."""
    rows = [{(g["kind"], g["region"], g["metric"]): g for g in at(plan, "goals", [])} for plan in (a, b)]
    for key in dict.fromkeys([*rows[0], *rows[1]]):
        first, second = (found.get(key) or {} for found in rows)
        said = first or second
        yield {
            "kind": key[0],
            "region": key[1],
            "metric": key[2],
            "sense": said.get("sense"),
            "unit": said.get("unit"),
            "bound_a": first.get("bound"),
            "bound_b": second.get("bound"),
            "met_a": first.get("met"),
            "met_b": second.get("met"),
            **_pair(first.get("value"), second.get("value")),
        }


def _organs(a: Plan, b: Plan) -> dict[str, dict[str, Any]]:
    """Region -> quantity -> a, b, difference."""
    rows = [at(plan, "regions", {}) for plan in (a, b)]
    names = dict.fromkeys([*rows[0], *rows[1]])
    return {
        name: {key: _pair(*(found.get(name, {}).get(key) for found in rows)) for key in ORGAN_KEYS} for name in names
    }


def _parameters(a: Plan, b: Plan) -> Iterator[dict[str, Any]]:
    """Parameters that are not the same in both."""
    rows = [{p["name"]: p for p in at(plan, "parameters", [])} for plan in (a, b)]
    for name in dict.fromkeys([*rows[0], *rows[1]]):
        first, second = (found.get(name) or {} for found in rows)
        if first.get("value") != second.get("value"):
            yield {
                "name": name,
                "unit": (first or second).get("unit"),
                **_pair(first.get("value"), second.get("value")),
            }


def _inputs(a: Plan, b: Plan) -> Iterator[dict[str, Any]]:
    """Input files, and whether they are the same byte for byte."""
    digests = [at(plan, "provenance.inputs", {}) for plan in (a, b)]
    for name in dict.fromkeys([*digests[0], *digests[1]]):
        first, second = (found.get(name) for found in digests)
        state = (
            "same"
            if first == second
            else "only in A"
            if second is None
            else "only in B"
            if first is None
            else "differs"
        )
        yield {"file": name, "state": state}
