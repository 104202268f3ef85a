"""Rows of a wanted percentile of temperature, or of the dose of one, at knots in time."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np

from ...base.arrays import Array, IntArray
from ...goals.metrics.cem43 import LN2, LN4, dose_slope, log_rate, log_rate_slope
from .linear_program import Program
from .linearize import TOLERANCE_K, node_plane
from .modal_heat import ModalHeat
from .search_terms import GoalTerm, Iterate

_FIRST_NODES = 3
"""Coldest wanted nodes of a knot that get a row at once; with twice as many, steps are fewer and programs bigger."""
_NODES_A_CUT = 2
"""Coldest wanted nodes of a knot that a trial may add a row for; with twice as many plans are as good."""
_NEAR_K = 0.4
"""A node that had a row keeps it while it is this little above the percentile; with twice as much plans are the
same."""
_KNOTS = 6
"""Least number of knots in the hold. With twice as many, programs are bigger and plans of the same merit."""
_NEGLIGIBLE = 1e-4
"""A knot with a smaller part of all weight is left out: a kelvin there is a tenth of a millikelvin of the value."""
_KNOTS_A_WINDOW = 3
"""Knots of a window for a dose, whose rate changes eightfold over three kelvins; with twice as many plans are as
good."""
_COOLING_S = (20.0, 60.0, 180.0)
"""Knots of the cool-down, where dose still comes in, less with each kelvin: the first alone is nearly as good."""
_ROUNDING_K = 1e-9
"""A node this little below the percentile is not below it."""


@dataclass(slots=True, eq=False)
class PercentileRows:
    """Rows of Tx(t), or of the dose of Tx(t), at least a bound.

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

    def begin(self, program: Program, iterate: Iterate) -> None:
        before = {(int(self._knots[m]), node) for m, node in self._written}
        temperature = iterate.at(self.term.region_nodes)[1]
        series = self.term.metric.over_region(temperature, self.term.region_nodes.weights_m3)
        self._knots, weights = self._weigh_knots(iterate, series)
        self._variables = [program.variable() for _ in self._knots]
        self._wanted, self._offset_c, self._written = [], [], set()
        self._write_goal(program, iterate, series, weights)
        for m, t in enumerate(self._knots):
            here = temperature[t]
            wanted = np.flatnonzero(here >= series[t] + (self.band_k if self.band_k > 0.0 else -_ROUNDING_K))
            self._wanted.append(wanted)
            if self.band_k > 0.0:
                self._offset_c.append(0.0)
                self._write_mean(program, iterate, m, float(series[t]))
            else:
                self._offset_c.append(float(series[t] - here[wanted].min()))
            first = wanted[np.argsort(here[wanted])[:_FIRST_NODES]]
            again = {n for time, n in before if time == t and 0.0 <= here[n] - series[t] < _NEAR_K}
            for n in {*map(int, first), *again}:
                self._write_node(program, iterate, m, n)

    def cut(self, program: Program, trial: Iterate, variables: Array) -> int:
        temperature, before = trial.at(self.term.region_nodes)[1], len(self._written)
        for m, t in enumerate(self._knots):
            floor = variables[self._variables[m]] - self._offset_c[m] - TOLERANCE_K
            here = temperature[t, self._wanted[m]]
            for i in np.argsort(here)[:_NODES_A_CUT]:
                n = int(self._wanted[m][i])
                if here[i] < floor and (m, n) not in self._written:
                    self._write_node(program, trial, m, n)
        return len(self._written) - before

    def _weigh_knots(self, iterate: Iterate, series: Array) -> tuple[IntArray, Array]:
        """Knots, and the weight of each in the value: per K of Tx, or per unit of the log rate."""
        heat = iterate.heat
        if self.term.metric.scale.is_logarithmic:
            dose, slope = dose_slope(heat.times_s, series)
            return gather_knots(heat, slope / (dose * LN2 * log_rate_slope(series)), _dose_knots_s(heat))
        judged = self.term.row.goal.judged(heat.times_s, heat.heating_s)
        return gather_knots(heat, judged.hold_weights, _hold_knots_s(heat, judged.start_s, judged.last_s))

    def _write_goal(self, program: Program, iterate: Iterate, series: Array, weights: Array) -> None:
        """Write the row that asks for the goal: value at the iterate plus weighted changes at the knots."""
        variables, now = self._variables, series[self._knots]
        if self.term.metric.scale.is_logarithmic:
            variables, now = [program.variable() for _ in self._knots], log_rate(now)
            for u, q in zip(variables, self._variables, strict=True):
                for slope in (LN2, LN4):
                    program.row(None, {u: 1.0, q: -slope}, -43.0 * slope)
        row = {v: -float(w) for v, w in zip(variables, weights, strict=True)} | self.term.bound.add_slack(program)
        program.row(None, row, self.term.value_k(iterate) - float(weights @ now) - self.term.bound.aim_k)

    def _write_mean(self, program: Program, iterate: Iterate, m: int, level_c: float) -> None:
        """Hold a knot's variable below the mean of the nodes around Tx, shifted to be exact at the iterate."""
        t, region_nodes = int(self._knots[m]), self.term.region_nodes
        here = iterate.at(region_nodes)[1][t]
        near = np.flatnonzero(np.abs(here - level_c) <= max(self.band_k, np.abs(here - level_c).min() + _ROUNDING_K))
        share = region_nodes.weights_m3[near] / region_nodes.weights_m3[near].sum()
        adjoint = iterate.heat.windows_to_modes[t] * (share @ region_nodes.modes[near])
        shift = level_c - float(share @ here[near])
        program.row(-adjoint, {self._variables[m]: 1.0}, float(share @ region_nodes.unheated_c(t, near)) + shift)

    def _write_node(self, program: Program, iterate: Iterate, m: int, node: int) -> None:
        adjoint, base = node_plane(iterate, self.term, node, int(self._knots[m]))
        program.row(-adjoint, {self._variables[m]: 1.0}, base + self._offset_c[m])
        self._written.add((m, node))


