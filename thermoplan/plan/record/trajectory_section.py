"""Section of a record on the sequence: positions, shares of the time and windows."""

from __future__ import annotations

import numpy as np

from ...files.run.plan_record import TrajectoryRecord, WindowRecord
from ...trajectory import CycleBlock, Trajectory
from ..verification.outcome import Outcome

Place = tuple[float, float, float]


def trajectory_section(trajectory: Trajectory, outcome: Outcome) -> TrajectoryRecord:
    """Stops, positions in RAS+ mm and the share of the heating at each."""
    places = list(dict.fromkeys(c.center_m for c in outcome.basis.columns))
    share = np.zeros(len(places))
    for column, part in zip(outcome.basis.columns, outcome.shares, strict=True):
        share[places.index(column.center_m)] += part
    periods = [block.period_s for block in trajectory.windows if block.repeats]
    return {
        "stops": len(trajectory),
        "positions": len(places),
        "duty": float(outcome.shares.sum()),
        "cycle_s": max(periods) if periods else None,
        "path_mm": (1e3 * np.array(places)).tolist(),
        "share": share.tolist(),
        "windows": [_window(block, places) for block in trajectory.windows],
    }


def _window(block: CycleBlock, places: list[Place]) -> WindowRecord:
    share = np.zeros(len(places))
    length = block.end_s - block.start_s
    for stop in block.stops:
        share[places.index(stop.center_m)] += stop.dwell_s * block.repeats / length
    return {
        "start_s": block.start_s,
        "end_s": block.end_s,
        "duty": float(share.sum()),
        "share": share.tolist(),
        "amplitude_mt": max((stop.amplitude_t * 1e3 for stop in block.stops), default=0.0),
        "period_s": block.period_s,
    }
