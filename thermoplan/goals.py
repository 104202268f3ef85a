"""What better means: goals, limits, and the tissue each is measured in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy.spatial import cKDTree

from .anatomy import Anatomy
from .arrays import Array, IntArray, frozen, put
from .errors import InputError

EVERYWHERE_ELSE, CORE, SKIN = "everywhere-else", "core", "skin"
BUDGET = "safety"
"""Source of a limit that holds a hard limit of safety."""
METRICS = ("Tmin", "Tmean", "Tmax", "T90", "T50", "T10", "CEM43max", "CEM43mean", "CEM43min",
           "CEM43T90", "CEM43T50", "CEM43T10", "CEM43D90", "CEM43D50", "CEM43D10")
_COOL_DOWN_MIN = 3.0
"""Dose that may come in after heating, as minutes at the highest temperature: cooling by 1 K a minute from 43 degrees C
on leaves 0.7 of them, by 0.25 K a minute 2.9."""
_METRIC = re.compile(r"(T|CEM43T|CEM43D|CEM43)(min|mean|max|[1-9]\d?)")


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric's name, taken apart.

    ``family`` is "T" (temperature), "CEM43T" (dose of a temperature statistic) or "CEM43D" (statistic of
    the dose map); ``statistic`` is "min", "mean", "max" or the per cent of the volume that exceeds it.
    """

    family: str
    statistic: str | float

    @classmethod
    def named(cls, name: str) -> Metric:
        match = _METRIC.fullmatch(name)
        if match is None or (match[1] == "CEM43" and match[2][0].isdigit()):
            raise InputError(f'metric = "{name}": expected one of {", ".join(METRICS)}')
        family = "CEM43D" if match[1] == "CEM43" else match[1]
        return cls(family, float(match[2]) if match[2][0].isdigit() else match[2])

    @property
    def is_dose(self) -> bool:
        return self.family != "T"

    @property
    def unit(self) -> str:
        return "min" if self.is_dose else "degC"


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal or limit of a protocol.

    Parameters
    ----------
    kind
        "goal" (wanted) or "limit" (must hold).
    region
        Names of regions; each is judged by itself. "everywhere-else", "core" and "skin" are known too.
    metric, bound, sense
        ``metric`` "at_least" or "at_most" ``bound``, in degrees C or CEM43 minutes.
    margin_m
        Tissue this close to a target is not "everywhere-else".
    weight, priority
        Among goals: priority 1 comes first; weights settle the same priority.
    window
        Start and end in s over which a temperature is judged; ``None`` is the default of its sense.
    """

    kind: str
    region: tuple[str, ...]
    metric: str
    bound: float
    sense: str
    margin_m: float = 3e-3
    weight: float = 1.0
    priority: int = 1
    default: bool = False
    source: str = ""
    window: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        region = (self.region,) if isinstance(self.region, str) else tuple(self.region)
        put(self, region=region)
        complaints = list(self._complaints())
        if complaints:
            raise InputError(complaints)

    def _complaints(self) -> Iterator[str]:
        if self.kind not in ("goal", "limit"):
            yield f'kind = "{self.kind}": expected "goal" or "limit"'
        if self.sense not in ("at_least", "at_most"):
            yield f'sense = "{self.sense}": expected "at_least" or "at_most"'
        if not self.region:
            yield 'region: expected at least one, such as "tumour"'
        try:
            metric = Metric.named(self.metric)
        except InputError as error:
            yield from error.complaints
            return
        if not np.isfinite(self.bound) or (metric.is_dose and self.bound <= 0.0):
            yield f"{self.sense} = {self.bound:g}: expected a finite, positive {metric.unit}"
        if self.weight <= 0.0 or self.priority < 1 or self.margin_m < 0.0:
            yield "weight must be positive, priority 1 or more, margin not negative"
        if self.window is not None and not 0.0 <= self.window[0] < self.window[1]:
            yield f"window = {self.window}: expected a start and a later end"

    @property
    def parts(self) -> Metric:
        return Metric.named(self.metric)

    @property
    def unit(self) -> str:
        return self.parts.unit

    @property
    def is_budget(self) -> bool:
        """Whether it holds a hard limit of safety, whose bound stands for all of what it allows."""
        return self.source == BUDGET

    @property
    def bound_k(self) -> float:
        """The bound in K or, for a dose, in doublings of a minute."""
        return float(np.log2(self.bound)) if self.parts.is_dose else self.bound

    def met(self, value: float) -> bool:
        return bool(value >= self.bound if self.sense == "at_least" else value <= self.bound)

    def said(self, value: float) -> str:
        """A value in words: a dose with two digits, because a third would be pretence; a temperature with one
        decimal; what a budget takes in per cent."""
        if self.is_budget:
            return f"{value / self.bound:.0%}"
        number = f"{float(f'{value:.2g}'):g}" if self.parts.is_dose else f"{value:.1f}"
        return f"{number} {self.unit}"


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One goal in one region: the degrees of freedom ``(k,)`` it looks at and the volume of each."""

    goal: Goal
    region: str
    nodes: IntArray
    weights_m3: Array

    def __post_init__(self) -> None:
        put(self, nodes=frozen(self.nodes, np.int64), weights_m3=frozen(self.weights_m3))

    @property
    def label(self) -> str:
        if self.goal.is_budget:
            return f"hard limit on {self.region}"
        sign = ">=" if self.goal.sense == "at_least" else "<="
        return f"{self.region} {self.goal.metric} {sign} {self.goal.bound:g} {self.goal.unit}"


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """Goals bound to a mesh.

    ``rows`` in the order of the goals, one a region; ``targets`` are the regions that goals name;
    ``outside_m3`` ``(n_nodes,)`` is the volume outside the targets; ``notes`` are for the reader.
    """

    rows: tuple[Row, ...]
    targets: tuple[str, ...]
    target_nodes: IntArray
    outside_m3: Array
    notes: tuple[str, ...] = field(default=())


