"""Attempt at a plan: search, sequence, and the values of what the machine would then play."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, IntArray
from ...base.progress import Stages
from ...goals import Goal, Resolved, row_value
from ...optimize import Progress, SearchModel, Settings, Shares, optimize_shares
from ...optimize.program.modal_heat import restrict
from ...power.heating_basis import Column
from ...trajectory import Rhythm, Sequenced, sequence
from ..case.heating_model import HeatingModel

LOSS = 2e-3
"""Part of a window's duty whose loss to moving and settling counts: less is rounding of the dwells."""
DRIFT_K = 0.08
"""Drift of a goal from what was searched that is trimmed away; just below the 0.1 K that prediction and full model must
agree to."""
SMALL_SHARE = 0.08
"""Share below which a column is left out of the next attempt: it could not be played. Twice as much leaves columns out
that a machine can play."""
TRIMS = 2
"""Times that an attempt is scaled; each is a sequence more, and the second corrects the first."""
TYPICAL_RISE_K = 7.0
"""Rise of a focus, from 37 to 44 degrees C, which turns a drift into a scale of the shares; for a hotter goal the
first trim goes too far, and the second comes back."""


@dataclass(frozen=True, slots=True, eq=False)
class Sought:
    """A search among the columns ``used``: its settings, what it found, and that over all columns ``shares (w, c)``.

    ``promised`` are the rows' values of the first search, which knew nothing of moves.
    """

    used: IntArray
    settings: Settings
    found: Shares
    shares: Array
    promised: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Attempt:
    """A search and its sequence; ``played`` are the values of the rows for what the machine plays."""

    resolved: Resolved
    sought: Sought
    sequenced: Sequenced
    played: tuple[float, ...]

    @property
    def interrupted(self) -> bool:
        """True where the user stopped the search."""
        return self.sought.found.status == "interrupted"

    @property
    def loss(self) -> float:
        """Loss by playing, 0 where there is none: ripple beyond its limit, goals and limits, kelvins."""
        promised = zip(self.resolved.requirements, self.sought.promised, self.played, strict=True)
        lost = sum(asked.met(a) and not asked.met(b) for asked, a, b in promised)
        ripple_k = float(self.sequenced.ripple_k.max(initial=0.0))
        restless = 100.0 + ripple_k if ripple_k > Rhythm().ripple_k * (1.0 + 1e-6) else 0.0
        return restless + 10.0 * lost + (abs(self.drift_k) if abs(self.drift_k) > DRIFT_K else 0.0)

    @property
    def drift_k(self) -> float:
        """Largest difference of played and searched goals, in kelvins."""
        rows = zip(self.resolved.rows, self.sought.found.values, self.played, strict=False)
        drifts = [_kelvins(row.goal, b) - _kelvins(row.goal, a) for row, a, b in rows if row.goal.kind == "goal"]
        return max(drifts, key=abs, default=0.0)

    @property
    def playable_duty(self) -> float | None:
        """Duty that moving and settling left, where they took some."""
        wanted, achieved = self.sequenced.wanted.sum(axis=1), self.sequenced.achieved.sum(axis=1)
        lossy = achieved < (1.0 - LOSS) * wanted
        return float(achieved[lossy].min()) if lossy.any() else None

    def support(self, most: int) -> IntArray:
        """The few columns that matter most: small shares, and moves of a slow machine, cannot be played."""
        used = self.sequenced.achieved.max(axis=0)
        order = np.argsort(used)[::-1][:most]
        return np.sort(order[used[order] > SMALL_SHARE])


def _kelvins(goal: Goal, found: float) -> float:
    """A temperature, or a dose as the temperature above 43 degrees C that doubles it per kelvin."""
    return goal.in_k(max(found, 1e-3) if goal.measure.scale.is_logarithmic else found)


@dataclass(frozen=True, slots=True, eq=False)
class Finder:
    """Finder of attempts: it searches some of the columns, sequences, and judges what would be played."""

    heating_model: HeatingModel
    model: SearchModel
    resolved: Resolved
    columns: tuple[Column, ...]
    edges_s: Array
    heating_k_s: Array
    stages: Stages

    def __call__(
        self, used: IntArray, settings: Settings, start: Array | None, promised: tuple[float, ...] = ()
    ) -> Attempt:
        """The best attempt among the columns ``used``, scaled so that what is played is as hot as searched."""
        found = self.search(used, settings, start)
        shares = np.zeros((len(self.edges_s) - 1, len(self.columns)))
        shares[:, used] = found.shares
        return self._trim(self._sequence(Sought(used, settings, found, shares, promised or found.values), 1.0))

    def search(self, used: IntArray, settings: Settings, start: Array | None) -> Shares:
        """Shares ``(w, k)`` of the columns ``used``; ``start (w, c)`` is of all columns."""
        with self.stages.stage("optimize"):
            return optimize_shares(
                restrict(self.model, used),
                self.resolved.restricted(used),
                window_edges_s=self.edges_s,
                settings=settings,
                start=None if start is None else start[:, used],
                progress=lambda p: self.stages.update(None, _progress_text(p)),
            )

    def _trim(self, attempt: Attempt) -> Attempt:
        scale = 1.0
        for _ in range(TRIMS):
            if abs(attempt.drift_k) <= DRIFT_K or attempt.interrupted:
                break
            scale *= np.clip(1.0 - attempt.drift_k / TYPICAL_RISE_K, 0.8, 1.2)
            attempt = min(attempt, self._sequence(attempt.sought, scale), key=lambda a: a.loss)
        return attempt

    def _sequence(self, sought: Sought, scale: float) -> Attempt:
        protocol, edges = self.heating_model.case.protocol, self.edges_s
        with self.stages.stage("sequence"):
            rhythm = Rhythm(min_dwell_s=protocol.steering.min_dwell_s or 0.0)
            sequenced = sequence(
                scale * sought.shares,
                self.columns,
                window_edges_s=edges,
                device=protocol.device,
                heating_k_s=self.heating_k_s,
                rhythm=rhythm,
            )
            every = range(len(self.columns))
            model, asked = restrict(self.model, every), self.resolved.restricted(every)
            played = judge_shares(model, sequenced.achieved, edges, asked, sought.settings.cool_down_s)
        return Attempt(self.resolved, sought, sequenced, played)


def judge_shares(
    model: SearchModel, shares: Array, edges_s: Array, resolved: Resolved, cool_down_s: float
) -> tuple[float, ...]:
    """Value of every goal, limit and budget for given shares, by the reduced model."""
    heating = float(edges_s[-1])
    times = judged_times_s(heating, cool_down_s)
    courses: dict[bytes, Array] = {}
    found = []
    for row in resolved.rows:
        key = row.nodes.tobytes()
        if key not in courses:
            courses[key] = model.temperature(shares, edges_s, times, rows=row.nodes)
        found.append(row_value(row, times, courses[key], heating))
    return (*found, *(budget.used(shares, edges_s) for budget in resolved.budgets))


def judged_times_s(heating_s: float, cool_down_s: float) -> Array:
    """Times at which shares are judged: 121 while heating, 12 of the cool-down."""
    after = heating_s + np.linspace(0.0, cool_down_s, 13)[1:] if cool_down_s > 0.0 else np.zeros(0)
    return np.concatenate([np.linspace(0.0, heating_s, 121), after])


def _progress_text(p: Progress) -> str:
    return f"iteration {p.iteration}: objective {p.objective:.4g}, worst limit {p.worst_limit} ({p.worst_limit_k:+.2f})"
