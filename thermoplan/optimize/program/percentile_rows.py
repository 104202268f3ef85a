"""A wanted percentile of temperature, or the dose of one, as rows of a linear program."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from ...base.arrays import Array, IntArray
from ...goals.metrics.cem43 import LN2, LN4, dose_slope, log_rate, log_rate_slope
from .linear_program import Program
from .linearize import TOLERANCE_K, at_node
from .modal_heat import ModalHeat
from .search_terms import GoalTerm, Iterate

_FIRST, _PER_CUT, _NEAR_K, _KNOTS = 3, 2, 0.4, 6
_NEGLIGIBLE = 1e-4


@dataclass(slots=True, eq=False)
class PercentileRows:
    """Tx(t), or the dose of Tx(t), at least a bound.

    At knots in time a variable lies below every node of the volume that exceeds Tx now; the coldest are
    written first, others when a trial needs them. So the true percentile is never less than its variable. With
    a ``band_k`` only the mean of the nodes within that of Tx has to lie above: no longer safe, but free to
    trade one node for another. For a dose the logarithm of the rate is a further variable, below both of its
    branches, which is exact because it is concave; the logarithm of the dose is replaced by its tangent in
    those, which lies below it.
    """

    term: GoalTerm
    band_k: float = 0.0
    _knots: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    _variables: list[int] = field(default_factory=list)
    _wanted: list[IntArray] = field(default_factory=list)
    _offset_c: list[float] = field(default_factory=list)
    _written: set[tuple[int, int]] = field(default_factory=set)

    def begin(self, program: Program, look: Iterate) -> None:
        before = {(int(self._knots[m]), node) for m, node in self._written}
        temperature = look.at(self.term.tissue)[1]
        series = self.term.metric.over_region(temperature, self.term.tissue.weights_m3)
        self._knots, weights = self._gathered(look, series)
        self._variables = [program.variable() for _ in self._knots]
        self._wanted, self._offset_c, self._written = [], [], set()
        self._level(program, look, series, weights)
        for m, t in enumerate(self._knots):
            here = temperature[t]
            wanted = np.flatnonzero(here >= series[t] + (self.band_k if self.band_k > 0.0 else -1e-9))
            self._wanted.append(wanted)
            if self.band_k > 0.0:
                self._offset_c.append(0.0)
                self._write_mean(program, look, m, float(series[t]))
            else:
                self._offset_c.append(float(series[t] - here[wanted].min()))
            first = wanted[np.argsort(here[wanted])[:_FIRST]]
            again = {n for time, n in before if time == t and 0.0 <= here[n] - series[t] < _NEAR_K}
            for n in {*map(int, first), *again}:
                self._write(program, look, m, n)

    def cut(self, program: Program, trial: Iterate, variables: Array) -> int:
        temperature, before = trial.at(self.term.tissue)[1], len(self._written)
        for m, t in enumerate(self._knots):
            floor = variables[self._variables[m]] - self._offset_c[m] - TOLERANCE_K
            here = temperature[t, self._wanted[m]]
            for i in np.argsort(here)[:_PER_CUT]:
                n = int(self._wanted[m][i])
                if here[i] < floor and (m, n) not in self._written:
                    self._write(program, trial, m, n)
        return len(self._written) - before

    def _gathered(self, look: Iterate, series: Array) -> tuple[IntArray, Array]:
        """Knots, and the weight of each in the value: per K of Tx, or per unit of the log rate."""
        heat = look.heat
        if self.term.metric.scale.is_logarithmic:
            dose, slope = dose_slope(heat.times_s, series)
            return knots_of(heat, slope / (dose * LN2 * log_rate_slope(series)), _fine(heat))
        judged = self.term.row.goal.judged(heat.times_s, heat.heating_s)
        return knots_of(heat, judged.hold_weights, _coarse(heat, judged.start_s, judged.last_s))

    def _level(self, program: Program, look: Iterate, series: Array, weights: Array) -> None:
        """The row that asks for the goal: value at the iterate plus weighted changes at the knots."""
        variables, now = self._variables, series[self._knots]
        if self.term.metric.scale.is_logarithmic:
            variables, now = [program.variable() for _ in self._knots], log_rate(now)
            for u, q in zip(variables, self._variables, strict=True):
                for slope in (LN2, LN4):
                    program.row(None, {u: 1.0, q: -slope}, -43.0 * slope)
        row = {v: -float(w) for v, w in zip(variables, weights, strict=True)} | self.term.bound.add_slack(program)
        program.row(None, row, self.term.value_k(look) - float(weights @ now) - self.term.bound.aim_k)

    def _write_mean(self, program: Program, look: Iterate, m: int, level_c: float) -> None:
        """The knot's variable below the mean of the nodes around Tx, shifted to be exact at the iterate."""
        t, tissue = int(self._knots[m]), self.term.tissue
        here = look.at(tissue)[1][t]
        near = np.flatnonzero(np.abs(here - level_c) <= max(self.band_k, np.abs(here - level_c).min() + 1e-9))
        share = tissue.weights_m3[near] / tissue.weights_m3[near].sum()
        adjoint = look.heat.windows_to_modes[t] * (share @ tissue.modes[near])
        shift = level_c - float(share @ here[near])
        program.row(-adjoint, {self._variables[m]: 1.0}, float(share @ tissue.unheated_c(t, near)) + shift)

    def _write(self, program: Program, look: Iterate, m: int, node: int) -> None:
        adjoint, base = at_node(look, self.term, node, int(self._knots[m]))
        program.row(-adjoint, {self._variables[m]: 1.0}, base + self._offset_c[m])
        self._written.add((m, node))


def _coarse(heat: ModalHeat, start_s: float, end_s: float) -> Array:
    """Six times, or two a window where there are more: between two knots a plan could have what no knot sees."""
    windows = np.count_nonzero((heat.window_edges_s > start_s) & (heat.window_edges_s < end_s)) + 1
    result: Array = np.linspace(start_s, end_s, max(_KNOTS, 2 * windows + 1))
    return result


def _fine(heat: ModalHeat) -> Array:
    """Three times a window and a few of the cool-down, where dose still comes in."""
    edges = heat.window_edges_s
    inside = [np.linspace(a, b, 4)[1:] for a, b in itertools.pairwise(edges)]
    return np.concatenate([*inside, edges[-1] + np.array([20.0, 60.0, 180.0])])


def knots_of(heat: ModalHeat, slope: Array, wanted_s: Array) -> tuple[IntArray, Array]:
    """Samples nearest to the wanted times; the slopes gathered to them by linear interpolation."""
    knots = np.unique(np.abs(heat.times_s[:, None] - wanted_s).argmin(axis=0))
    position = np.interp(heat.times_s, heat.times_s[knots], np.arange(len(knots)))
    lower = position.astype(int)
    late, gathered = position - lower, np.zeros(len(knots))
    np.add.at(gathered, lower, slope * (1.0 - late))
    np.add.at(gathered, np.minimum(lower + 1, len(knots) - 1), slope * late)
    keep = gathered > _NEGLIGIBLE * gathered.sum()
    return knots[keep], gathered[keep]
