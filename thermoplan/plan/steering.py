"""From goals to a deliverable sequence: candidate columns, reduced model, search, rhythm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array, IntArray
from ..bioheat.reduced import ReducedModel, reduced_model
from ..errors import InputError
from ..goals import Goal, Resolved, resolve
from ..metrics import dose_min, statistic, value
from ..optimize import Progress, Settings, Shares, optimize_shares
from ..progress import Stages
from ..sar import Column, HeatingBasis, ffr_widths_m
from ..trajectory import Rhythm, Sequenced, candidate_positions, sequence
from .case import Case
from .engine import Engine
from .outcome import Outcome

WINDOWS = 8
LEVELS = (0.5, 0.75, 1.0)
"""Amplitudes tried, as parts of the protocol's."""
MARGIN_M = 3e-3
COOL_DOWN_SEARCHED_S = 240.0
CYCLE_SAMPLES = 8
LOSS, DRIFT_K = 2e-3, 0.08
LEAST_SHARE, MOST_COLUMNS, SMALL_SHARE = 0.06, (5, 3, 1), 0.08
TRIMS, TYPICAL_RISE_K = 2, 7.0
"""Moving, settling and shortest dwells change the shares in a way that a search cannot foresee: it is repeated
with the duty that was left and the few columns that mattered, until what the machine plays is what was searched."""


@dataclass(frozen=True, slots=True, eq=False)
class Steering:
    """What the search worked with and found.

    ``basis`` has the candidate columns first, then one per amplitude without any gradient; ``played`` are the
    values of goals and limits for the shares that the sequence plays, by the reduced model.
    """

    basis: HeatingBasis
    candidates: int
    model: ReducedModel
    resolved: Resolved
    shares: Shares
    sequenced: Sequenced
    played: tuple[float, ...]

    @property
    def edges_s(self) -> Array:
        return self.shares.window_edges_s


def resolved_goals(engine: Engine) -> Resolved:
    """The protocol's goals and limits, and the default ones, on this mesh."""
    protocol = engine.case.protocol
    try:
        return resolve(protocol.goals, engine.case.anatomy, core=engine.system.has_blood)
    except InputError as error:
        raise InputError([f"{protocol.path.name}: {text}" for text in error.complaints]) from None


def steer(engine: Engine, resolved: Resolved, stages: Stages) -> Steering:
    """Find the best time shares and turn them into a sequence the machine can play."""
    protocol = engine.case.protocol
    with stages.stage("heating basis"):
        columns = candidate_columns(engine.case)
        basis = engine.basis((*columns, *_without_gradient(engine.case, columns)))
    with stages.stage("reduced model"):
        model = reduced_model(engine.system, basis.load_w, protocol.session.duration_s)
    edges = window_edges_s(protocol.session.duration_s, protocol.steering.windows or WINDOWS)
    heating = basis.load_w[: len(columns)] / engine.system.capacity_j_k[: engine.system.n_nodes]
    find = _Finder(engine, model, resolved, columns, edges, heating, stages)
    best = find.trimmed(find(np.arange(len(columns)), _settings(engine.case), None))
    attempt = best
    for most in MOST_COLUMNS:
        if attempt.shares.status == "interrupted" or attempt.worth == 0.0:
            break
        whole = protocol.device.max_duty  # which is there where nothing moves
        duty = whole if most == 1 else max(0.5 * whole, attempt.playable_duty or attempt.settings.max_duty)
        settings = replace(attempt.settings, max_duty=duty)
        supports = [attempt.support(most)] if most > 1 else _parked(engine.case, columns)[:, None]
        played = attempt.sequenced.achieved
        found = [find.trimmed(find(support, settings, played, best.promised)) for support in supports]
        attempt = min(found, key=lambda a: (a.worth, a.shares.objective))
        best = min(best, attempt, key=lambda a: a.worth)
    return Steering(basis, len(columns), model, resolved, best.shares, best.sequenced, best.played)


