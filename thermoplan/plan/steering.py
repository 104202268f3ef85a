"""From goals to a deliverable sequence: candidate columns, reduced model, search, rhythm."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..bioheat.reduced import ReducedModel, reduced_model
from ..errors import InputError
from ..goals import Resolved, resolve
from ..optimize import Shares
from ..progress import Stages
from ..sar import HeatingBasis
from ..trajectory import Sequenced
from .attempts import Attempt, Finder
from .candidates import WINDOWS, candidate_columns, parked, search_settings, window_edges_s, without_gradient
from .engine import Engine
from .hard import budgets, guarded

MOST_COLUMNS = (5, 3, 1)
"""Moving, settling and shortest dwells change the shares in a way that a search cannot foresee: it is repeated
with the duty that was left and the few columns that mattered, until what the machine plays is what was searched."""


@dataclass(frozen=True, slots=True, eq=False)
class Steering:
    """What the search worked with and found.

    ``basis`` has the candidate columns first, then one per amplitude without any gradient; ``kept`` are the model
    and the rows with the hard limits of safety behind the others; ``attempt`` is the one that is played.
    """

    basis: HeatingBasis
    candidates: int
    model: ReducedModel
    resolved: Resolved
    kept: tuple[ReducedModel, Resolved]
    attempt: Attempt

    @property
    def shares(self) -> Shares:
        """What was searched, among the columns that the attempt used."""
        return self.attempt.sought.found

    @property
    def sequenced(self) -> Sequenced:
        return self.attempt.sequenced

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
        basis = engine.basis((*columns, *without_gradient(engine.case, columns)))
    with stages.stage("reduced model"):
        model = reduced_model(engine.system, basis.load_w, protocol.session.duration_s)
    edges = window_edges_s(protocol.session.duration_s, protocol.steering.windows or WINDOWS)
    heating = basis.load_w[: len(columns)] / engine.system.capacity_j_k[: engine.system.n_nodes]
    kept = guarded(model, resolved, budgets(engine, basis), protocol.session.duration_s)
    find = Finder(engine, *kept, columns, edges, heating, stages)
    best = _playable(find, find(np.arange(len(columns)), search_settings(engine.case), None))
    return Steering(basis, len(columns), model, resolved, kept, best)


def _playable(find: Finder, first: Attempt) -> Attempt:
    """The attempt that loses least where the machine plays it."""
    device = find.engine.case.protocol.device
    best = attempt = first
    for most in MOST_COLUMNS:
        if attempt.interrupted or attempt.worth == 0.0:
            break
        whole = device.max_duty  # which is there where nothing moves
        duty = whole if most == 1 else max(0.5 * whole, attempt.playable_duty or attempt.sought.settings.max_duty)
        settings = replace(attempt.sought.settings, max_duty=duty)
        supports = [attempt.support(most)] if most > 1 else parked(find.engine.case, find.columns)[:, None]
        played = attempt.sequenced.achieved
        found = [find(support, settings, played, best.sought.promised) for support in supports]
        attempt = min(found, key=lambda a: (a.worth, a.sought.found.objective))
        best = min(best, attempt, key=lambda a: a.worth)
    return best


def optimizer_record(steering: Steering) -> dict[str, Any]:
    s, rows = steering.shares, steering.resolved.rows
    return {"method": s.method, "status": s.status, "iterations": s.iterations, "objective": s.objective,
            "gap": s.gap, "seconds": s.seconds, "columns": steering.candidates, "windows": len(steering.edges_s) - 1,
            "ripple_k": steering.sequenced.ripple_k.tolist(),
            "rom_size": steering.model.size, "rom_error_k": steering.model.error_k,
            "predicted": [{"goal": row.label, "searched": a, "played": b}
                          for row, a, b in zip(rows, s.values, steering.attempt.played, strict=False)]}