_ORGANS = ("liver", "spleen", "kidney", "bowel", "intestine")
_ORGAN_SOURCE = "default: conservative reading of 2 CEM43 and 42 degC for organs [vanRhoon2013]"
_ELSE_SOURCE = "default: 9 CEM43, a controlled exposure [vanRhoon2013]; 42 degC"
_SKIN_SOURCE = "default: 21 CEM43 for skin [ITRUSST]"
_TARGET_SOURCE = "default: no boiling, no charring; a planner's choice"
_CORE_SOURCE = "default: what an anaesthetised mouse tolerates; a planner's choice"


def default_limits(goals: Sequence[Goal], anatomy: Anatomy, *, core: bool = True) -> tuple[Goal, ...]:
    """The limits that every plan keeps for regions that no limit of the protocol names.

    ``core`` says whether the blood temperature is a state (a fixed one cannot be exceeded).
    """
    named = {name for goal in goals if goal.kind == "limit" for name in goal.region}
    targets = target_regions(goals)
    pairs = zip(anatomy.region_names, anatomy.tissue_names, strict=True)
    organs = [region for region, tissue in pairs
              if any(organ in f"{region} {tissue}".lower() for organ in _ORGANS) and region not in targets]
    wanted = [(organ, metric, bound, _ORGAN_SOURCE) for organ in organs
              for metric, bound in (("Tmax", 42.0), ("CEM43max", 2.0))]
    wanted += [(EVERYWHERE_ELSE, metric, bound, _ELSE_SOURCE)
               for metric, bound in (("Tmax", 42.0), ("CEM43max", 9.0))]
    if SKIN not in targets:
        wanted.append((SKIN, "CEM43max", 21.0, _SKIN_SOURCE))
    wanted += [(target, "Tmax", 50.0, _TARGET_SOURCE) for target in targets]
    if core:
        wanted.append((CORE, "Tmax", 39.5, _CORE_SOURCE))
    return tuple(Goal("limit", (region,), metric, bound, "at_most", default=True, source=source)
                 for region, metric, bound, source in wanted if region not in named)


