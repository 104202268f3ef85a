"""Plan, verify with the full model, correct, and plan again until the two agree.

The search knows a linear model that averages each cycle. What the full model has besides (perfusion that follows
temperature, radiation, air that warms) is taken from the verified plan and added to the search's temperatures, so
that at that plan the two are the same; a goal or limit that verification broke is drawn in by as much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...base.arrays import Array
from ...base.progress import Stages
from ...files.run.search_record import RoundRecord
from ...goals import tighten
from ...optimize.program.modal_heat import restrict
from ..case.heating_model import HeatingModel
from ..case.linearized import fit_regulation_w_k, linearize
from ..case.model_cache import cached_model, regulate_model
from ..case.safety_limits import field_notes
from ..verification.full_model import PlayOptions, verify
from ..verification.outcome import Outcome
from ..verification.verified_run import VerifiedRun
from .prediction import CYCLE_SAMPLES, prediction_k
from .search_setup import SearchSetup
from .steer import Correction, Steering, search_notes, steer

AGREED_K = 0.1
"""Largest gap of prediction and verification, over every reported region and probe, that counts as agreement; it is
the bound of the record's check, too."""
_REACH = (None, 0.2, 0.1, 0.05, 0.02)
"""Change of a share that the next plan may make, round by round: a correction is exact at the last plan, and worth less
farther on. Twice as wide, plans with perfusion laws may swing about the plan that they should settle at."""
MOST_ROUNDS = 1 + len(_REACH)
"""Rounds where something feeds back: the first, and one for each entry of `_REACH`."""
MOST_REPAIRS = 2
"""Rounds after the first where nothing feeds back and a limit alone broke; each costs a search and a run of the full
model, and what two have not mended is reported as broken."""
SPARE_K = 0.02
"""By how much a limit is drawn in beyond what verification broke it by; twice as much would give away as much heat."""
_WINDOW_PARTS = (1.0 / 3.0, 2.0 / 3.0, 1.0)
"""Parts of a window after which a cycle is averaged; the correction is linear in time between them."""
_COOLING_S = (10.0, 30.0, 60.0, 120.0, 240.0)
"""Times after heating at which the correction is learned, closer together while temperature falls fast."""


@dataclass(frozen=True, slots=True, eq=False)
class SettledPlan:
    """The plan that is reported, its outcome by the full model, their gap, and a record of each round."""

    steering: Steering
    outcome: Outcome
    gap_k: float
    rounds: list[RoundRecord]

    @property
    def heating_model(self) -> HeatingModel:
        """The heating model of the machine and session that were chosen."""
        return self.steering.setup.heating_model

    def verified(self, *, quick: bool) -> VerifiedRun:
        """The sequence and its outcome, as a record is made of."""
        steering, sequenced = self.steering, self.steering.sequenced
        return VerifiedRun(
            "plan",
            quick,
            self.heating_model,
            sequenced.trajectory,
            self.outcome,
            steering.resolved,
            notes=[
                *steering.resolved.notes,
                *search_notes(steering.shares),
                *sequenced.notes,
                *field_notes(self.heating_model.case),
            ],
            prediction_k=self.gap_k,
            interrupted=steering.interrupted,
        )


class CycleMeans:
    """Consumer of a history that keeps the mean temperature ``(g, n_dof)`` over groups of times ``(g, m)``."""

    def __init__(self, groups_s: Sequence[Array]) -> None:
        self.groups_s = list(groups_s)
        self.times_s = np.array([float(group.mean()) for group in groups_s])
        self._group = {round(float(t), 6): g for g, group in enumerate(groups_s) for t in group}
        self._counts = np.array([len(group) for group in groups_s])
        self._sums: NDArray[np.float32] | None = None

    @property
    def wanted_s(self) -> Array:
        """All times of the groups."""
        return np.concatenate(self.groups_s)

    def add(self, time_s: float, temperature_c: Array) -> None:
        """Take the temperatures at one time."""
        if self._sums is None:
            self._sums = np.zeros((len(self._counts), len(temperature_c)), np.float32)
        group = self._group.get(round(time_s, 6))
        if group is not None:
            self._sums[group] += temperature_c / self._counts[group]

    @property
    def mean_c(self) -> NDArray[np.float32]:
        """Mean of each group."""
        return np.zeros((0, 0), np.float32) if self._sums is None else self._sums


