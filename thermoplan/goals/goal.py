"""Goals and limits, and the nodes of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from ..base.arrays import Array, IntArray, freeze, put
from ..base.display import tell_apart
from ..base.errors import InputError
from .metrics import Metric, find_metric
from .metrics.metric import JudgedTimes
from .safety_budget import SafetyBudget, Widening

EVERYWHERE_ELSE = "everywhere-else"
CORE = "core"
SKIN = "skin"
"""Places that an anatomy need not name."""


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
            yield from (f"{self.sense} = {self.bound:g}: {text}" for text in self.measure.scale.complaints(self.bound))
        except InputError as error:
            yield from error.complaints
            return
        if self.weight <= 0.0 or self.priority < 1 or self.margin_m < 0.0:
            yield "weight must be positive, priority 1 or more, margin not negative"
        if self.shell_m is not None and not self.shell_m[0] < self.shell_m[1]:
            yield f"shell = {self.shell_m}: expected a distance and a larger one, negative inside"
        if self.window is not None and not 0.0 <= self.window[0] < self.window[1]:
            yield f"window = {self.window}: expected a start and a later end"

    @property
    def measure(self) -> Metric:
        """The metric that its name means."""
        return find_metric(self.metric)

    @property
    def unit(self) -> str:
        return self.measure.scale.unit

    @property
    def places(self) -> tuple[str, ...]:
        """Places it is judged in: each region by its name, or one place made of them."""
        together = " + ".join(self.region)
        if self.shell_m is None:
            return (together,) if self.as_one else self.region
        start, end = (1e3 * v for v in self.shell_m)
        where = f"deeper than {-end:g} mm" if start == -np.inf else f"shell of {start:g} to {end:g} mm"
        return (f"{together}, {where}",)

    @property
    def searched(self) -> Goal:
        """The same with the metric that a search works with, in kelvins or doublings."""
        metric, bound = self.measure.searched(self.bound)
        return self if metric == self.measure else replace(self, metric=metric.name, bound=bound)

    def judged(self, times_s: Array, heating_s: float) -> JudgedTimes:
        """Times of a history over which a temperature is judged: the window, else its sense's default."""
        at_least = self.sense == "at_least"
        start, end = self.window or ((2.0 / 3.0 * heating_s, heating_s) if at_least else (0.0, np.inf))
        return JudgedTimes(times_s, start, end, at_least)

    @property
    def bound_k(self) -> float:
        return self.in_k(self.bound)

    def in_k(self, value: float) -> float:
        """A value in K, a dose in doublings of a minute, a part of the volume in tenths of it."""
        return self.measure.scale.in_k(value)

    def shifted(self, by_k: float) -> Goal:
        """The same with a bound that asks for more by so many kelvins, doublings of a dose or tenths of the volume."""
        by_k = by_k if self.sense == "at_least" else -by_k
        return replace(self, bound=self.measure.scale.shifted(self.bound, by_k))

    def short_k(self, value: float) -> float:
        """Distance of a value on the wrong side of the bound, on that scale; negative where it is better."""
        return (self.bound_k - self.in_k(value)) * (1.0 if self.sense == "at_least" else -1.0)

    def met(self, value: float) -> bool:
        return bool(value >= self.bound if self.sense == "at_least" else value <= self.bound)

    def said(self, value: float) -> str:
        """A value in words: a dose with two digits, because a third would be pretence; a temperature with one
        decimal, more where it would else read like the bound that it misses."""
        digits = self.measure.scale.digits
        number = digits(value) if self.met(value) else tell_apart(digits, value, self.bound)
        return f"{number} {self.unit}"


