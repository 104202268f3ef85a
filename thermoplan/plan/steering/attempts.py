"""One attempt at a plan: search, sequence, and what the machine would then play."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...base.arrays import Array, IntArray
from ...base.progress import Stages
from ...bioheat.engines.reduced import ReducedModel
from ...goals import Goal, Resolved, row_value
from ...optimize import Progress, Settings, Shares, optimize_shares
from ...optimize.program.modal_heat import restricted
from ...power.heating_basis import Column
from ...trajectory import Rhythm, Sequenced, sequence
from ..case.heating_model import HeatingModel

LOSS, DRIFT_K = 2e-3, 0.08
SMALL_SHARE = 0.08
TRIMS, TYPICAL_RISE_K = 2, 7.0


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
    """A search and its sequence; ``played`` are the rows' values for what the machine plays."""

    resolved: Resolved
    sought: Sought
    sequenced: Sequenced
    played: tuple[float, ...]

    @property
    def interrupted(self) -> bool:
        return self.sought.found.status == "interrupted"

    @property
    def worth(self) -> float:
        """0 where playing loses nothing; else what it loses: ripple beyond its limit, goals and limits, kelvins."""
        promised = zip(self.resolved.rows, self.sought.promised, self.played, strict=True)
        lost = sum(row.goal.met(a) and not row.goal.met(b) for row, a, b in promised)
        ripple_k = float(self.sequenced.ripple_k.max(initial=0.0))
        restless = 100.0 + ripple_k if ripple_k > Rhythm().ripple_k * (1.0 + 1e-6) else 0.0
        return restless + 10.0 * lost + (abs(self.drift_k) if abs(self.drift_k) > DRIFT_K else 0.0)

    @property
    def drift_k(self) -> float:
        """How much hotter than searched the goals are played; the largest of them."""
        rows = zip(self.resolved.rows, self.sought.found.values, self.played, strict=True)
        drifts = [_kelvins(row.goal, b) - _kelvins(row.goal, a) for row, a, b in rows if row.goal.kind == "goal"]
        return max(drifts, key=abs, default=0.0)

    @property
    def playable_duty(self) -> float | None:
        """The duty that moving and settling left, where they took some."""
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
    """One attempt: search over some of the columns, sequence, judge what would be played."""

    engine: HeatingModel
    model: ReducedModel
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
        return self._trimmed(self._played(Sought(used, settings, found, shares, promised or found.values), 1.0))

    def search(self, used: IntArray, settings: Settings, start: Array | None) -> Shares:
        """Shares ``(w, k)`` of the columns ``used``; ``start (w, c)`` is of all columns."""
        with self.stages.stage("optimize"):
            return optimize_shares(
                restricted(self.model, used),
                self.resolved,
                window_edges_s=self.edges_s,
                settings=settings,
                start=None if start is None else start[:, used],
                progress=lambda p: self.stages.update(None, _progress_text(p)),
            )

    def _trimmed(self, attempt: Attempt) -> Attempt:
        scale = 1.0
        for _ in range(TRIMS):
            if abs(attempt.drift_k) <= DRIFT_K or attempt.interrupted:
                break
            scale *= np.clip(1.0 - attempt.drift_k / TYPICAL_RISE_K, 0.8, 1.2)
            attempt = min(attempt, self._played(attempt.sought, scale), key=lambda a: a.worth)
        return attempt

    def _played(self, sought: Sought, scale: float) -> Attempt:
        protocol, edges = self.engine.case.protocol, self.edges_s
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
            every = restricted(self.model, range(len(self.columns)))
            played = judged(every, sequenced.achieved, edges, self.resolved, sought.settings.cool_down_s)
        return Attempt(self.resolved, sought, sequenced, played)


def judged(
    model: ReducedModel, shares: Array, edges_s: Array, resolved: Resolved, cool_down_s: float
) -> tuple[float, ...]:
    """Value of every goal and limit for given shares, by the reduced model."""
    heating = float(edges_s[-1])
    times = looked_at_s(heating, cool_down_s)
    courses: dict[bytes, Array] = {}
    found = []
    for row in resolved.rows:
        key = row.nodes.tobytes()
        if key not in courses:
            courses[key] = model.temperature(shares, edges_s, times, rows=row.nodes)
        found.append(row_value(row, times, courses[key], heating))
    return tuple(found)


def looked_at_s(heating_s: float, cool_down_s: float) -> Array:
    after = heating_s + np.linspace(0.0, cool_down_s, 13)[1:] if cool_down_s > 0.0 else np.zeros(0)
    return np.concatenate([np.linspace(0.0, heating_s, 121), after])


def _progress_text(p: Progress) -> str:
    return f"iteration {p.iteration}: objective {p.objective:.4g}, worst limit {p.worst_limit} ({p.worst_limit_k:+.2f})"
