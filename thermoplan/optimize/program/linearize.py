"""Rows of a linear program at an iterate: cutting planes, tangents and cuts of doses.

Temperatures are affine in the shares, so a largest temperature is its cutting planes, valid for good. The
logarithm of a dose is convex but for the kink of R at 43 degrees C, so its tangents bound a wanted dose from
below. Every row is exact at the iterate where it is written.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ...base.arrays import Array, IntArray
from ...goals.metrics.cem43 import LN2, dose_min, dose_slope
from .linear_program import Program
from .search_terms import BudgetTerm, GoalTerm, Iterate, Term, gradient

TOLERANCE_K = 2e-3
"""Violation of a row, K or doublings, that adds no cut: a tenth of the loss that `HELD_K` allows."""
_WORST = 5
"""Hottest nodes that get a cut at once; neighbours are as hot, so more cost time. Twice as many take a third longer for
plans of the same merit, two make more steps end at trials that break limits."""
_NEAR_K = 0.7
"""Nodes this near to the bound get a cut at the iterate, before a trial breaks it; with half or twice as much plans are
of the same merit."""
_NEAR_TANGENT_K = 4.0 * _NEAR_K
"""The same for a tangent, which may be wrong by more; with twice as much plans are the same."""
_KEPT_CUTS = 120
"""Cuts that are kept from iterate to iterate; beyond that the half that was nearest to binding."""
_FIRST_DOSES = 20
"""Nodes of the least dose that get a row at the iterate; twice as many make programs bigger, and plans as good."""
_DOSES_A_CUT = 10
"""Nodes of the least dose that a trial may add a row for; with twice as many plans are the same."""
_DOUBLINGS_PER_K = 2.0
"""Of the rate of CEM43 below 43 degrees C."""
_ROUNDING = 1e-9
"""A dose this little below the percentile is not below it."""


class RowBuilder(Protocol):
    """Rows of one term: `begin` writes them at an iterate; `cut` adds those that a trial violates, and counts them."""

    @property
    def term(self) -> Term: ...

    def begin(self, program: Program, iterate: Iterate) -> None: ...
    def cut(self, program: Program, trial: Iterate, variables: Array) -> int: ...


@dataclass(slots=True, eq=False)
class HottestRows:
    """Cutting planes of a largest temperature at most: it is convex, so they are kept from iterate to iterate."""

    term: GoalTerm
    _cuts: list[tuple[Array, float]] = field(default_factory=list)
    _slack: dict[int, float] = field(default_factory=dict)

    def begin(self, program: Program, iterate: Iterate) -> None:
        self._slack = self.term.bound.add_slack(program)
        if len(self._cuts) > _KEPT_CUTS:
            load = iterate.heat.loads(iterate.shares)
            height = [float((adjoint * load).sum()) + constant for adjoint, constant in self._cuts]
            self._cuts = [self._cuts[i] for i in np.argsort(height)[-_KEPT_CUTS // 2 :]]
        for adjoint, constant in self._cuts:
            program.row(adjoint, self._slack, self.term.bound.aim_k - constant)
        self._add(program, iterate, self.term.bound.aim_k - _NEAR_K)

    def cut(self, program: Program, trial: Iterate, variables: Array) -> int:
        return self._add(program, trial, self.term.bound.aim_k + self.term.bound.slack_k(variables) + TOLERANCE_K)

    def _add(self, program: Program, iterate: Iterate, above_c: float) -> int:
        kept, temperature = iterate.at(self.term.region_nodes)
        inside = self.term.row.goal.judged(iterate.heat.times_s, iterate.heat.heating_s).inside
        when, peak = inside[temperature[inside].argmax(axis=0)], temperature[inside].max(axis=0)
        found = [i for i in np.argsort(peak)[::-1][:_WORST] if peak[i] > above_c]
        for i in found:
            cut = node_plane(iterate, self.term, int(kept[i]), int(when[i]))
            self._cuts.append(cut)
            program.row(cut[0], self._slack, self.term.bound.aim_k - cut[1])
        return len(found)


def node_plane(iterate: Iterate, term: GoalTerm, node: int, time: int) -> tuple[Array, float]:
    """Mode-space gradient and constant of one node's temperature at one time."""
    region_nodes = term.region_nodes
    return iterate.heat.windows_to_modes[time] * region_nodes.modes[node].astype(float), float(
        region_nodes.unheated_c(time, node)
    )


@dataclass(slots=True, eq=False)
class TangentRows:
    """Tangent of a statistic at the iterate; at most, also at every trial that breaks it. Tangents of a ``convex`` one
    never cut a plan off, so they are kept from iterate to iterate."""

    term: GoalTerm
    convex: bool = False
    _slack: dict[int, float] = field(default_factory=dict)
    _kept: list[tuple[Array, float]] = field(default_factory=list)

    def begin(self, program: Program, iterate: Iterate) -> None:
        self._slack = self.term.bound.add_slack(program)
        for adjoint, constant in self._kept[-_KEPT_CUTS:]:
            program.row(adjoint, self._slack, self.term.bound.aim_k + constant)
        if self.term.at_least or self.term.bound.excess_k(self.term.value_k(iterate)) > -_NEAR_TANGENT_K:
            self._add(program, iterate)

    def cut(self, program: Program, trial: Iterate, variables: Array) -> int:
        if self.term.at_least:
            return 0
        excess = self.term.bound.excess_k(self.term.value_k(trial))
        if excess <= self.term.bound.slack_k(variables) + TOLERANCE_K:
            return 0
        self._add(program, trial)
        return 1

    def _add(self, program: Program, iterate: Iterate) -> None:
        slopes, value_k = gradient(self.term, iterate)
        adjoint = iterate.heat.adjoint(slopes)
        at_iterate = float((adjoint * (iterate.heat.loads(iterate.shares))).sum())
        if self.term.at_least:
            program.row(-adjoint, self._slack, value_k - at_iterate - self.term.bound.aim_k)
            return
        program.row(adjoint, self._slack, self.term.bound.aim_k - value_k + at_iterate)
        if self.convex:
            self._kept.append((adjoint, at_iterate - value_k))