@dataclass(frozen=True, slots=True, eq=False)
class _Attempt:
    """A search and its sequence; ``played`` are the rows' values for what the machine plays, ``promised`` those
    of the first search, which knew nothing of moves."""

    resolved: Resolved
    settings: Settings
    shares: Shares
    searched: Array
    sequenced: Sequenced
    played: tuple[float, ...]
    promised: tuple[float, ...]

    @property
    def worth(self) -> float:
        """0 where playing loses nothing; else what it loses: ripple beyond its limit, goals and limits, kelvins."""
        promised = zip(self.resolved.rows, self.promised, self.played, strict=True)
        lost = sum(row.goal.met(a) and not row.goal.met(b) for row, a, b in promised)
        ripple_k = float(self.sequenced.ripple_k.max(initial=0.0))
        restless = 100.0 + ripple_k if ripple_k > Rhythm().ripple_k * (1.0 + 1e-6) else 0.0
        return restless + 10.0 * lost + (abs(self.drift_k) if abs(self.drift_k) > DRIFT_K else 0.0)

    @property
    def drift_k(self) -> float:
        """How much hotter than searched the goals are played; the largest of them."""
        drifts = [_kelvins(row.goal, b) - _kelvins(row.goal, a) for row, a, b in self._rows()
                  if row.goal.kind == "goal"]
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

    def _rows(self) -> list:
        return list(zip(self.resolved.rows, self.shares.values, self.played, strict=True))


def _kelvins(goal: Goal, found: float) -> float:
    """A temperature, or a dose as the temperature above 43 degrees C that doubles it per kelvin."""
    return float(np.log2(max(found, 1e-3))) if goal.parts.is_dose else found


@dataclass(frozen=True, slots=True, eq=False)
class _Finder:
    """One attempt: search over some of the columns, sequence, judge what would be played."""

    engine: Engine
    model: ReducedModel
    resolved: Resolved
    columns: tuple[Column, ...]
    edges_s: Array
    heating_k_s: Array
    stages: Stages

    def __call__(
        self, support: IntArray, settings: Settings, start: Array | None, promised: tuple[float, ...] = ()
    ) -> _Attempt:
        stages, edges = self.stages, self.edges_s
        with stages.stage("optimize"):
            found = optimize_shares(
                _restricted(self.model, support), self.resolved, window_edges_s=edges, settings=settings,
                start=None if start is None else start[:, support],
                progress=lambda p: stages.update(None, _progress_text(p)))
        shares = np.zeros((len(edges) - 1, len(self.columns)))
        shares[:, support] = found.shares
        return self._played(found, settings, shares, 1.0, promised or found.values)

    def trimmed(self, attempt: _Attempt) -> _Attempt:
        """The same search with its shares scaled so that what is played is as hot as what was searched."""
        scale = 1.0
        for _ in range(TRIMS):
            if abs(attempt.drift_k) <= DRIFT_K or attempt.shares.status == "interrupted":
                break
            scale *= np.clip(1.0 - attempt.drift_k / TYPICAL_RISE_K, 0.8, 1.2)
            again = self._played(attempt.shares, attempt.settings, attempt.searched, scale, attempt.promised)
            attempt = min(attempt, again, key=lambda a: a.worth)
        return attempt

    def _played(
        self, found: Shares, settings: Settings, searched: Array, scale: float, promised: tuple[float, ...]
    ) -> _Attempt:
        protocol, edges = self.engine.case.protocol, self.edges_s
        with self.stages.stage("sequence"):
            rhythm = Rhythm(min_dwell_s=protocol.steering.min_dwell_s or 0.0)
            sequenced = sequence(scale * searched, self.columns, window_edges_s=edges, device=protocol.device,
                                 heating_k_s=self.heating_k_s, rhythm=rhythm)
            every = _restricted(self.model, range(len(self.columns)))
            played = judged(every, sequenced.achieved, edges, self.resolved, settings.cool_down_s)
        return _Attempt(self.resolved, settings, found, searched, sequenced, played, promised)


def judged(
    model: ReducedModel, shares: Array, edges_s: Array, resolved: Resolved, cool_down_s: float
) -> tuple[float, ...]:
    """Value of every goal and limit for given shares, by the reduced model."""
    heating = float(edges_s[-1])
    times = _looked_at_s(heating, cool_down_s)
    courses: dict[bytes, Array] = {}
    found = []
    for row in resolved.rows:
        key = row.nodes.tobytes()
        if key not in courses:
            courses[key] = model.temperature(shares, edges_s, times, rows=row.nodes)
        found.append(value(row, times, courses[key], heating))
    return tuple(found)


def _looked_at_s(heating_s: float, cool_down_s: float) -> Array:
    after = heating_s + np.linspace(0.0, cool_down_s, 13)[1:] if cool_down_s > 0.0 else np.zeros(0)
    return np.concatenate([np.linspace(0.0, heating_s, 121), after])


