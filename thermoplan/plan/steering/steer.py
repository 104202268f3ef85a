"""Steering: goals to a deliverable sequence, by search, rhythm, and fewer positions where the machine cannot follow."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...base.arrays import Array
from ...base.errors import InputError
from ...base.progress import Stages
from ...files.run.search_record import OptimizerRecord, RoundRecord
from ...goals import Resolved, resolve
from ...optimize import CorrectedModel, SearchModel, Shares, asked_goal
from ...power.heating_basis import HeatingBasis
from ...trajectory import Sequenced
from ..case.heating_model import HeatingModel
from .attempts import Attempt, Finder
from .candidates import parked_columns, search_settings
from .search_setup import SearchSetup

MOST_COLUMNS = (5, 3, 1)
"""Columns that the search is repeated with, attempt by attempt. Moving, settling and shortest dwells change the shares
in a way that a search cannot foresee: it is repeated with the duty that was left and the few columns that mattered,
until what the machine plays is what was searched; the last attempt parks."""


@dataclass(frozen=True, slots=True, eq=False)
class Steering:
    """A search with what it worked with and found.

    ``model`` is the reduced one, corrected where the full model was found to differ; ``asked`` are the rows
    and the budgets of safety; ``attempt`` is the one that is played.
    """

    setup: SearchSetup
    model: SearchModel
    asked: Resolved
    attempt: Attempt

    @property
    def basis(self) -> HeatingBasis:
        """The candidate columns first, then one per amplitude without any gradient."""
        return self.setup.basis

    @property
    def candidates(self) -> int:
        """Number of candidate columns."""
        return len(self.setup.columns)

    @property
    def resolved(self) -> Resolved:
        """Goals and limits on the mesh."""
        return self.setup.resolved

    @property
    def shares(self) -> Shares:
        """Shares that the search found, among the columns that the attempt used."""
        return self.attempt.sought.found

    @property
    def interrupted(self) -> bool:
        """True where the user stopped the search."""
        return self.attempt.interrupted

    @property
    def sequenced(self) -> Sequenced:
        """The sequence that is played."""
        return self.attempt.sequenced

    @property
    def edges_s(self) -> Array:
        """Edges of the windows."""
        return self.shares.window_edges_s


def resolve_goals(heating_model: HeatingModel) -> Resolved:
    """The protocol's goals and limits, and the default ones, on this mesh."""
    protocol = heating_model.case.protocol
    try:
        return resolve(protocol.goals, heating_model.case.anatomy, core=heating_model.system.has_blood)
    except InputError as error:
        raise InputError([f"{protocol.path.name}: {text}" for text in error.complaints]) from None


@dataclass(frozen=True, slots=True, eq=False)
class Correction:
    """Correction by an earlier plan: ``rise_k (t, n_dof)`` at ``times_s (t,)`` that the full model had more than the
    reduced one, if it matters; the rows to search, tightened where they broke; and the plan ``shares (w, c)``, of
    which none may change by more than ``reach``."""

    times_s: Array
    rise_k: NDArray[np.float32] | None
    rows: Resolved
    shares: Array
    reach: float | None = None


def steer(setup: SearchSetup, stages: Stages, correction: Correction | None = None) -> Steering:
    """Find the best time shares and turn them into a sequence the machine can play."""
    settings, start = search_settings(setup.heating_model.case), None
    rows = setup.resolved
    if correction is not None:
        settings, start, rows = replace(settings, reach=correction.reach), correction.shares, correction.rows
    model: SearchModel = setup.model
    asked = setup.with_budgets(rows)
    if correction is not None and correction.rise_k is not None:
        model = CorrectedModel(setup.model, correction.times_s, correction.rise_k)
    elif setup.idle is not None:
        model = CorrectedModel(setup.model, setup.idle.times_s, setup.idle.rise_k)
    find = Finder(setup.heating_model, model, asked, setup.columns, setup.edges_s, setup.heating_k_s, stages)
    best = _find_playable(find, find(np.arange(len(setup.columns)), settings, start))
    return Steering(setup, model, replace(asked, rows=setup.resolved.rows), best)


def _find_playable(find: Finder, first: Attempt) -> Attempt:
    """The attempt that loses least where the machine plays it."""
    device = find.heating_model.case.protocol.device
    best = attempt = first
    for most in MOST_COLUMNS:
        if attempt.interrupted or attempt.loss == 0.0:
            break
        whole = device.max_duty  # which is there where nothing moves
        playable = attempt.sought.settings.max_duty if attempt.playable_duty is None else attempt.playable_duty
        duty = whole if most == 1 else max(0.5 * whole, playable)
        settings = replace(attempt.sought.settings, max_duty=duty)
        supports = (
            [attempt.support(most)] if most > 1 else parked_columns(find.heating_model.case, find.columns)[:, None]
        )
        played = attempt.sequenced.achieved
        found = [find(support, settings, played, best.sought.promised) for support in supports]
        attempt = min(found, key=lambda a: (a.loss, a.sought.found.objective))
        best = min(best, attempt, key=lambda a: a.loss)
    return best


def optimizer_record(steering: Steering, rounds: list[RoundRecord]) -> OptimizerRecord:
    """Method, status and size of the search, and what it predicted."""
    s, rows, reduced = steering.shares, steering.resolved.rows, steering.setup.model
    return {
        "method": s.method,
        "status": s.status,
        "iterations": s.iterations,
        "objective": s.objective,
        "gap": s.gap,
        "seconds": s.seconds,
        "columns": steering.candidates,
        "windows": len(steering.edges_s) - 1,
        "starts": list(s.starts),
        "starts_apart_k": apart_k(s, steering.resolved),
        "ripple_k": steering.sequenced.ripple_k.tolist(),
        "rom_size": reduced.size,
        "rom_error_k": reduced.error_k,
        "rounds": rounds,
        "chosen": steering.setup.chosen,
        "predicted": [
            {"goal": row.label, "searched": a, "played": b}
            for row, a, b in zip(rows, s.values, steering.attempt.played, strict=False)
        ],
    }


def apart_k(shares: Shares, resolved: Resolved) -> float | None:
    """Spread of what searches from different starting points reached of the goal that the plan is asked about, in
    kelvins or doublings; None where one was enough."""
    asked = asked_goal(resolved, shares.values)
    if asked is None or len(shares.start_values_k) < 2:
        return None
    reached = [values[asked] for values in shares.start_values_k]
    return max(reached) - min(reached)


def search_notes(shares: Shares) -> list[str]:
    """Warning where a search stopped before it was done."""
    if shares.status != "iteration limit":
        return []
    return [f"the search stopped at its limit after {shares.iterations} iterations: there may be a better plan"]
