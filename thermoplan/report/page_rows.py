"""From ``plan.json`` to the rows that the page shows: words and shares, no layout."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..base.display import told_apart
from ..goals.dose import cem43_min
from . import formats as f
from .formats import at, usable

Plan = Mapping[str, Any]
Row = dict[str, Any]

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


def verdict(plan: Plan) -> Row:
    """Status as a word and a style, and the sentence that says it."""
    status = str(plan.get("status", "unknown"))
    style, words = VERDICTS.get(status, ("invalid", status))
    if style == "ok" and not plan.get("goals"):
        words = "No goals set"
    return {"style": style, "words": words, "sentence": at(plan, "summary.verdict", "")}


def goal_cards(plan: Plan) -> list[Row]:
    """A card for each goal and limit: goals, then what is missed, then what is met; defaults that are met are minor."""
    goals = [g for g in plan.get("goals") or [] if isinstance(g, Mapping)]
    order = sorted(goals, key=lambda g: (g.get("kind") != "goal", bool(g.get("met")), bool(g.get("default"))))
    return [_card(plan, goal) for goal in order]


def _card(plan: Plan, goal: Plan) -> Row:
    value, bound, unit = goal.get("value"), goal.get("bound"), goal.get("unit")
    least = goal.get("sense", "at_least" if goal.get("kind") == "goal" else "at_most") == "at_least"
    low, high = _interval(plan, goal)
    return {
        "region": goal.get("region"),
        "metric": goal.get("metric"),
        "kind": goal.get("kind"),
        "met": bool(goal.get("met")),
        "minor": bool(goal.get("met")) and bool(goal.get("default")),
        "default": bool(goal.get("default")),
        "source": goal.get("source") or "",
        "value": f.reached(goal),
        "bound": ("≥\u00a0" if least else "≤\u00a0") + f.metric(bound, unit),
        "margin": _margin(value, bound, unit, least),
        "interval": _interval_words(plan, low, high, unit),
        **_gauge(value, bound, unit),
    }


def _margin(value: Any, bound: Any, unit: str | None, least: bool) -> str:
    if not (usable(value) and usable(bound)):
        return f.NONE
    spare = value - bound if least else bound - value
    if unit not in ("degC", "°C") and bound > 0 and value > 0 and not 0.5 < value / bound < 2:
        ratio = value / bound
        return f"{f.significant(ratio, 2)} × the bound" if ratio > 1 else f"{f.dose(100.0 * ratio)} % of the bound"
    kelvin = unit in ("degC", "°C")

    def shown(x: float, more: int) -> str:
        return f.fixed(x, 1 + more, "K") if kelvin else f.metric(x, unit, more=more)

    words = shown(spare, 0) if spare >= 0 else told_apart(shown, -spare, 0.0)
    return f"{words} in hand" if spare >= 0 else f"{words} {'short' if least else 'over'}"


def _gauge(value: Any, bound: Any, unit: str | None) -> Row:
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


def heat_factors(plan: Plan) -> tuple[float, float]:
    """The heats that a plan shows beside its own, over it: what SLP and iron leave open."""
    stated = at(plan, "summary.heat_factors", []) or at(plan, "summary.slp_interval.shown_factors", [])
    return (stated[0], stated[1]) if len(stated) == 2 else (0.7, 1.3)


def heat_name(plan: Plan) -> str:
    """Name of the quantity that the factors multiply: the SLP, and where its uncertainty is known the iron with it."""
    alone = at(plan, "summary.slp_interval.shown_factors", [])
    return "SLP" if not alone or list(heat_factors(plan)) == list(alone) else "SLP and iron"


def heat_words(plan: Plan) -> str:
    low, high = heat_factors(plan)
    return f"{heat_name(plan)} × {low:.2g} and × {high:.2g}"


def slp_courses(plan: Plan) -> tuple[list[float], list[float]]:
    """T90 of the first target with the SLP as low and as high as it may well be."""
    names = ("low", "high") if at(plan, "history.t90_slp_low_c", []) else ("07", "13")
    low, high = (at(plan, f"history.t90_slp_{name}_c", []) for name in names)
    return low, high


def _interval(plan: Plan, goal: Plan) -> tuple[Any, Any]:
    """The goal's value with the SLP as low and as high as it may well be, where the plan tells."""
    low, high = goal.get("value_slp_07"), goal.get("value_slp_13")
    first = at(plan, "summary.tumour")
    if usable(low) and usable(high):
        return low, high
    if goal.get("region") != first or goal.get("metric") != "CEM43T90":
        return None, None
    stated = at(plan, "summary.cem43t90_interval_min", [])
    if len(stated) == 2:
        return stated[0], stated[1]
    return tuple(_dose_of(plan, course) for course in slp_courses(plan))


