"""Cost of a position error: the animal lies elsewhere in the heater than the plan has it, and nobody notices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from ...base.arrays import Array, IntArray
from ...files.run.search_record import PositionErrorRecord
from ...goals import GoalRow
from ...goals.metrics.cem43 import dose_min
from ...goals.metrics.statistics import statistic
from ...optimize.program.modal_heat import with_inputs
from ..case.heating_model import HeatingModel
from .attempts import judge_shares, judged_times_s
from .candidates import search_settings
from .steer import Steering

OFF_M = 2e-3
"""What a careful transfer from imager to heater may be off by; a planner's choice."""
_AXES = ("x of the machine", "y of the machine", "along the bore")
"""Names of the machine's axes, in its own order."""


def position_errors(steering: Steering) -> list[PositionErrorRecord]:
    """T90 and dose of the first target, 2 mm off along each axis of the machine, to the worse side.

    By the reduced model, which holds the heat of every place near the target; compared with itself in place.
    """
    heating_model = steering.setup.heating_model
    device = heating_model.case.protocol.device
    if not device.focuses:
        return []
    used = np.flatnonzero(steering.sequenced.achieved.max(axis=0) > 0.0)
    shares = steering.sequenced.achieved[:, used]
    judge = _Judge(heating_model, steering, shares)
    planned = judge.value(steering.model.inputs[used])
    rows: list[PositionErrorRecord] = []
    for name, axis in zip(_AXES, device.to_device[:3, :3], strict=True):
        found = [
            (judge.value(_displaced_inputs(heating_model, steering, used, s * OFF_M * axis)), s) for s in (1.0, -1.0)
        ]
        worst, side = min(found, key=lambda pair: pair[0].t90_c)
        broken, missed = (
            [text for name, text in there.items() if name not in here]
            for there, here in ((worst.broken, planned.broken), (worst.missed, planned.missed))
        )
        rows.append(
            {
                "axis": name,
                "off_mm": 1e3 * OFF_M,
                "towards": (side * axis + 0.0).tolist(),
                "t90_c": worst.t90_c,
                "cost_k": planned.t90_c - worst.t90_c,
                "cem43t90_min": worst.cem43t90_min,
                "limits_broken": broken,
                "goals_missed": missed,
            }
        )
    return rows


def _displaced_inputs(heating_model: HeatingModel, steering: Steering, used: IntArray, shift_m: Array) -> Array:
    """Heat of the columns that are played, in the reduced model's modes, for an animal ``shift_m`` further on."""
    columns = [
        replace(c, center_m=tuple(np.subtract(c.center_m, shift_m))) for c in (steering.basis.columns[k] for k in used)
    ]
    basis = heating_model.basis(columns, heating_model.case.protocol.device.displaced(shift_m))
    return heating_model.system.loads(basis.load_w) @ np.asarray(steering.model.modes)


@dataclass(frozen=True, slots=True)
class _DisplacedValue:
    """T90 and dose of the first target, the limits that break and the goals that are missed, by label."""

    t90_c: float
    cem43t90_min: float
    broken: Mapping[str, str]
    missed: Mapping[str, str]


class _Judge:
    """Values of a plan's shares for other heat of its columns."""

    def __init__(self, heating_model: HeatingModel, steering: Steering, shares: Array) -> None:
        self.steering, self.shares = steering, shares
        self.cool_down_s = search_settings(heating_model.case).cool_down_s
        self.target = steering.resolved.focus[0]

    def value(self, inputs: Array) -> _DisplacedValue:
        """Values with ``inputs (k, r)`` of the columns."""
        edges, resolved = self.steering.edges_s, self.steering.resolved
        model, times = with_inputs(self.steering.model, inputs), judged_times_s(float(edges[-1]), self.cool_down_s)
        values = judge_shares(model, self.shares, edges, resolved, self.cool_down_s)
        focus = model.temperature(self.shares, edges, times, rows=self.target.nodes)
        t90 = statistic(focus, self.target.weights_m3, 90.0)
        broken, missed = (
            {
                row.label: f"{row.name} {row.said(value).split()[0]} {_beyond(row)} {row.said(row.bound)}"
                for row, value in zip(resolved.rows, values, strict=False)
                if row.goal.kind == kind and not row.goal.met(value)
            }
            for kind in ("limit", "goal")
        )
        t90_c = float(np.interp(float(edges[-1]), times, t90))
        return _DisplacedValue(t90_c, float(dose_min(times, t90)), broken, missed)


def _beyond(row: GoalRow) -> str:
    """Sign between a value that misses a bound, and the bound."""
    return "<" if row.goal.sense == "at_least" else ">"
