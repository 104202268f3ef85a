"""Certificates: bounds on what any plan could reach, whatever the search found."""

from __future__ import annotations

import numpy as np

from ..base.arrays import Array
from ..goals import Goal, GoalRow, Resolved
from ..goals.metrics.statistics import percent_above
from .program.linear_program import Program
from .program.linearize import BudgetRows, HottestRows, RowBuilder, TangentRows
from .program.modal_heat import CorrectedModel, ModalHeat, Model
from .program.penalty import PenalizedBound
from .program.percentile_rows import gather_knots, windows_within
from .program.region_nodes import RegionNodes
from .program.search_terms import BudgetTerm, GoalTerm, Iterate
from .settings import Settings

_ROUNDS = 60
"""Rounds of cutting planes; each only lowers the bound, and no program known needs ten."""
_LIMIT_COST = 1000.0
"""Price of a kelvin beyond a limit, for which no plan gives one up: the bound is on a temperature, a kelvin of which is
worth 1."""
_TOLERANCE_K = 5e-3
"""Violation that adds no cut: a tenth of what the bound is stated to."""
_HIGHEST_C = 200.0
"""Bound where no limit caps the region: above any temperature that tissue is planned for."""
_FLAT_C = 43.0
"""Below this the rate of CEM43 has no kink."""
_COLDEST_NODES = 5
"""Nodes that get a cut at once where the coldest of all is asked for."""
_SAMPLES = 11
"""Least number of times over which the temperature is averaged, a tenth of the hold apart."""


def highest_percentile_c(
    model: Model, resolved: Resolved, row: GoalRow, *, window_edges_s: Array, settings: Settings | None = None
) -> float | None:
    """A temperature that Tx of a row's tissue, as a mean over the times at which its goal is judged, exceeds in no
    plan within the limits.

    Whatever lies below Tx is ``1 - x`` of the volume, and none of it is colder than before heating. So the volume's
    shortfall below Tx is at most what that part could have, which is linear in Tx and convex in the shares: a linear
    program with cutting planes. Limits that are not convex are left out, which can only raise the bound: percentiles,
    and doses but where a limit keeps their region below 43 degrees C. The mean is over eleven times or two a window,
    between which Tx is taken as linear. None where the model knows a course of its own, on which heating might not be
    all.
    """
    if isinstance(model, CorrectedModel):
        return None
    settings = settings or Settings()
    heat = ModalHeat(model, window_edges_s, settings.cool_down_s, settings.step_s)
    nothing = np.zeros((heat.n_windows, heat.n_columns))
    program = Program(
        heat,
        nothing,
        lower=nothing,
        upper=nothing + np.inf,
        max_duty=settings.max_duty,
        active=np.zeros_like(nothing, bool),
    )
    judged = row.goal.judged(heat.times_s, heat.heating_s)
    start, end = judged.start_s, judged.end_s
    samples = max(_SAMPLES, 2 * windows_within(heat, start, end) + 1)
    knots, gathered = gather_knots(heat, judged.hold_weights, np.linspace(start, min(end, heat.heating_s), samples))
    highest = _highest_allowed_temperature_c(resolved, row)
    wanted = [program.variable(-float(w), 0.0, highest) for w in gathered]
    builders, iterate = _convex_limits(resolved, heat, settings), Iterate(heat, nothing)
    for rows in builders:
        rows.begin(program, iterate)
    shortfall = _ShortfallCuts(row, heat)
    q_c = np.full(len(knots), highest)
    for _ in range(_ROUNDS):
        optimum = program.solve()
        q_c, iterate = optimum.variables[wanted], Iterate(heat, optimum.shares)
        added = sum(rows.cut(program, iterate, optimum.variables) for rows in builders)
        added += sum(
            shortfall.cut(program, iterate, (int(t), v, float(q))) for t, v, q in zip(knots, wanted, q_c, strict=True)
        )
        if not added:
            break
    return float(gathered @ q_c / gathered.sum())


