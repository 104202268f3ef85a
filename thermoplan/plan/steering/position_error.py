"""What it costs if the animal lies elsewhere in the heater than the plan thinks, and nobody notices."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ...base.arrays import Array
from ...base.errors import InputError
from ...goals.metrics.cem43 import dose_min
from ...goals.metrics.statistics import statistic
from ...optimize.program.modal_heat import with_inputs
from ...protocol import Protocol
from ...trajectory import Trajectory
from ..case.heating_model import HeatingModel
from .attempts import judged, looked_at_s
from .candidates import search_settings
from .steer import Steering

OFF_M = 2e-3
"""What a careful transfer from imager to heater may be off by; a planner's choice."""
_AXES = ("x of the machine", "y of the machine", "along the bore")


def off_target(engine: HeatingModel, steering: Steering) -> list[dict[str, Any]]:
    """T90 and dose of the first target, 2 mm off along each axis of the machine, to the worse side.

    By the reduced model, which holds the heat of every place near the target; compared with itself in place.
    """
    device = engine.case.protocol.device
    if device.kind == "uniform":
        return []
    used = np.flatnonzero(steering.sequenced.achieved.max(axis=0) > 0.0)
    shares = steering.sequenced.achieved[:, used]
    there = _Judge(engine, steering, shares)
    planned = there(steering.model.inputs[used])
    rows = []
    for name, axis in zip(_AXES, device.to_device[:3, :3], strict=True):
        found = [
            there(_displaced_inputs(engine, steering, used, side * OFF_M * axis)) | {"towards": side * axis + 0.0}
            for side in (1.0, -1.0)
        ]
        worst = min(found, key=lambda row: row["t90_c"])
        broken = [text for name, text in worst["broken"].items() if name not in planned["broken"]]
        rows.append(
            {
                "axis": name,
                "off_mm": 1e3 * OFF_M,
                "towards": worst["towards"],
                "t90_c": worst["t90_c"],
                "cost_k": planned["t90_c"] - worst["t90_c"],
                "cem43t90_min": worst["cem43t90_min"],
                "limits_broken": broken,
            }
        )
    return rows


def _displaced_inputs(engine: HeatingModel, steering: Steering, used: Array, shift_m: Array) -> Array:
    """Heat of the columns that are played, in the reduced model's modes, for an animal ``shift_m`` further on."""
    columns = [
        replace(c, center_m=tuple(np.subtract(c.center_m, shift_m))) for c in (steering.basis.columns[k] for k in used)
    ]
    basis = engine.basis(columns, engine.case.protocol.device.displaced(shift_m))
    return engine.system.loads(basis.load_w) @ np.asarray(steering.model.modes)


class _Judge:
    """Values of a plan's shares for other heat of its columns."""

    def __init__(self, engine: HeatingModel, steering: Steering, shares: Array) -> None:
        self.steering, self.shares = steering, shares
        self.cool_down_s = search_settings(engine.case).cool_down_s
        self.target = steering.resolved.focus[0]

    def __call__(self, inputs: Array) -> dict[str, Any]:
        edges, resolved = self.steering.edges_s, self.steering.resolved
        model, times = with_inputs(self.steering.model, inputs), looked_at_s(float(edges[-1]), self.cool_down_s)
        values = judged(model, self.shares, edges, resolved, self.cool_down_s)
        focus = model.temperature(self.shares, edges, times, rows=self.target.nodes)
        t90 = statistic(focus, self.target.weights_m3, 90.0)
        broken = {
            row.label: f"{row.region} {row.goal.metric} {value:.3g} > {row.goal.bound:g} {row.goal.unit}"
            for row, value in zip(resolved.rows, values, strict=True)
            if row.goal.kind == "limit" and not row.goal.met(value)
        }
        return {
            "t90_c": float(np.interp(float(edges[-1]), times, t90)),
            "cem43t90_min": float(dose_min(times, t90)),
            "broken": broken,
        }


def as_it_lies(trajectory: Trajectory, protocol: Protocol) -> Trajectory:
    """The stops where they fall in the animal: as much behind as it lies further on, if nobody told the machine."""
    if protocol.heater_shift_noticed:
        return trajectory
    return replace(trajectory, center_m=trajectory.center_m - np.array(protocol.heater_shift_m), windows=())


def refuse_unnoticed(protocol: Protocol) -> None:
    """A plan knows what it is told: a shift that the machine does not know of can only be simulated."""
    if not protocol.heater_shift_noticed:
        raise InputError(
            f"{protocol.path.name}: device.heater_shift_noticed = false: a plan follows the shift; "
            "simulate a trajectory to see what it costs when nobody notices"
        )


def shift_notes(protocol: Protocol) -> list[str]:
    """That the animal lies elsewhere in the heater than in the imager."""
    if not any(protocol.heater_shift_m):
        return []
    place = " ".join(f"{1e3 * v:g}" for v in protocol.heater_shift_m)
    how = (
        "every stop follows it"
        if protocol.heater_shift_noticed
        else "the machine is not told, so every field-free region is off by it"
    )
    return [f"device.heater_shift: the animal lies {place} mm (RAS) further on in the heater than it was imaged; {how}"]
