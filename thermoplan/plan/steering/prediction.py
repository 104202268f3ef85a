"""Gap of prediction and verification: searched against verified temperatures."""

from __future__ import annotations

import numpy as np

from ...base.arrays import Array
from ...goals.metrics.statistics import statistic
from ...optimize.program.modal_heat import restrict
from ..verification.outcome import Outcome
from .steer import Steering

CYCLE_SAMPLES = 8
"""Samples of a cycle that its mean is taken over; each is an output of the full model, so twice as many cost twice as
many of those, for a swing that is a fraction of a kelvin."""


def last_cycles_s(steering: Steering) -> Array:
    """Times ``(windows, samples)`` over the last cycle of each window, where search and full model are compared."""
    rows = []
    for block, end in zip(steering.sequenced.trajectory.windows, steering.edges_s[1:], strict=True):
        period = block.period_s if block.repeats else 1.0
        rows.append(end - period * (np.arange(CYCLE_SAMPLES) + 0.5)[::-1] / CYCLE_SAMPLES)
    return np.array(rows)


def prediction_k(steering: Steering, outcome: Outcome) -> float:
    """Largest difference of searched and verified temperature over every reported region and probe.

    Compared are T90, T50, T10 and the greatest temperature of each region, the probes and the core. The
    search ends with the shares that the sequence plays; the reduced model averages them over a window, the
    verified run plays every dwell: both are averaged over the last cycle of each window.
    """
    model = restrict(steering.model, range(steering.candidates))
    times = last_cycles_s(steering)
    dofs = model.temperature(steering.sequenced.achieved, steering.edges_s, times.ravel())

    def gap(verified_c: Array, predicted: Array) -> float:
        verified = np.interp(times.ravel(), outcome.time_s, verified_c)
        return float(np.abs((verified - predicted).reshape(times.shape).mean(axis=1)).max())

    gaps = []
    for name, (nodes, weights) in outcome.series.regions.items():
        course = outcome.series.course(name)
        for level in (90.0, 50.0, 10.0):
            gaps.append(gap(course[f"t{level:.0f}_c"], statistic(dofs[:, nodes], weights, level)))
        gaps.append(gap(course["t_max_c"], statistic(dofs[:, nodes], weights, "max")))
    for name, readings in outcome.probes_c.items():
        nodes, weights = outcome.probe_rows[name]
        gaps.append(gap(readings, dofs[:, nodes] @ weights))
    has_blood = dofs.shape[1] > len(outcome.dose.peak_c)
    if has_blood and outcome.core_c is not None:
        gaps.append(gap(outcome.core_c, dofs[:, -1]))
    return max(gaps)