def plan_until_agreed(setup: SearchSetup, stages: Stages) -> SettledPlan:
    """Search, sequence and verify in rounds; the round that keeps most and agrees best is the plan.

    Ends when prediction and verification agree and what was searched as kept is kept; else after `MOST_ROUNDS`, or,
    where nothing feeds back, `MOST_REPAIRS` more than the first.
    """
    coupled = setup.heating_model.feedback is not None
    most = MOST_ROUNDS if coupled else 1 + MOST_REPAIRS
    found: list[SettledPlan] = []
    rows: list[RoundRecord] = []
    correction: Correction | None = None
    drawn_in: dict[int, float] = {}
    while len(found) < most:
        steering = steer(setup, stages, correction)
        outcome, means = _verify_round(steering, stages)
        gap_k, broken = prediction_k(steering, outcome), _new_breaks(steering, outcome)
        rows.append({"prediction_k": gap_k, "broken": [setup.resolved.rows[i].label for i in broken]})
        found.append(SettledPlan(steering, outcome, gap_k, rows))
        if steering.interrupted or not (broken or (coupled and gap_k > AGREED_K)):
            break
        if not coupled or gap_k <= AGREED_K:
            drawn_in = {i: drawn_in.get(i, 0.0) + broken.get(i, 0.0) for i in {*drawn_in, *broken}}
        setup, rise_k = _relinearize(setup, steering, means, stages)
        reach = _REACH[len(found) - 1] if coupled else None
        wanted = tighten(setup.resolved, drawn_in)
        correction = Correction(means.times_s, rise_k, wanted, steering.attempt.sought.shares, reach)
    best = min(found, key=lambda settled: _loss(settled, coupled))
    rows[found.index(best)]["reported"] = True
    return best


def _verify_round(steering: Steering, stages: Stages) -> tuple[Outcome, CycleMeans]:
    """The full model over the sequence, and its means over the cycles that a correction is learned from."""
    setup, means = steering.setup, CycleMeans(_groups_s(steering))
    with stages.stage("verify with the full model"):
        trajectory = steering.sequenced.trajectory
        outcome = verify(setup.heating_model, trajectory, setup.resolved, stages, PlayOptions(watcher=means))
    return outcome, means


def _loss(settled: SettledPlan, coupled: bool) -> tuple[float, ...]:
    """Limits broken, disagreement, goals missed: the plan with the least of them is reported."""
    rows = list(zip(settled.steering.resolved.rows, settled.outcome.values, strict=True))
    limits = sum(max(0.0, row.goal.short_k(value)) for row, value in rows if row.goal.kind == "limit")
    goals = sum(max(0.0, row.goal.short_k(value)) for row, value in rows if row.goal.kind == "goal")
    return (limits, max(0.0, settled.gap_k - AGREED_K) if coupled else 0.0, goals, settled.gap_k)


def _new_breaks(steering: Steering, outcome: Outcome) -> dict[int, float]:
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
        for part in _WINDOW_PARTS:
            left = repeats - int(np.ceil(part * repeats - 1e-9))
            times = end - period * (left + (np.arange(CYCLE_SAMPLES) + 0.5)[::-1] / CYCLE_SAMPLES)
            if (key := round(float(times[0]), 6)) not in seen and times[0] > 0.0:
                seen.add(key)
                groups.append(times)
    cool_down = steering.attempt.sought.settings.cool_down_s
    return groups + [np.array([steering.edges_s[-1] + t]) for t in _COOLING_S if t <= cool_down]


def _relinearize(
    setup: SearchSetup, steering: Steering, means: CycleMeans, stages: Stages
) -> tuple[SearchSetup, NDArray[np.float32] | None]:
    """The setup with the reduced model of the linear system that is nearest to what the plan's perfusion did, and the
    rise ``(t, n_dof)`` that the full model still has more; None where nothing feeds back."""
    heating_model = setup.heating_model
    if heating_model.feedback is None:
        return setup, None
    with stages.stage("reduced model"):
        heating = means.times_s <= setup.duration_s
        seen = means.mean_c[heating].astype(float)
        system = linearize(heating_model.system, heating_model.feedback, seen)
        model = cached_model(system, setup.basis.load_w, setup.duration_s, stages)
        regulation = fit_regulation_w_k(heating_model.feedback, heating_model.system, seen)
        setup = replace(setup, model=regulate_model(model, heating_model.system, regulation))
    return setup, _rise(setup, steering, means)


def _rise(setup: SearchSetup, steering: Steering, means: CycleMeans) -> NDArray[np.float32]:
    """Rise that the full model has more than the reduced one for the same plan, ``(t, n_dof)``."""
    model = restrict(setup.model, range(len(setup.columns)))
    played, edges = steering.sequenced.achieved, steering.edges_s
    predicted = [model.temperature(played, edges, times).mean(axis=0) for times in means.groups_s]
    return means.mean_c - np.array(predicted, np.float32)