@dataclass(frozen=True, slots=True, eq=False)
class GoalRow:
    """One goal in one region: the degrees of freedom ``(k,)`` it looks at and the volume of each."""

    goal: Goal
    region: str
    nodes: IntArray
    weights_m3: Array

    def __post_init__(self) -> None:
        put(self, nodes=freeze(self.nodes, np.int64), weights_m3=freeze(self.weights_m3))

    @property
    def label(self) -> str:
        sign = ">=" if self.goal.sense == "at_least" else "<="
        return f"{self.region} {self.goal.metric} {sign} {self.goal.bound:g} {self.goal.unit}"

    @property
    def name(self) -> str:
        return f"{self.region} {self.goal.metric}"

    @property
    def kind(self) -> str:
        return self.goal.kind

    @property
    def bound(self) -> float:
        return self.goal.bound

    @property
    def searched(self) -> GoalRow:
        """The same row with its goal in kelvins or doublings."""
        return replace(self, goal=self.goal.searched)

    @property
    def widening(self) -> Widening:
        """One kelvin or doubling, by which it is widened to tell its cost."""
        goal = self.goal.searched
        return Widening(1.0, goal.measure.scale.step, f"{self.region} {goal.metric}")

    def in_k(self, value: float) -> float:
        return self.goal.in_k(value)

    def short_k(self, value: float) -> float:
        return self.goal.short_k(value)

    def met(self, value: float) -> bool:
        return self.goal.met(value)

    def said(self, value: float) -> str:
        return self.goal.said(value)

    def yielding(self, weight: float, priority: int) -> GoalRow:
        """The same as a goal of some priority, which gives way to those of it that weigh more."""
        return replace(self, goal=replace(self.goal, kind="goal", weight=weight, priority=priority))

    def widened(self, steps: float) -> GoalRow:
        """The same row, as it is searched, with a bound that asks for less by so many kelvins or doublings."""
        return replace(self, goal=self.goal.searched.shifted(-steps))


class Requirement(Protocol):
    """Goal or limit in one region, or budget of safety, as a search and its explanation see both."""

    @property
    def label(self) -> str: ...

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def bound(self) -> float: ...

    @property
    def widening(self) -> Widening: ...

    def in_k(self, value: float) -> float: ...

    def short_k(self, value: float) -> float: ...

    def met(self, value: float) -> bool: ...

    def said(self, value: float) -> str: ...


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """Goals bound to a mesh, and the budgets of safety.

    ``rows`` in the order of the goals, one a place; ``targets`` are the regions that goals name, and ``focus`` their
    T90, a row each; ``outside_m3`` ``(n_nodes,)`` is the volume outside the targets; ``spared`` are the limits of
    everywhere else in the tissue that their margin leaves out; ``notes`` are for the reader.
    """

    rows: tuple[GoalRow, ...]
    targets: tuple[str, ...]
    target_nodes: IntArray
    outside_m3: Array
    notes: tuple[str, ...] = ()
    focus: tuple[GoalRow, ...] = ()
    budgets: tuple[SafetyBudget, ...] = ()
    spared: tuple[GoalRow, ...] = ()

    @property
    def requirements(self) -> tuple[GoalRow | SafetyBudget, ...]:
        """The rows, then the budgets: in this order a search tells their values."""
        return (*self.rows, *self.budgets)

    def yielding(self, i: int, weight: float) -> Resolved:
        """A copy in which one requirement gives way to the goals of the first priority there is."""
        n = len(self.rows)
        first = min((row.goal.priority for row in self.rows if row.kind == "goal"), default=1)
        rows = tuple(row.yielding(weight, first) if k == i else row for k, row in enumerate(self.rows))
        budgets = tuple(b.yielding(weight) if n + k == i else b for k, b in enumerate(self.budgets))
        return replace(self, rows=rows, budgets=budgets)

    def widened(self, i: int, steps: float) -> Resolved:
        """A copy in which one requirement asks for less by so many kelvins, doublings or tenths."""
        n = len(self.rows)
        rows = tuple(row.widened(steps) if k == i else row for k, row in enumerate(self.rows))
        budgets = tuple(b.widened(steps) if n + k == i else b for k, b in enumerate(self.budgets))
        return replace(self, rows=rows, budgets=budgets)

    def mixed(self, mixture: Array) -> Resolved:
        """A copy for a model whose columns are mixtures ``(k, n_columns)`` of those there are."""
        return replace(self, budgets=tuple(budget.mixed(mixture) for budget in self.budgets))

    def restricted(self, columns: Sequence[int] | IntArray) -> Resolved:
        """A copy for a model with some of the columns, in the order given."""
        return replace(self, budgets=tuple(budget.restricted(columns) for budget in self.budgets))


def target_regions(goals: Iterable[Goal]) -> tuple[str, ...]:
    """Regions that goals name, each once, in order."""
    return tuple(dict.fromkeys(name for goal in goals if goal.kind == "goal" for name in goal.region))