def _hold_knots_s(heat: ModalHeat, start_s: float, end_s: float) -> Array:
    """Times in the hold, two a window or more: between two knots a plan could have what no knot sees."""
    return np.linspace(start_s, end_s, max(_KNOTS, 2 * windows_within(heat, start_s, end_s) + 1))


def windows_within(heat: ModalHeat, start_s: float, end_s: float) -> int:
    """Number of windows that a time is divided into."""
    return int(np.count_nonzero((heat.window_edges_s > start_s) & (heat.window_edges_s < end_s))) + 1


def _dose_knots_s(heat: ModalHeat) -> Array:
    """Times in every window, and a few of the cool-down."""
    edges = heat.window_edges_s
    inside = [np.linspace(a, b, _KNOTS_A_WINDOW + 1)[1:] for a, b in itertools.pairwise(edges)]
    return np.concatenate([*inside, edges[-1] + np.array(_COOLING_S)])


def gather_knots(heat: ModalHeat, slope: Array, wanted_s: Array) -> tuple[IntArray, Array]:
    """Samples nearest to the wanted times, and the slopes of all gathered to them by linear interpolation."""
    knots = np.unique(np.abs(heat.times_s[:, None] - wanted_s).argmin(axis=0))
    position = np.interp(heat.times_s, heat.times_s[knots], np.arange(len(knots)))
    lower = position.astype(int)
    late, gathered = position - lower, np.zeros(len(knots))
    np.add.at(gathered, lower, slope * (1.0 - late))
    np.add.at(gathered, np.minimum(lower + 1, len(knots) - 1), slope * late)
    keep = gathered > _NEGLIGIBLE * gathered.sum()
    return knots[keep], gathered[keep]