def candidate_columns(case: Case) -> tuple[Column, ...]:
    """Every position worth trying, at every amplitude level."""
    protocol, device = case.protocol, case.protocol.device
    steering = protocol.steering
    if not case.targets:
        raise InputError(f"{protocol.path.name}: goals: missing: a plan needs at least one, such as "
                         'region = "tumour", metric = "CEM43T90", at_least = "10 min"')
    along, across = ffr_widths_m(protocol.tracer, device)
    spacing = steering.spacing_m or tuple(width / 4.0 for width in (along, across, across))
    margin = MARGIN_M if steering.margin_m is None else steering.margin_m
    positions = candidate_positions(case.anatomy, case.targets, device=device, spacing_m=spacing, margin_m=margin)
    low, high = device.amplitude_range_t
    levels = steering.amplitudes_t or tuple(device.amplitude_t * level for level in LEVELS)
    usable = [level for level in levels if low * (1 - 1e-9) <= level <= high * (1 + 1e-9)]
    if not usable:
        raise InputError(device.violations(amplitude_t=levels))
    return tuple(Column(tuple(p), a, device.gradient_t_m) for a in usable for p in positions.tolist())


def _without_gradient(case: Case, columns: Sequence[Column]) -> tuple[Column, ...]:
    amplitudes = dict.fromkeys(c.amplitude_t for c in columns)
    return tuple(Column(columns[0].center_m, a, 0.0) for a in amplitudes)


def window_edges_s(duration_s: float, windows: int) -> Array:
    """Edges of the windows: shorter while the animal warms up, and one at two thirds, where the hold begins."""
    edges = duration_s * (np.arange(windows + 1) / windows) ** 1.5
    if windows >= 3:
        nearest = 1 + int(np.argmin(np.abs(edges[1:-1] - duration_s * 2.0 / 3.0)))
        edges[nearest] = duration_s * 2.0 / 3.0
    return edges


def _settings(case: Case) -> Settings:
    cool = case.protocol.session.cool_down_s
    return Settings(max_duty=case.protocol.device.max_duty, min_share=LEAST_SHARE,
                    cool_down_s=COOL_DOWN_SEARCHED_S if cool is None else min(cool, COOL_DOWN_SEARCHED_S))


def _progress_text(p: Progress) -> str:
    return f"iteration {p.iteration}: objective {p.objective:.4g}, worst limit {p.worst_limit} ({p.worst_limit_k:+.2f})"


def _restricted(model: ReducedModel, rows: Sequence[int]) -> ReducedModel:
    return replace(model, inputs=model.inputs[np.asarray(rows)])


def alternatives(engine: Engine, steering: Steering) -> list[dict[str, Any]]:
    """What one would do by hand, for the same goals: predicted by the reduced model, limits ignored.

    The field-free region parked at the target's centre, a uniform raster over the target, and no gradient.
    """
    case, candidates = engine.case, steering.candidates
    columns = steering.basis.columns
    goals_only = replace(steering.resolved, rows=tuple(
        row for row in steering.resolved.rows if row.goal.kind == "goal" or row.region in case.targets))
    parked = _parked(case, columns[:candidates])
    inside = _inside(case, columns[:candidates])
    inputs = steering.model.inputs
    amplitudes = list(dict.fromkeys(c.amplitude_t for c in columns[:candidates]))
    raster = np.array([inputs[[i for i in inside if columns[i].amplitude_t == a]].mean(axis=0) for a in amplitudes])
    ways = {"parked at the centre": inputs[parked], "uniform raster": raster, "no gradient": inputs[candidates:]}
    rows = [_alternative("this plan", inputs[:candidates], steering.sequenced.achieved, engine, steering)]
    for name, members in ways.items():
        found = optimize_shares(replace(steering.model, inputs=members), goals_only,
                                window_edges_s=steering.edges_s, settings=replace(_settings(case), starts=1))
        rows.append(_alternative(name, members, found.shares, engine, steering))
    return rows


def _parked(case: Case, columns: Sequence[Column]) -> IntArray:
    """The columns at the position nearest to the targets' centre, one an amplitude."""
    distance = np.linalg.norm(np.array([c.center_m for c in columns]) - _centre_m(case), axis=1)
    return np.flatnonzero(distance <= distance.min() + 1e-9)


def _centre_m(case: Case) -> Array:
    cells = case.anatomy.cells(*case.targets)
    volume = case.anatomy.volumes_m3[cells]
    return volume @ case.anatomy.centroids_m[cells] / volume.sum()


