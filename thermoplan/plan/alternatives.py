"""What one would do by hand, for the same goals: parked, a raster, or no gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..metrics import dose_min, statistic
from ..optimize import optimize_shares
from .attempts import judged, looked_at_s
from .candidates import inside, parked, search_settings
from .engine import Engine
from .steering import Steering


def alternatives(engine: Engine, steering: Steering) -> list[dict[str, Any]]:
    """What one would do by hand, for the same goals: predicted by the reduced model, limits ignored.

    The field-free region parked at the target's centre, a uniform raster over the target, and no gradient.
    """
    case, candidates = engine.case, steering.candidates
    columns = steering.basis.columns
    goals_only = replace(steering.resolved, rows=tuple(
        row for row in steering.resolved.rows if row.goal.kind == "goal" or row.region in case.targets))
    centre, within = parked(case, columns[:candidates]), inside(case, columns[:candidates])
    inputs = steering.model.inputs
    amplitudes = list(dict.fromkeys(c.amplitude_t for c in columns[:candidates]))
    raster = np.array([inputs[[i for i in within if columns[i].amplitude_t == a]].mean(axis=0) for a in amplitudes])
    ways = {"parked at the centre": inputs[centre], "uniform raster": raster, "no gradient": inputs[candidates:]}
    rows = [_alternative("this plan", inputs[:candidates], steering.sequenced.achieved, engine, steering)]
    for name, members in ways.items():
        found = optimize_shares(replace(steering.model, inputs=members), goals_only,
                                window_edges_s=steering.edges_s, settings=replace(search_settings(case), starts=1))
        rows.append(_alternative(name, members, found.shares, engine, steering))
    return rows


def _alternative(name: str, inputs: Array, shares: Array, engine: Engine, steering: Steering) -> dict[str, Any]:
    model, resolved = replace(steering.model, inputs=inputs), steering.resolved
    edges, cool_down = steering.edges_s, search_settings(engine.case).cool_down_s
    values = judged(model, shares, edges, resolved, cool_down)
    broken = []
    for row, found in zip(resolved.rows, values, strict=True):
        if not row.goal.met(found):
            sign = ">" if row.goal.sense == "at_most" else "<"
            broken.append(f"{row.region} {row.goal.metric} {found:.3g} {sign} {row.goal.bound:g} {row.goal.unit}")
    target = next(r for r in resolved.rows if r.region == resolved.targets[0])
    heating = float(edges[-1])
    times = looked_at_s(heating, cool_down)
    focus = model.temperature(shares, edges, times, rows=target.nodes)
    t90 = statistic(focus, target.weights_m3, 90.0)
    core = next((v for r, v in zip(resolved.rows, values, strict=True) if r.region == "core"), None)
    return {"name": name, "t90_c": float(np.interp(heating, times, t90)), "cem43t90_min": float(dose_min(times, t90)),
            "t_max_c": float(focus.max()), "duty": float(np.diff(edges) @ shares.sum(axis=1)) / heating,
            "core_c": core, "limits_broken": broken}
