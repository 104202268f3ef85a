"""One goal or limit, and the nodes it looks at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..base.arrays import Array, IntArray, frozen, put
from ..base.display import told_apart
from ..base.errors import InputError
from .metric_names import Metric

EVERYWHERE_ELSE, CORE, SKIN = "everywhere-else", "core", "skin"
BUDGET = "safety"
"""Source of a limit that holds a hard limit of safety."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal or limit of a protocol.

    Parameters
    ----------
    kind
        "goal" (wanted) or "limit" (must hold).
    region
        Names of regions; each is judged by itself, or all ``as_one``. "everywhere-else", "core" and "skin" are known
        too.
    metric, bound, sense
        ``metric`` "at_least" or "at_most" ``bound``, in degrees C, CEM43 minutes or per cent of the volume.
    shell_m
        Only tissue this far from the surface of the regions, taken as one: from and to, positive outside, negative
        inside.
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
    as_one: bool = False
    shell_m: tuple[float, float] | None = None

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
        if metric.is_volume and not 0.0 <= self.bound <= 100.0:
            yield f"{self.sense} = {self.bound:g}: expected a part of the volume, from 0 % to 100 %"
        if metric.family == "VD" and not metric.statistic > 0.0:
            yield f"metric = {self.metric}: expected a dose above zero"
        if self.weight <= 0.0 or self.priority < 1 or self.margin_m < 0.0:
            yield "weight must be positive, priority 1 or more, margin not negative"
        if self.shell_m is not None and not self.shell_m[0] < self.shell_m[1]:
            yield f"shell = {self.shell_m}: expected a distance and a larger one, negative inside"
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
    def places(self) -> tuple[str, ...]:
        """What it is judged in: each region by its name, or one place made of them."""
        together = " + ".join(self.region)
        if self.shell_m is None:
            return (together,) if self.as_one else self.region
        start, end = (1e3 * v for v in self.shell_m)
        where = f"deeper than {-end:g} mm" if start == -np.inf else f"shell of {start:g} to {end:g} mm"
        return (f"{together}, {where}",)

    @property
    def searched(self) -> Goal:
        """The same in kelvins or doublings: a volume above a temperature as the percentile that must lie there.

        For a limit, and for a dose, the two are the same; a wanted volume is the mean over the hold of one or the
        other, which differ to second order in how much it changes.
        """
        metric = self.parts
        if not metric.is_volume:
            return self
        name = f"{'CEM43D' if metric.family == 'VD' else 'T'}{self.bound:g}"
        if self.bound >= 100.0:
            name = "CEM43min" if metric.family == "VD" else "Tmin"
        elif self.bound < 1.0:
            name = "CEM43max" if metric.family == "VD" else "Tmax"
        return replace(self, metric=name, bound=float(metric.statistic))

    @property
    def bound_k(self) -> float:
        return self.in_k(self.bound)

    def in_k(self, value: float) -> float:
        """A value in K, a dose in doublings of a minute, a part of the volume in tenths of it."""
        if self.parts.is_volume:
            return 0.1 * value
        return float(np.log2(max(value, 1e-300))) if self.parts.is_dose else value

    def short_k(self, value: float) -> float:
        """How far a value is on the wrong side of the bound, on that scale; negative where it is better."""
        return (self.bound_k - self.in_k(value)) * (1.0 if self.sense == "at_least" else -1.0)

    def met(self, value: float) -> bool:
        return bool(value >= self.bound if self.sense == "at_least" else value <= self.bound)

    def said(self, value: float) -> str:
        """A value in words: a dose with two digits, because a third would be pretence; a temperature with one
        decimal, more where it would else read like the bound that it misses; what a budget takes in per cent."""
        if self.is_budget:
            return f"{value / self.bound:.0%}"
        number = self._digits(value, 0) if self.met(value) else told_apart(self._digits, value, self.bound)
        return f"{number} {self.unit}"

    def _digits(self, value: float, more: int) -> str:
        return f"{float(f'{value:.{2 + more}g}'):g}" if self.parts.is_dose else f"{value:.{1 + more}f}"


@dataclass(frozen=True, slots=True, eq=False)
class GoalRow:
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

    @property
    def searched(self) -> GoalRow:
        """The same row with its goal in kelvins or doublings."""
        return self if not self.goal.parts.is_volume else replace(self, goal=self.goal.searched)


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """Goals bound to a mesh.

    ``rows`` in the order of the goals, one a place; ``targets`` are the regions that goals name, and ``focus`` their
    T90, a row each; ``outside_m3`` ``(n_nodes,)`` is the volume outside the targets; ``notes`` are for the reader.
    """

    rows: tuple[GoalRow, ...]
    targets: tuple[str, ...]
    target_nodes: IntArray
    outside_m3: Array
    notes: tuple[str, ...] = ()
    focus: tuple[GoalRow, ...] = ()


def target_regions(goals: Iterable[Goal]) -> tuple[str, ...]:
    """Regions that goals name, each once, in order."""
    return tuple(dict.fromkeys(name for goal in goals if goal.kind == "goal" for name in goal.region))