class _ShortfallCuts:
    """Cutting planes of: the shortfall below q is at most what the part that may lie below it could have."""

    def __init__(self, row: GoalRow, heat: ModalHeat) -> None:
        self.heat, self.weights, self.nodes = heat, row.weights_m3, row.nodes
        self.modes = heat.model.modes[row.nodes]
        self.base_c = heat.model.base_c[row.nodes]
        metric, _ = row.goal.measure.searched(row.goal.bound)
        percent = percent_above(metric.statistic, at_most=False)
        total = self.weights.sum()
        halves = self.weights.max() / total if percent < 100.0 else 0.0  # a percentile lies between two nodes
        self.part_m3 = min(1.0, 1.0 - percent / 100.0 + halves) * total
        self.coldest = self._sum_of_coldest()

    def _sum_of_coldest(self) -> float:
        order = np.argsort(self.base_c)
        upto = np.minimum(np.cumsum(self.weights[order]), self.part_m3)
        return float(np.diff(upto, prepend=0.0) @ self.base_c[order])

    def cut(self, program: Program, iterate: Iterate, at: tuple[int, int, float]) -> int:
        """Add rows for the time, variable and value of q ``at`` which a trial violates them; how many."""
        time, wanted, q_c = at
        temperature = self.base_c + self.modes @ iterate.states[time]
        if self.part_m3 == 0.0:
            found = [int(n) for n in np.argsort(temperature)[:_COLDEST_NODES] if temperature[n] < q_c - _TOLERANCE_K]
            for n in found:
                self._add(program, time, {wanted: 1.0}, (self.modes[n], float(self.base_c[n])))
            return len(found)
        below = np.flatnonzero(temperature < q_c)
        w, total = self.weights[below], self.weights.sum()
        excess = w @ (q_c - temperature[below]) - (self.part_m3 * q_c - self.coldest)
        if len(below) == 0 or excess <= _TOLERANCE_K * total:
            return 0
        heated = w @ self.modes[below] / total, float(w @ self.base_c[below] - self.coldest) / total
        self._add(program, time, {wanted: float((w.sum() - self.part_m3) / total)}, heated)
        return 1

    def _add(self, program: Program, time: int, q: dict[int, float], heated: tuple[Array, float]) -> None:
        program.row(-self.heat.windows_to_modes[time] * heated[0], q, heated[1])


def _highest_allowed_temperature_c(resolved: Resolved, row: GoalRow) -> float:
    """Limit on the hottest spot of a row's own tissue, above which no percentile lies."""
    bounds = [
        other.goal.bound
        for other in resolved.rows
        if other.region == row.region
        and other.goal.kind == "limit"
        and _caps_temperature(other.goal)
        and other.goal.window is None
    ]
    return min(bounds, default=_HIGHEST_C)


def _convex_limits(resolved: Resolved, heat: ModalHeat, settings: Settings) -> list[RowBuilder]:
    """Rows of the limits that are convex, at no margin and all but unyielding."""
    limits = [row for row in resolved.rows if row.goal.kind == "limit" and row.goal.sense == "at_most"]
    rows = [row for row in limits if row.goal.searched == row.goal]
    below = {row.region for row in rows if _keeps_below_kink(row.goal)}
    minutes = (heat.heating_s + settings.cool_down_s) / 60.0
    builders: list[RowBuilder] = []
    for row in rows:
        term = GoalTerm(row, RegionNodes.of([row], heat, minutes), _unyielding(row.goal.bound_k))
        if term.metric.caps_temperature:
            builders.append(HottestRows(term))
        elif term.metric.is_convex(at_least=False, below_43_c=row.region in below):
            builders.append(TangentRows(term, convex=True))
    builders += [BudgetRows(BudgetTerm(b, _unyielding(b.in_k(b.bound)))) for b in resolved.budgets]
    return builders


def _unyielding(bound_k: float) -> PenalizedBound:
    """A bound without a margin, whose price no goal pays."""
    return PenalizedBound(bound_k, False, _LIMIT_COST, _LIMIT_COST)


def _keeps_below_kink(goal: Goal) -> bool:
    return _caps_temperature(goal) and goal.bound <= _FLAT_C and goal.window is None


def _caps_temperature(goal: Goal) -> bool:
    return goal.measure.searched(goal.bound)[0].caps_temperature and goal.measure.scale.is_temperature
