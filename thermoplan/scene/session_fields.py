"""Session in time: temperature and dose on the mesh, and the place of the field-free region, at any moment of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..base.arrays import Array, IntArray
from ..base.errors import InputError
from ..device.kinds import FreeRegion, free_region
from ..files.meshes.vtkhdf import Steps, read_steps
from ..files.meshes.vtu import decode_words
from ..files.tables.columns import read_columns
from ..report.formats import at

if TYPE_CHECKING:
    import pyvista as pv

    from ..files.run.plan_record import PlanRecord

TEMPERATURE = "temperature_c"
DOSE = "cem43_min"


@dataclass(frozen=True, slots=True, eq=False)
class FieldReading:
    """Reading of a virtual probe: RAS millimetres, the region there, degrees Celsius, CEM43 in minutes."""

    position_mm: Array
    region: str
    temperature_c: float
    cem43_min: float

    def __str__(self) -> str:
        place = "  ".join(f"{letter} {value:.1f}" for letter, value in zip("RAS", self.position_mm, strict=True))
        dose = "<0.01" if self.cem43_min < 0.01 else f"{float(f'{self.cem43_min:.2g}'):g}"
        return f"{self.region}: {self.temperature_c:.1f} °C, CEM43 {dose} min\n{place} mm"


@dataclass(frozen=True, slots=True, eq=False)
class SessionFields:
    """Frames of the fields, and the stops that the machine plays: start ``(s,)``, position ``(s, 3)`` in mm."""

    steps: Steps
    start_s: Array
    end_s: Array
    stops_mm: Array

    @property
    def times_s(self) -> Array:
        return self.steps.time_s

    @property
    def span_s(self) -> tuple[float, float]:
        """First and last time of the fields."""
        return float(self.times_s[0]), float(self.times_s[-1])

    def fields(self, time_s: float) -> dict[str, Array]:
        """Temperature and dose of every node, linear between frames."""
        times = self.times_s
        k = int(np.clip(np.searchsorted(times, time_s) - 1, 0, max(len(times) - 2, 0)))
        if len(times) == 1:
            return {name: frames[0].astype(float) for name, frames in self.steps.fields.items()}
        share = float(np.clip((time_s - times[k]) / (times[k + 1] - times[k]), 0.0, 1.0))
        return {name: (1.0 - share) * frames[k] + share * frames[k + 1] for name, frames in self.steps.fields.items()}

    def focus_mm(self, time_s: float) -> Array | None:
        """Centre of the field-free region at a moment, in a pause its last one; None before and after heating."""
        if not len(self.start_s) or not self.start_s[0] <= time_s <= self.end_s[-1]:
            return None
        stop: Array = self.stops_mm[int(np.searchsorted(self.start_s, time_s, side="right")) - 1]
        return stop

    def reading(self, body: pv.UnstructuredGrid, point_mm: Array, time_s: float) -> FieldReading:
        """Temperature and dose at a point of the body, or at the body's nearest point."""
        cell, nodes, weights = locate_cell(body, np.asarray(point_mm, float))
        fields = self.fields(time_s)
        names = decode_words(body.field_data["region_names"])
        return FieldReading(
            np.asarray(point_mm, float),
            names[int(body.cell_data["region"][cell])],
            *(float(weights @ fields[name][nodes]) for name in (TEMPERATURE, DOSE)),
        )


def locate_cell(body: pv.UnstructuredGrid, point_mm: Array) -> tuple[int, IntArray, Array]:
    """Find the element that holds a point or is nearest to it, its nodes, and their weights there."""
    cell = int(body.find_containing_cell(point_mm))  # -1 outside of all
    place = point_mm
    if cell < 0:
        nearest: Any = body.find_closest_cell(point_mm, return_closest_point=True)  # a pair, unlike its annotation
        cell, place = int(nearest[0]), nearest[1]
    nodes = np.asarray(body.get_cell(cell).point_ids, np.int64)
    corner = body.points[nodes].astype(float)
    local = np.linalg.solve((corner[1:] - corner[0]).T, place - corner[0])
    weights = np.clip(np.array([1.0 - local.sum(), *local]), 0.0, None)
    return cell, nodes, weights / weights.sum()


def read_session(run: Path, plan: PlanRecord, body: pv.UnstructuredGrid) -> SessionFields:
    """Read the session of a run folder."""
    path = run / "fields.vtkhdf"
    if not path.is_file():
        raise InputError(
            f"{path}: not found: the run was made before fields over time were kept; plan again, "
            "or take a still picture with --png"
        )
    steps = read_steps(path, (TEMPERATURE, DOSE))
    if steps.fields[TEMPERATURE].shape[1] != body.n_points:
        raise InputError(
            f"{path}: has {steps.fields[TEMPERATURE].shape[1]} nodes, fields.vtu {body.n_points}: "
            "they are of different runs; plan again"
        )
    if free_region(at(plan, "device.kind")) is FreeRegion.EVERYWHERE or not (run / "trajectory.csv").is_file():
        return SessionFields(steps, np.zeros(0), np.zeros(0), np.zeros((0, 3)))
    table = read_columns(run / "trajectory.csv", ("start_s", "dwell_s", "x_mm", "y_mm", "z_mm"))
    return SessionFields(
        steps,
        table["start_s"],
        table["start_s"] + table["dwell_s"],
        np.column_stack([table[f"{axis}_mm"] for axis in "xyz"]),
    )
