"""A protocol that simulates in a second: a tumour in a box of muscle, on a mesh of its own, under a uniform drive."""

from __future__ import annotations

from pathlib import Path

import meshio
import nibabel
import numpy as np
from heat_cases import box

from thermoplan.plan import simulate
from thermoplan.protocol import read_protocol

PROTOCOL = """\
schema = 1
name = "box"

[iron]
image = "iron.nii.gz"
unit = "mg/mL"

[anatomy]
mesh = "body.msh"
label_table = "body.csv"

[tracer]
name = "synomag-d"
measured_slp = { value = "200 W/g", basis = "iron", medium = "tissue", amplitude = "13 mT", frequency = "354 kHz" }

[device]
name = "uniform"
amplitude = "13 mT"
frequency = "354 kHz"
eddy_currents = false

[physiology]
body_mass = "24 g"

[session]
duration = "5 min"
cool_down = "2 min"
"""
SIDES_MM = np.array([20.0, 22.0, 24.0])
"""Of unequal length, and iron is a little off the tumour: no two nodes are as warm as each other."""


def write_body(folder: Path) -> Path:
    """A box of muscle with a tumour of 8 mm in its middle, on a mesh whose face towards P is named "bed"."""
    middle = 0.5e-3 * SIDES_MM
    body = box(
        (10, 10, 10), 1e-3 * SIDES_MM, lambda c: (np.abs(c - middle).max(axis=1) < 4e-3).astype(int), ("body", "tumour")
    )
    bed = body.outer[(body.points_m[body.outer][:, :, 1] < 1e-9).all(axis=1)]
    tags = [7 + body.region.astype(np.int32), np.full(len(bed), 9, np.int32)]
    mesh = meshio.Mesh(
        1e3 * body.points_m,
        [("tetra", body.tets), ("triangle", bed)],
        field_data={"body": [7, 3], "tumour": [8, 3], "bed": [9, 2]},
        cell_data={"gmsh:physical": tags, "gmsh:geometrical": tags},
    )
    meshio.write(folder / "body.msh", mesh, file_format="gmsh22", binary=False)
    (folder / "body.csv").write_text("label,region,tissue\n7,body,muscle\n8,tumour,tumour\n")
    data = np.zeros((20, 22, 24), np.float32)
    data[6:14, 7:15, 8:17] = 5.0
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = 0.5
    image = nibabel.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, folder / "iron.nii.gz")
    (folder / "air.csv").write_text("time_s,temperature_C\n0,25\n300,35\n")
    (folder / "rectal.csv").write_text("time_s,temperature_C\n0,36\n420,34.6\n")
    (folder / "box.toml").write_text(PROTOCOL)
    return folder / "box.toml"


def end(path, **changes):
    """Record of a simulation with keys of the protocol set; ``__`` stands for a dot."""
    return simulate(read_protocol(path, {key.replace("__", "."): value for key, value in changes.items()})).record