def _inside(case: Case, columns: Sequence[Column]) -> list[int]:
    """Columns whose position lies in a target; all of them where none does."""
    cell, _ = case.anatomy.located(np.array([c.center_m for c in columns]), cells=case.anatomy.cells(*case.targets))
    found = np.flatnonzero(cell >= 0)
    return found.tolist() if len(found) else list(range(len(columns)))


def _alternative(name: str, inputs: Array, shares: Array, engine: Engine, steering: Steering) -> dict[str, Any]:
    model, resolved = replace(steering.model, inputs=inputs), steering.resolved
    edges, cool_down = steering.edges_s, _settings(engine.case).cool_down_s
    values = judged(model, shares, edges, resolved, cool_down)
    broken = []
    for row, found in zip(resolved.rows, values, strict=True):
        if not row.goal.met(found):
            sign = ">" if row.goal.sense == "at_most" else "<"
            broken.append(f"{row.region} {row.goal.metric} {found:.3g} {sign} {row.goal.bound:g} {row.goal.unit}")
    target = next(r for r in resolved.rows if r.region == resolved.targets[0])
    heating = float(edges[-1])
    times = _looked_at_s(heating, cool_down)
    focus = model.temperature(shares, edges, times, rows=target.nodes)
    t90 = statistic(focus, target.weights_m3, 90.0)
    core = next((v for r, v in zip(resolved.rows, values, strict=True) if r.region == "core"), None)
    return {"name": name, "t90_c": float(np.interp(heating, times, t90)), "cem43t90_min": float(dose_min(times, t90)),
            "t_max_c": float(focus.max()), "duty": float(np.diff(edges) @ shares.sum(axis=1)) / heating,
            "core_c": core, "limits_broken": broken}


def last_cycles_s(steering: Steering) -> Array:
    """Times ``(windows, samples)`` over the last cycle of each window, where search and full model are compared."""
    rows = []
    for block, end in zip(steering.sequenced.trajectory.windows, steering.edges_s[1:], strict=True):
        period = block.period_s if block.repeats else 1.0
        rows.append(end - period * (np.arange(CYCLE_SAMPLES) + 0.5)[::-1] / CYCLE_SAMPLES)
    return np.array(rows)


def prediction_k(engine: Engine, steering: Steering, outcome: Outcome) -> float:
    """Largest difference of searched and verified temperature over every reported region and probe.

    Compared are T90, T50, T10 and the greatest temperature of each region, the probes and the core. The
    search ends with the shares that the sequence plays; the reduced model averages them over a window, the
    verified run plays every dwell: both are averaged over the last cycle of each window.
    """
    model = _restricted(steering.model, range(steering.candidates))
    times = last_cycles_s(steering)
    dofs = model.temperature(steering.sequenced.achieved, steering.edges_s, times.ravel())

    def gap(verified_c: Array, predicted: Array) -> float:
        verified = np.interp(times.ravel(), outcome.time_s, verified_c)
        return float(np.abs((verified - predicted).reshape(times.shape).mean(axis=1)).max())

    gaps = []
    for name, (nodes, weights) in outcome.series.regions.items():
        course = outcome.series.course(name)
        for key, which in (("t90_c", 90.0), ("t50_c", 50.0), ("t10_c", 10.0), ("t_max_c", "max")):
            gaps.append(gap(course[key], statistic(dofs[:, nodes], weights, which)))
    for name, course in outcome.probes_c.items():
        nodes, weights = outcome.probe_rows[name]
        gaps.append(gap(course, dofs[:, nodes] @ weights))
    if outcome.core_c is not None:
        gaps.append(gap(outcome.core_c, dofs[:, -1]))
    return max(gaps)


def optimizer_record(steering: Steering) -> dict[str, Any]:
    s = steering.shares
    return {"method": s.method, "status": s.status, "iterations": s.iterations, "objective": s.objective,
            "gap": s.gap, "seconds": s.seconds, "columns": steering.candidates, "windows": len(steering.edges_s) - 1,
            "ripple_k": steering.sequenced.ripple_k.tolist(),
            "rom_size": steering.model.size, "rom_error_k": steering.model.error_k,
            "predicted": [{"goal": row.label, "searched": a, "played": b}
                          for row, a, b in zip(steering.resolved.rows, s.values, steering.played, strict=True)]}
