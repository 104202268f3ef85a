"""Rows of the page from ``plan.json``: words and shares, no layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..base.display import tell_apart
from ..goals.dose import cem43_min
from . import formats as f
from .formats import at, usable

if TYPE_CHECKING:
    from ..files.run.plan_record import GoalRecord, PlanRecord

Row = dict[str, object]

VERDICTS = {
    "ok": ("ok", "Goals met"),
    "goals-missed": ("missed", "Goal or limit missed"),
    "not-valid": ("invalid", "Not valid"),
    "interrupted": ("invalid", "Interrupted"),
}
CHECKS = (
    ("iron_mass_rel", "Iron mass, image against mesh", 1e-3, ""),
    ("power_rel", "Power, basis against mesh", 1e-3, ""),
    ("energy_balance_rel", "Energy balance, largest residual of the run", 1e-3, ""),
    ("prediction_k", "Prediction against verified solve", 0.1, "K"),
)


def verdict_row(plan: PlanRecord) -> Row:
    """Status as a word and a style, and its sentence."""
    status = str(plan.get("status", "unknown"))
    style, words = VERDICTS.get(status, ("invalid", status))
    if style == "ok" and not plan.get("goals"):
        words = "No goals set"
    reserved = [str(text).replace("degC", "°C") for text in at(plan, "summary.reservations", [])]
    if style == "ok" and reserved:
        style, words = "reserved", f"{words}, with reservations"
    return {"style": style, "words": words, "sentence": at(plan, "summary.verdict", ""), "reservations": reserved}


def safety_rows(plan: PlanRecord) -> list[Row]:
    """Limits of safety with their state: one that is of another body is neither good nor bad."""
    rows: list[Row] = []
    for limit in at(plan, "safety.limits", []):
        exceeded, applies = bool(limit.get("exceeded")), limit.get("applies", True)
        state = "exceeded" if exceeded and applies else "above" if exceeded else "within"
        rows.append(
            {
                "name": limit.get("name"),
                "value": f.significant(limit.get("value"), 3),
                "limit": f.significant(limit.get("limit"), 3),
                "unit": f.unit_text(limit.get("unit")),
                "share": f.percent(limit["share"]) if usable(limit.get("share")) else "",
                "style": "" if not applies else "bad" if exceeded else "good",
                "state": state + (", must hold" if limit.get("hard") else "" if applies else ", not of this body"),
                "source": limit.get("source") or "",
            }
        )
    return rows


def goal_cards(plan: PlanRecord) -> list[Row]:
    """Cards of goals and limits: goals, then missed limits, then those kept; defaults that are kept are minor."""
    goals = [g for g in plan.get("goals") or [] if isinstance(g, Mapping)]
    order = sorted(goals, key=lambda g: (g.get("kind") != "goal", bool(g.get("met")), bool(g.get("default"))))
    return [_goal_card(plan, goal) for goal in order]


def _goal_card(plan: PlanRecord, goal: GoalRecord) -> Row:
    value, bound, unit = goal.get("value"), goal.get("bound"), goal.get("unit")
    least = goal.get("sense", "at_least" if goal.get("kind") == "goal" else "at_most") == "at_least"
    low, high = _goal_interval(plan, goal)
    return {
        "region": goal.get("region"),
        "metric": goal.get("metric"),
        "kind": goal.get("kind"),
        "met": bool(goal.get("met")),
        "minor": bool(goal.get("met")) and bool(goal.get("default")),
        "default": bool(goal.get("default")),
        "source": goal.get("source") or "",
        "value": f.reached_value(goal),
        "bound": ("≥\u00a0" if least else "≤\u00a0") + f.metric(bound, unit),
        "margin": _margin_words(value, bound, unit, least),
        "interval": _interval_words(plan, low, high, unit),
        **_gauge_shares(value, bound, unit),
    }


def _margin_words(value: object, bound: object, unit: str | None, least: bool) -> str:
    if not (usable(value) and usable(bound)):
        return f.NONE
    spare = value - bound if least else bound - value
    if unit not in ("degC", "°C") and bound > 0 and value > 0 and not 0.5 < value / bound < 2:
        ratio = value / bound
        return f"{f.significant(ratio, 2)} × the bound" if ratio > 1 else f"{f.dose(100.0 * ratio)} % of the bound"
    kelvin = unit in ("degC", "°C")

    def kelvins(x: float, more: int) -> str:
        return f.fixed_point(x, 1 + more, "K") if kelvin else f.metric(x, unit, more=more)

    words = kelvins(spare, 0) if spare >= 0 else tell_apart(kelvins, -spare, 0.0)
    return f"{words} in hand" if spare >= 0 else f"{words} {'short' if least else 'over'}"


def _gauge_shares(value: object, bound: object, unit: str | None) -> Row:
    """Positions of value and bound on the card's bar, in percent."""
    if not (usable(value) and usable(bound)):
        return {"fill": 0.0, "mark": 0.0}
    low = min(36.0, value, bound) if unit in ("degC", "°C") else 0.0
    high = max(1.35 * (bound - low), 1.04 * (value - low), 1e-9)
    if value > 4 * bound > 0 and low == 0.0:
        high = value
    return {
        "fill": round(100 * max(value - low, 0.0) / high, 1),
        "mark": round(100 * (bound - low) / high, 1),
    }


def heat_factors(plan: PlanRecord) -> tuple[float, float]:
    """Factors on the heat for the two other courses that a plan shows, from the uncertainty of SLP and iron."""
    stated = at(plan, "summary.heat_factors", []) or at(plan, "summary.slp_interval.shown_factors", [])
    return (stated[0], stated[1]) if len(stated) == 2 else (0.7, 1.3)


