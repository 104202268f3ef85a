"""Plan, verify with the full model, correct, and plan again until the two agree.

The search knows a linear model that averages each cycle. What the full model has besides (perfusion that follows
temperature, radiation, air that warms) is taken from the verified plan and added to the search's temperatures, so
that at that plan the two are the same; a goal or limit that verification broke is drawn in by as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ...base.arrays import Array
from ...base.progress import Stages
from ...goals import tightened
from ...optimize.program.modal_heat import restricted
from ..case.linearized import linearized
from ..case.model_cache import model_of
from ..verification.full_model import verify
from ..verification.outcome import Outcome
from .prediction import CYCLE_SAMPLES, prediction_k
from .search_setup import SearchSetup
from .steer import Correction, Steering, steer

AGREED_K = 0.1
"""Prediction and verification agree when they differ by less over every reported region and probe."""
MOST_ROUNDS, MOST_REPAIRS = 6, 2
"""Rounds where something feeds back, and further rounds for a limit alone."""
SPARE_K = 0.02
"""By how much a limit is drawn in beyond what verification broke it by."""
_REACH = (None, 0.2, 0.1, 0.05, 0.02)
"""How far the next plan may be from the last: a correction is exact there, and worth less farther on."""
_LOOKED_AT = (1.0 / 3.0, 2.0 / 3.0, 1.0)
_COOLING_S = (10.0, 30.0, 60.0, 120.0, 240.0)


@dataclass(frozen=True, slots=True, eq=False)
class SettledPlan:
    """The plan that is reported, what the full model makes of it, and a row of plain data for each round."""

    steering: Steering
    outcome: Outcome
    gap_k: float
    rounds: list[dict[str, Any]]


class CycleMeans:
    """Consumer of a history that keeps the mean temperature ``(g, n_dof)`` over groups of times ``(g, m)``."""

    def __init__(self, groups_s: Sequence[Array]) -> None:
        self.groups_s = list(groups_s)
        self.times_s = np.array([float(group.mean()) for group in groups_s])
        self._group = {round(float(t), 6): g for g, group in enumerate(groups_s) for t in group}
        self._counts = np.array([len(group) for group in groups_s])
        self._sums: Array | None = None

    def add(self, time_s: float, temperature_c: Array) -> None:
        if self._sums is None:
            self._sums = np.zeros((len(self._counts), len(temperature_c)), np.float32)
        group = self._group.get(round(time_s, 6))
        if group is not None:
            self._sums[group] += temperature_c / self._counts[group]

    @property
    def mean_c(self) -> Array:
        return np.zeros((0, 0)) if self._sums is None else self._sums


def plan_until_agreed(setup: SearchSetup, stages: Stages) -> SettledPlan:
    """Search, sequence and verify in rounds; the round that keeps most and agrees best is the plan.

    Ends when prediction and verification agree and what was searched as kept is kept; else after `MOST_ROUNDS`, or,
    where nothing feeds back, `MOST_REPAIRS` more than the first.
    """
    coupled = setup.engine.feedback is not None
    most = MOST_ROUNDS if coupled else 1 + MOST_REPAIRS
    found: list[SettledPlan] = []
    rows: list[dict[str, Any]] = []
    correction: Correction | None = None
    drawn_in: dict[int, float] = {}
    while len(found) < most:
        steering = steer(setup, stages, correction)
        means = CycleMeans(_groups_s(steering))
        with stages.stage("verify with the full model"):
            outcome = verify(
                setup.engine,
                steering.sequenced.trajectory,
                setup.resolved,
                stages,
                also_s=np.concatenate(means.groups_s),
                watchers=(means.add,),
            )
        gap_k, broken = prediction_k(steering, outcome), _broken(steering, outcome)
        rows.append({"prediction_k": gap_k, "broken": [setup.resolved.rows[i].label for i in broken]})
        found.append(SettledPlan(steering, outcome, gap_k, rows))
        if steering.shares.status == "interrupted" or not (broken or (coupled and gap_k > AGREED_K)):
            break
        if not coupled or gap_k <= AGREED_K:
            drawn_in = {i: drawn_in.get(i, 0.0) + broken.get(i, 0.0) for i in {*drawn_in, *broken}}
        rise = None
        if coupled:
            setup = _relinearized(setup, means, stages)
            rise = _rise(setup, steering, means)
        correction = Correction(
            means.times_s,
            rise,
            tightened(setup.resolved, drawn_in),
            steering.attempt.sought.shares,
            _REACH[len(found) - 1] if coupled else None,
        )
    best = min(found, key=lambda s: _worth(s, coupled))
    rows[found.index(best)]["reported"] = True
    return best


def _worth(settled: SettledPlan, coupled: bool) -> tuple[float, ...]:
    """Smaller is better: limits broken, disagreement, goals missed."""
    rows = list(zip(settled.steering.resolved.rows, settled.outcome.values, strict=True))
    limits = sum(max(0.0, row.goal.short_k(value)) for row, value in rows if row.goal.kind == "limit")
    goals = sum(max(0.0, row.goal.short_k(value)) for row, value in rows if row.goal.kind == "goal")
    return (limits, max(0.0, settled.gap_k - AGREED_K) if coupled else 0.0, goals, settled.gap_k)


def _broken(steering: Steering, outcome: Outcome) -> dict[int, float]:
    """Rows that the search kept and verification did not: number -> by how much they are to be drawn in."""
    searched = steering.shares.values
    rows = enumerate(zip(steering.resolved.rows, searched, outcome.values, strict=False))
    return {
        i: row.goal.short_k(value) + SPARE_K
        for i, (row, promised, value) in rows
        if row.goal.met(promised) and not row.goal.met(value)
    }


def _groups_s(steering: Steering) -> list[Array]:
    """Times over whole cycles early, midway and last in each window, and single times while cooling down."""
    groups, seen = [np.zeros(1)], set()
    for block, end in zip(steering.sequenced.trajectory.windows, steering.edges_s[1:], strict=True):
        period, repeats = (block.period_s, block.repeats) if block.repeats else (1.0, 1)
        for part in _LOOKED_AT:
            left = repeats - int(np.ceil(part * repeats - 1e-9))
            times = end - period * (left + (np.arange(CYCLE_SAMPLES) + 0.5)[::-1] / CYCLE_SAMPLES)
            if (key := round(float(times[0]), 6)) not in seen and times[0] > 0.0:
                seen.add(key)
                groups.append(times)
    cool_down = steering.attempt.sought.settings.cool_down_s
    return groups + [np.array([steering.edges_s[-1] + t]) for t in _COOLING_S if t <= cool_down]


def _relinearized(setup: SearchSetup, means: CycleMeans, stages: Stages) -> SearchSetup:
    """The same with the reduced model of the linear system that is nearest to what the plan's perfusion did."""
    engine = setup.engine
    with stages.stage("reduced model"):
        heating = means.times_s <= setup.duration_s
        system = linearized(engine.system, engine.feedback, means.mean_c[heating].astype(float))
        return replace(setup, model=model_of(system, setup.basis.load_w, setup.duration_s, stages))


def _rise(setup: SearchSetup, steering: Steering, means: CycleMeans) -> Array:
    """What the full model has more than the reduced one for the same plan, ``(t, n_dof)``."""
    model = restricted(setup.model, range(len(setup.columns)))
    played, edges = steering.sequenced.achieved, steering.edges_s
    predicted = [model.temperature(played, edges, times).mean(axis=0) for times in means.groups_s]
    return means.mean_c - np.array(predicted, np.float32)
