"""The run folder: every product of a plan, written before anything is seen at its final place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...anatomy.anatomy import Anatomy
from ...base.arrays import Array
from ...base.errors import MissingPart
from ...base.image import Image
from ...base.progress import Stages
from ...files.images.nifti import write_nifti
from ...files.meshes.mesh_files import write_fields, write_history
from ...files.run.plan_record import PlanRecord
from ...files.run.result_tables import write_tables
from ...files.run.trajectories import header, write_machine, write_trajectory
from ...trajectory import Trajectory
from ..case.heating_model import HeatingModel
from ..verification.outcome import Outcome
from .results import PROBE_K
from .run_record import provenance

if TYPE_CHECKING:
    from ...bioheat.ranks.crew import Crew  # loads MPI

MAP_VOXEL_M = 0.5e-3
"""Least voxel of a map: voxels finer than the edges of the mesh show nothing more, and half of this takes eight times
the space."""


@dataclass(frozen=True, slots=True)
class Products:
    """Products of a run: the record and the data behind it; the crew of ranks that shared the work, if any did."""

    record: PlanRecord
    heating_model: HeatingModel
    outcome: Outcome
    trajectory: Trajectory
    crew: Crew | None = None


def write_run(folder: Path, products: Products, stages: Stages) -> PlanRecord:
    """Write every file of a run into ``folder``; returns plan.json as it was written."""
    heating_model, outcome, record = products.heating_model, products.outcome, products.record
    protocol = heating_model.case.protocol
    with stages.stage("tables and maps"):
        (folder / "protocol.toml").write_text(protocol.text, encoding="utf-8")
        write_tables(folder, record)
        lines = header(
            protocol.device,
            plan_hash=plan_hash(record),
            pose=protocol.pose,
            tracer=protocol.tracer.name,
            duration_s=outcome.heating_end_s,
        )
        write_trajectory(folder / "trajectory.csv", products.trajectory, lines, _expected_readings(products))
        write_machine(folder / "machine.csv", products.trajectory, protocol.device, lines)
        fields = nodal_fields(heating_model, outcome)
        write_fields(folder / "fields.vtu", heating_model.case.anatomy, fields)
        write_history(folder / "fields.vtkhdf", heating_model.case.anatomy, outcome.frames.steps(), fields)
        _write_maps(folder / "maps", heating_model, fields)
    _save(folder, record)
    with stages.stage("figures"):
        record["figures"] = _draw_figures(folder, products, fields, record)
    record["provenance"] |= provenance(heating_model.case, stages, products.crew)
    _save(folder, record)
    with stages.stage("report"):
        from ...report import write_report

        write_report(folder)
    log = [*stages.log, *(f"warning: {text}" for text in record["warnings"]), f"status: {record['status']}"]
    (folder / "run.log").write_text("\n".join(log) + "\n", encoding="utf-8")
    return record


def path_m(outcome: Outcome) -> Array:
    """Distinct positions of the field-free region ``(k, 3)``."""
    return np.unique([c.center_m for c in outcome.basis.columns], axis=0)


def nodal_fields(heating_model: HeatingModel, outcome: Outcome) -> dict[str, Array]:
    """Fields of the mesh file and of the maps, ``(n_nodes,)`` each."""
    volumes = heating_model.case.anatomy.node_volumes_m3
    return {
        "temperature_peak_c": outcome.dose.peak_c,
        "temperature_end_c": outcome.end_c,
        "cem43_min": outcome.dose.cem43_min,
        "iron_mg_ml": heating_model.case.iron.node_mass_kg / volumes,
        "power_w_m3": outcome.shares @ outcome.basis.load_w / volumes,
    }


def plan_hash(record: PlanRecord) -> str:
    """Hash that a trajectory names its plan by: of the inputs' digests and the moment of planning."""
    text = json.dumps([record["provenance"]["inputs"], record["created"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _expected_readings(products: Products) -> dict[str, Array]:
    """Core and probe temperatures to expect at each stop, and the readings at which to stop."""
    outcome, at = products.outcome, products.trajectory.start_s
    found: dict[str, Array] = {}
    if outcome.core_c is not None:
        found["core_C"] = np.interp(at, outcome.time_s, outcome.core_c)
    for name, course in outcome.probes_c.items():
        read = np.interp(at, outcome.time_s, course)
        found |= {f"{name}_C": read, f"{name}_stop_above_C": course[0] + 1.3 * (read - course[0]) + PROBE_K}
    return found


def _save(folder: Path, record: PlanRecord) -> None:
    (folder / "plan.json").write_text(json.dumps(record, indent=1, allow_nan=False), encoding="utf-8")


def _draw_figures(folder: Path, products: Products, fields: Mapping[str, Array], record: PlanRecord) -> dict[str, str]:
    """Pictures and the 3D scene; a machine that cannot draw gets a warning in the plan, not a lost plan."""
    from ...report.figures import FieldView, write_figures

    anatomy, dose = products.heating_model.case.anatomy, products.outcome.dose
    view = FieldView(
        anatomy,
        dose.peak_c,
        dose.cem43_min,
        fields["iron_mg_ml"],
        anatomy.points_m[dose.hottest_node],
        path_m(products.outcome),
    )
    found: dict[str, str] = {}
    try:
        found = write_figures(view, folder / "figures")
        from ... import scene

        for key, write in (("scene_png", scene.write_png), ("scene_html", scene.write_html)):
            path = folder / "figures" / key.replace("_", ".")
            write(folder, path)
            found[key] = f"figures/{path.name}"
    except MissingPart as error:
        record["warnings"].append(f"no picture: {error}")
    return found


def _write_maps(folder: Path, heating_model: HeatingModel, fields: Mapping[str, Array]) -> None:
    """NIfTI maps in the anatomy's frame; outside the body 0."""
    folder.mkdir()
    anatomy = heating_model.case.anatomy
    grid = _grid(anatomy)
    index = np.argwhere(np.ones(grid.shape, bool))
    cell, weights = anatomy.located(grid.positions_m(index))
    inside = cell >= 0
    corners = anatomy.tets[cell[inside]]
    names = {
        "peak-temperature": "temperature_peak_c",
        "end-temperature": "temperature_end_c",
        "cem43": "cem43_min",
        "iron": "iron_mg_ml",
        "power": "power_w_m3",
    }
    for name, key in names.items():
        data = np.zeros(grid.shape, np.float32)
        data[tuple(index[inside].T)] = (fields[key][corners] * weights[inside]).sum(axis=1)
        write_nifti(folder / f"{name}.nii.gz", grid.with_data(data), description=key)


def _grid(anatomy: Anatomy) -> Image:
    low, high = anatomy.points_m.min(axis=0), anatomy.points_m.max(axis=0)
    step = max(MAP_VOXEL_M, float(((high - low).prod() / 2e6) ** (1 / 3)))
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = low + 0.5 * step
    return Image(np.zeros(tuple(np.ceil((high - low) / step).astype(int))), affine)