def heat_name(plan: PlanRecord) -> str:
    """Name of the quantity that the factors multiply: the SLP, and where its uncertainty is known the iron with it."""
    alone = at(plan, "summary.slp_interval.shown_factors", [])
    return "SLP" if not alone or list(heat_factors(plan)) == list(alone) else "SLP and iron"


def heat_words(plan: PlanRecord) -> str:
    """Factors on the heat, in words."""
    low, high = heat_factors(plan)
    return f"{heat_name(plan)} × {low:.2g} and × {high:.2g}"


def slp_courses(plan: PlanRecord) -> tuple[list[float], list[float]]:
    """T90 of the first target over time, with the SLP at the low and the high end of its interval."""
    names = ("low", "high") if at(plan, "history.t90_slp_low_c", []) else ("07", "13")
    low, high = (at(plan, f"history.t90_slp_{name}_c", []) for name in names)
    return low, high


def _goal_interval(plan: PlanRecord, goal: GoalRecord) -> tuple[float | None, float | None]:
    """Values of a goal with the SLP at the low and the high end of its interval, where the plan has them."""
    if goal.get("region") != at(plan, "summary.tumour") or goal.get("metric") != "CEM43T90":
        return None, None
    stated = at(plan, "summary.cem43t90_interval_min", [])
    low, high = stated if len(stated) == 2 else (_dose_of_course(plan, course) for course in slp_courses(plan))
    return low, high


def _dose_of_course(plan: PlanRecord, course: list[float]) -> float | None:
    times = at(plan, "history.time_s")
    if not times or not course or len(times) != len(course) or not all(map(usable, course)):
        return None
    return float(cem43_min(zip(times, np.array(course), strict=True)))


def _interval_words(plan: PlanRecord, low: object, high: object, unit: str | None) -> str:
    if not (usable(low) and usable(high)):
        return ""
    least, most = heat_factors(plan)
    said = f"{f.metric(low, unit, bare=True)} to {f.metric(high, unit)}"
    return f"{said} at {heat_name(plan)} × {least:.2g} to {most:.2g}"


@dataclass(slots=True)
class LimitedRegion:
    """Highest temperature and dose of a region with limits, and their bounds."""

    name: str
    peak_c: float
    bound_c: float | None = None
    dose_min: float | None = None
    dose_bound_min: float | None = None
    met: bool = True


def limited_regions(plan: PlanRecord) -> list[LimitedRegion]:
    """Every limited region and the core, where their highest temperatures are known."""
    rows: dict[str, LimitedRegion] = {}
    for goal in plan.get("goals") or []:
        if goal.get("kind") != "limit":
            continue
        name = str(goal.get("region"))
        row = rows.setdefault(name, LimitedRegion(name, at(plan, "regions", {}).get(name, {}).get("t_peak_c", np.nan)))
        row.met &= bool(goal.get("met"))
        if goal.get("metric") == "Tmax":
            value = goal.get("value")
            row.bound_c, row.peak_c = goal.get("bound"), np.nan if value is None else value
        elif goal.get("metric") == "CEM43max":
            row.dose_min, row.dose_bound_min = goal.get("value"), goal.get("bound")
    core = at(plan, "core.temperature_c", [])
    if core and "core" not in rows:
        rows["core"] = LimitedRegion("core", max(core))
    return [row for row in rows.values() if usable(row.peak_c)]


def limit_words(row: LimitedRegion) -> tuple[str, str]:
    """Temperature and its bound; dose and its bound."""
    bound = f" / {f.fixed_point(row.bound_c, 1)}" if usable(row.bound_c) else ""
    more = f" · {f.dose(row.dose_min)} / {f.dose(row.dose_bound_min)} min" if usable(row.dose_min) else ""
    return f.temperature(row.peak_c, "") + bound + " °C", more


def check_rows(plan: PlanRecord) -> list[Row]:
    """Each check against its bound; one that was not made is neither passed nor failed."""
    rows: list[Row] = []
    for key, name, bound, unit in CHECKS:
        value = at(plan, f"checks.{key}")
        passed = abs(value) <= bound if usable(value) else None
        rows.append(
            {
                "name": name,
                "value": f.significant(value, 2, unit),
                "bound": f.significant(bound, 1, unit),
                "passed": passed,
                "word": {True: "pass", False: "FAIL", None: "not made"}[passed],
            }
        )
    return rows


def iron_outside(plan: PlanRecord) -> Row:
    """Shares of the iron outside the first goal's region (raw and confined) and outside the body."""
    target = at(plan, "summary.tumour")
    raw, confined = at(plan, "iron.regions_raw", {}), at(plan, "iron.regions_confined", {})
    return {
        "outside": f.percent(_share_outside(confined, target)),
        "outside_raw": f.percent(_share_outside(raw, target)),
        "body": f.percent(_ratio_of(at(plan, "iron.outside_mg"), at(plan, "iron.image_mg")), 1),
    }


def _share_outside(masses: Mapping[str, object], target: str) -> float | None:
    total, inside = sum(v for v in masses.values() if usable(v)), masses.get(target)
    return 1.0 - inside / total if total and usable(inside) else None


def _ratio_of(a: object, b: object) -> float | None:
    return a / b if usable(a) and usable(b) and b else None


def known_facts(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The pairs whose words are known."""
    return [(name, words) for name, words in pairs if words and f.NONE not in words.split()]