TEMPLATES = {
    "mild": (("goal", "T90", 42.0, "at_least", "mild hyperthermia: 90 % of the tumour at 42 degC or more"),
             ("limit", "Tmax", 45.0, "at_most", "mild hyperthermia: nothing ablated")),
    "dose-10": (("goal", "CEM43T90", 10.0, "at_least", "[Jones2005]"),),
    "dose-60": (("goal", "CEM43T90", 60.0, "at_least", "stretch of the trial that asked for 10 [Jones2005]"),),
    "ablation": (("goal", "T90", 46.0, "at_least", "ablation: a core above 46 degC"),
                 ("limit", "Tmax", 60.0, "at_most", "ablation: no boiling")),
    "salloum": (("goal", "T90", 43.0, "at_least", "90 % of the tumour above 43 degC [Salloum2009]"),),
}
"""Named sets of goals for a tumour; `template` binds them to regions."""


def template(name: str, region: str, *, spared: Sequence[str] = ()) -> tuple[Goal, ...]:
    """Goals of a named template; "salloum" also keeps 90 % of each ``spared`` region below 43 degrees C."""
    if name not in TEMPLATES:
        raise InputError(f'template "{name}": expected one of {", ".join(TEMPLATES)}')
    goals = [Goal(kind, (region,), metric, bound, sense, source=source)
             for kind, metric, bound, sense, source in TEMPLATES[name]]
    if name == "salloum" and spared:
        goals.append(Goal("limit", tuple(spared), "T10", 43.0, "at_most",
                          source="less than 10 % of normal tissue at 43 degC or more [Salloum2009]"))
    return tuple(goals)


def target_regions(goals: Iterable[Goal]) -> tuple[str, ...]:
    """Regions that goals name, each once, in order."""
    return tuple(dict.fromkeys(name for goal in goals if goal.kind == "goal" for name in goal.region))


def resolve(goals: Sequence[Goal], anatomy: Anatomy, *, core: bool = True, defaults: bool = True) -> Resolved:
    """Bind goals to the mesh; all complaints at once.

    ``core`` says whether the blood is the last degree of freedom, number ``n_nodes``.
    """
    everything = tuple(goals) + (default_limits(goals, anatomy, core=core) if defaults else ())
    targets = target_regions(goals)
    complaints = list(_region_complaints(everything, anatomy, core))
    if complaints:
        raise InputError(complaints)
    rows, notes = [], []
    for goal in everything:
        for name in goal.region:
            row = _row(goal, name, anatomy, _elsewhere(everything, targets, goal, anatomy))
            if len(row.nodes) == 0 and name == EVERYWHERE_ELSE:
                notes.append("everywhere-else is empty: no other tissue is farther than "
                             f"{goal.margin_m * 1e3:g} mm from a target")
            elif len(row.nodes) == 0:
                complaints.append(f'region "{name}": has no element, so {goal.metric} cannot be judged')
            else:
                rows.append(row)
    if complaints:
        raise InputError(complaints)
    inside = _cells(anatomy, targets)
    outside = anatomy.node_volumes_m3 - anatomy.node_weights_m3(inside)
    notes += _touching(rows, targets, anatomy)
    return Resolved(tuple(rows), targets, frozen(np.unique(anatomy.tets[inside]), np.int64),
                    frozen(np.maximum(outside, 0.0)), tuple(dict.fromkeys(notes)))


def tightened(resolved: Resolved, *, limit_k: float = 0.0, dose_factor: float = 1.0) -> Resolved:
    """A copy whose limits lie ``limit_k`` lower, or ``dose_factor`` times lower where they are doses."""
    def tighter(row: Row) -> Row:
        if row.goal.kind != "limit" or row.goal.sense != "at_most":
            return row
        goal = row.goal
        bound = goal.bound / dose_factor if goal.parts.is_dose else goal.bound - limit_k
        return replace(row, goal=replace(goal, bound=bound))
    return replace(resolved, rows=tuple(tighter(row) for row in resolved.rows))


def contradictions(goals: Sequence[Goal], heating_s: float, arterial_c: float) -> tuple[str, ...]:
    """Goals and limits that no plan can meet together, found without solving anything."""
    found = [f"{goal.region[0]}: {goal.metric} at most {goal.bound:g} degC is below the body's own "
             f"{arterial_c:g} degC" for goal in goals
             if goal.sense == "at_most" and not goal.parts.is_dose and goal.bound < arterial_c
             and goal.region[0] not in (SKIN, EVERYWHERE_ELSE)]
    for low in (goal for goal in goals if goal.sense == "at_least"):
        for high in (goal for goal in goals if goal.sense == "at_most"):
            shared = [name for name in low.region if name in high.region]
            if shared and _cannot_both(low, high, heating_s):
                by = f" (a default limit: one on {shared[0]} of your own replaces it)" if high.default else ""
                found.append(f"{shared[0]}: {low.metric} at least {low.bound:g} {low.unit} cannot be had with "
                             f"{high.metric} at most {high.bound:g} {high.unit}{by}")
    return tuple(found)