def _dose_of(plan: Plan, course: list[float]) -> float | None:
    times = at(plan, "history.time_s")
    if not times or not course or len(times) != len(course) or not all(map(usable, course)):
        return None
    return float(cem43_min(zip(times, course, strict=True)))


def _interval_words(plan: Plan, low: Any, high: Any, unit: str | None) -> str:
    if not (usable(low) and usable(high)):
        return ""
    least, most = heat_factors(plan)
    said = f"{f.metric(low, unit, bare=True)} to {f.metric(high, unit)}"
    return f"{said} at {heat_name(plan)} × {least:.2g} to {most:.2g}"


def limited(plan: Plan) -> list[Row]:
    """Highest temperature of every limited region and of the core, with its bounds."""
    rows: dict[str, Row] = {}
    for goal in plan.get("goals") or []:
        if goal.get("kind") != "limit":
            continue
        name = str(goal.get("region"))
        row = rows.setdefault(
            name,
            {
                "name": name,
                "peak": at(plan, "regions", {}).get(name, {}).get("t_peak_c"),
                "bound": None,
                "dose": None,
                "dose_bound": None,
                "met": True,
            },
        )
        row["met"] &= bool(goal.get("met"))
        if goal.get("metric") == "Tmax":
            row |= {"bound": goal.get("bound"), "peak": goal.get("value")}
        elif goal.get("metric") == "CEM43max":
            row |= {"dose": goal.get("value"), "dose_bound": goal.get("bound")}
    core = at(plan, "core.temperature_c", [])
    if core and "core" not in rows:
        rows["core"] = {
            "name": "core",
            "peak": max(core),
            "bound": None,
            "dose": None,
            "dose_bound": None,
            "met": True,
        }
    return [row for row in rows.values() if usable(row["peak"])]


def limit_words(row: Row) -> tuple[str, str]:
    """Temperature and its bound; dose and its bound."""
    bound = f" / {f.fixed(row['bound'], 1)}" if usable(row["bound"]) else ""
    more = f" · {f.dose(row['dose'])} / {f.dose(row['dose_bound'])} min" if usable(row["dose"]) else ""
    return f.temperature(row["peak"], "") + bound + " °C", more


def checks(plan: Plan) -> list[Row]:
    """Each check against its bound; one that was not made is neither passed nor failed."""
    rows = []
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


def iron_share(plan: Plan) -> Row:
    """Share of the iron outside the first goal's region (raw and confined) and outside the body."""
    target = at(plan, "summary.tumour")
    raw, confined = at(plan, "iron.regions_raw", {}), at(plan, "iron.regions_confined", {})
    return {
        "outside": f.percent(_outside(confined, target)),
        "outside_raw": f.percent(_outside(raw, target)),
        "body": f.percent(_ratio(at(plan, "iron.outside_mg"), at(plan, "iron.image_mg")), 1),
    }


def _outside(masses: Plan, target: Any) -> float | None:
    total = sum(v for v in masses.values() if usable(v))
    return 1.0 - masses[target] / total if total and usable(masses.get(target)) else None


def _ratio(a: Any, b: Any) -> float | None:
    return a / b if usable(a) and usable(b) and b else None


def facts(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Only the pairs that have something to say."""
    return [(name, words) for name, words in pairs if words and f.NONE not in words.split()]
