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
from .attempts import Finder
from .candidates import WINDOWS, candidate_columns, parked, search_settings, window_edges_s, without_gradient
from .engine import Engine
from .hard import budgets, guarded

MOST_COLUMNS = (5, 3, 1)
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
        basis = engine.basis((*columns, *without_gradient(engine.case, columns)))
    with stages.stage("reduced model"):
        model = reduced_model(engine.system, basis.load_w, protocol.session.duration_s)
    edges = window_edges_s(protocol.session.duration_s, protocol.steering.windows or WINDOWS)
    heating = basis.load_w[: len(columns)] / engine.system.capacity_j_k[: engine.system.n_nodes]
    kept = guarded(model, resolved, budgets(engine, basis), protocol.session.duration_s)
    find = Finder(engine, *kept, columns, edges, heating, stages)
    best = find.trimmed(find(np.arange(len(columns)), search_settings(engine.case), None))
    attempt = best
    for most in MOST_COLUMNS:
        if attempt.shares.status == "interrupted" or attempt.worth == 0.0:
            break
        whole = protocol.device.max_duty  # which is there where nothing moves
        duty = whole if most == 1 else max(0.5 * whole, attempt.playable_duty or attempt.settings.max_duty)
        settings = replace(attempt.settings, max_duty=duty)
        supports = [attempt.support(most)] if most > 1 else parked(engine.case, columns)[:, None]
        played = attempt.sequenced.achieved
        found = [find.trimmed(find(support, settings, played, best.promised)) for support in supports]
        attempt = min(found, key=lambda a: (a.worth, a.shares.objective))
        best = min(best, attempt, key=lambda a: a.worth)
    rows = len(resolved.rows)
    shares = replace(best.shares, values=best.shares.values[:rows])
    return Steering(basis, len(columns), model, resolved, shares, best.sequenced, best.played[:rows])


def optimizer_record(steering: Steering) -> dict[str, Any]:
    s = steering.shares
    return {"method": s.method, "status": s.status, "iterations": s.iterations, "objective": s.objective,
            "gap": s.gap, "seconds": s.seconds, "columns": steering.candidates, "windows": len(steering.edges_s) - 1,
            "ripple_k": steering.sequenced.ripple_k.tolist(),
            "rom_size": steering.model.size, "rom_error_k": steering.model.error_k,
            "predicted": [{"goal": row.label, "searched": a, "played": b}
                          for row, a, b in zip(steering.resolved.rows, s.values, steering.played, strict=True)]}