@dataclass(slots=True, eq=False)
class DoseCuttingPlanes:
    """Cuts of a percentile of the dose map at least: tangents of the nodes of the volume that exceeds it now. With a
    ``band_k`` the nodes within that of the percentile, at two doublings a kelvin, only have to keep their mean."""

    term: GoalTerm
    band_k: float = 0.0
    _slack: dict[int, float] = field(default_factory=dict)
    _look: Iterate | None = None
    _wanted: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    _offset_k: float = 0.0
    _written: set[int] = field(default_factory=set)

    def begin(self, program: Program, iterate: Iterate) -> None:
        self._slack, self._look, self._written = self.term.bound.add_slack(program), iterate, set()
        dose_k, value_k = self._dose_k(iterate), self.term.value_k(iterate)
        band = _DOUBLINGS_PER_K * self.band_k
        self._wanted = np.flatnonzero(dose_k >= value_k + (band if band > 0.0 else -_ROUNDING))
        self._offset_k = 0.0 if band > 0.0 else value_k - float(dose_k[self._wanted].min())
        if band > 0.0:
            self._add_mean(program, np.flatnonzero(np.abs(dose_k - value_k) <= band), value_k)
        self._add(program, self._wanted[np.argsort(dose_k[self._wanted])[:_FIRST_DOSES]])

    def cut(self, program: Program, trial: Iterate, variables: Array) -> int:
        need = self.term.bound.aim_k - self.term.bound.slack_k(variables) - self._offset_k - TOLERANCE_K
        dose_k = self._dose_k(trial)
        worst = self._wanted[np.argsort(dose_k[self._wanted])[:_DOSES_A_CUT]]
        short = [n for n in worst if dose_k[n] < need and int(n) not in self._written]
        return self._add(program, np.array(short, np.int64))

    def _dose_k(self, iterate: Iterate) -> Array:
        return np.log2(dose_min(iterate.heat.times_s, iterate.at(self.term.region_nodes)[1]))

    def _add_mean(self, program: Program, near: IntArray, value_k: float) -> None:
        """The goal of the percentile as one of the mean, in doublings, of the nodes near it: exact at the iterate."""
        iterate, region_nodes = self._look, self.term.region_nodes
        if iterate is None or len(near) == 0:
            return
        share = region_nodes.weights_m3[near] / region_nodes.weights_m3[near].sum()
        dose, slope = dose_slope(iterate.heat.times_s, iterate.at(region_nodes)[1][:, near])
        adjoint = iterate.heat.adjoint((slope * (share / (dose * LN2))) @ region_nodes.modes[near])
        at_iterate = float((adjoint * iterate.heat.loads(iterate.shares)).sum())
        program.row(-adjoint, self._slack, value_k - at_iterate - self.term.bound.aim_k)

    def _add(self, program: Program, nodes: IntArray) -> int:
        iterate = self._look
        if iterate is None or len(nodes) == 0:
            return 0
        dose, slope = dose_slope(iterate.heat.times_s, iterate.at(self.term.region_nodes)[1][:, nodes])
        load = iterate.heat.loads(iterate.shares)
        for i, n in enumerate(nodes):
            per_time = slope[:, i, None] / (dose[i] * LN2) * self.term.region_nodes.modes[n]
            adjoint = iterate.heat.adjoint(per_time)
            constant = float(np.log2(dose[i])) - float((adjoint * load).sum()) + self._offset_k
            program.row(-adjoint, self._slack, constant - self.term.bound.aim_k)
            self._written.add(int(n))
        return len(nodes)


@dataclass(slots=True, eq=False)
class BudgetRows:
    """One row, since a budget of safety is linear in the shares; written once it comes near to binding."""

    term: BudgetTerm
    _slack: dict[int, float] = field(default_factory=dict)
    _needed: bool = False

    def begin(self, program: Program, iterate: Iterate) -> None:
        self._slack = self.term.bound.add_slack(program)
        if self._needed or self.term.value_k(iterate) > self.term.bound.aim_k - _NEAR_K:
            self._add(program, iterate)

    def cut(self, program: Program, trial: Iterate, variables: Array) -> int:
        allowed_k = self.term.bound.aim_k + self.term.bound.slack_k(variables) + TOLERANCE_K
        if self.term.value_k(trial) <= allowed_k:
            return 0
        self._add(program, trial)
        return 1

    def _add(self, program: Program, iterate: Iterate) -> None:
        self._needed = True
        program.row(None, self._slack, self.term.bound.aim_k, per_share=self.term.per_share_k(iterate.heat))