def _cannot_both(low: Goal, high: Goal, heating_s: float) -> bool:
    """Whether the least that a goal needs somewhere is more than a limit allows everywhere."""
    if _volume_above(high.parts) > _volume_above(low.parts):
        return False
    if low.parts.is_dose == high.parts.is_dose:
        return low.bound > high.bound
    if low.parts.is_dose:
        return low.bound > (heating_s / 60.0 + _COOL_DOWN_MIN) * float(_rate(high.bound))
    return low.window is None and heating_s / 180.0 * float(_rate(low.bound)) > high.bound


def _volume_above(metric: Metric) -> float:
    """Per cent of the volume that is at least as hot as a metric says; a mean lies above somewhere."""
    return {"min": 100.0, "max": 0.0, "mean": 0.0}.get(str(metric.statistic), metric.statistic)  # type: ignore


def _rate(temperature_c: float) -> float:
    above = temperature_c - 43.0
    return 2.0 ** (above + min(above, 0.0))


def _region_complaints(goals: Sequence[Goal], anatomy: Anatomy, core: bool) -> Iterator[str]:
    known = (*anatomy.region_names, SKIN, EVERYWHERE_ELSE, CORE)
    for name in dict.fromkeys(name for goal in goals for name in goal.region):
        if name not in known:
            yield f'region "{name}": not in the anatomy; it has {", ".join(known)}'
        elif name == CORE and not core:
            yield 'region "core": the blood temperature is fixed; expected physiology.core = "pool"'
    for goal in goals:
        if goal.kind == "goal" and EVERYWHERE_ELSE in goal.region:
            yield 'region "everywhere-else": it is what no goal names; expected a limit'


def _cells(anatomy: Anatomy, names: Sequence[str]) -> IntArray:
    real = [name for name in names if name not in (EVERYWHERE_ELSE, CORE)]
    return anatomy.cells(*real) if real else np.zeros(0, np.int64)


def _elsewhere(goals: Sequence[Goal], targets: Sequence[str], goal: Goal, anatomy: Anatomy) -> IntArray:
    if EVERYWHERE_ELSE not in goal.region:
        return np.zeros(0, np.int64)
    limited = {name for other in goals if other.kind == "limit" for name in other.region}
    keep = np.ones(len(anatomy.tets), bool)
    keep[_cells(anatomy, sorted(limited))] = False
    inside = np.unique(anatomy.tets[_cells(anatomy, targets)])
    if len(inside):
        reach = goal.margin_m * (1.0 + 1e-9) + 1e-12
        distance = cKDTree(anatomy.points_m[inside]).query(anatomy.points_m, distance_upper_bound=reach)[0]
        keep &= ~np.isfinite(distance)[anatomy.tets].any(axis=1)
    return np.flatnonzero(keep)


def _row(goal: Goal, name: str, anatomy: Anatomy, elsewhere: IntArray) -> Row:
    if name == CORE:
        return Row(goal, name, np.array([len(anatomy.points_m)]), np.ones(1))
    cells = elsewhere if name == EVERYWHERE_ELSE else anatomy.cells(name)
    weights = anatomy.node_weights_m3(cells)
    nodes = np.flatnonzero(weights)
    return Row(goal, name, nodes, weights[nodes])


def _touching(rows: Sequence[Row], targets: Sequence[str], anatomy: Anatomy) -> Iterator[str]:
    inside = np.zeros(len(anatomy.points_m) + 1, bool)
    inside[np.unique(anatomy.tets[_cells(anatomy, targets)])] = True
    for row in rows:
        limit = row.goal.kind == "limit" and row.goal.sense == "at_most" and row.region not in targets
        shared = int(inside[row.nodes].sum()) if limit else 0
        if shared:
            yield (f"{row.region} touches a target at {shared} nodes: the limit {row.goal.metric} "
                   f"{row.goal.bound:g} {row.goal.unit} holds there too")
