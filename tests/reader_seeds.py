"""Whole files of every kind that thermoplan reads, one or more a reader, each with the reader that is asked for it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import h5py
import meshio
import numpy as np
from report_sample import sample_anatomy, sample_fields, write_sample, write_sample_fields
from small_case import PROTOCOL, write_case
from test_registration import PAIRS, POINTS_M, TO_LPS, csv_of, fcsv_of, markups_of
from test_volumes import LPS, RAS, image, write_multiframe, write_nhdr, write_nrrd, write_series

from thermoplan.compare import compare, compare_and_write
from thermoplan.device import Device
from thermoplan.export.csv_tables import export_csv
from thermoplan.export.dicom_maps import plan_study
from thermoplan.export.slicer import _write_point_files
from thermoplan.files.images.labels import Label, read_label_table, read_labelled
from thermoplan.files.images.mdf import read_mdf_info
from thermoplan.files.images.nifti import write_nifti
from thermoplan.files.images.segments import read_segmentation
from thermoplan.files.images.slicer_scene import SlicerSegment, write_segmentation
from thermoplan.files.images.volumes import read_volume, write_volume
from thermoplan.files.meshes.mesh_files import read_mesh, write_history, write_mesh
from thermoplan.files.meshes.vtkhdf import Steps, read_steps
from thermoplan.files.run.trajectories import read_trajectory
from thermoplan.files.tables.calibrations import read_fiducials
from thermoplan.files.tables.columns import read_columns
from thermoplan.files.tables.fieldmaps import read_field_map
from thermoplan.files.tables.landmarks import read_pairs, read_points
from thermoplan.files.tables.slptables import read_slp_table
from thermoplan.files.tables.transforms import read_transform, write_transform
from thermoplan.plan.verification.resume import read_checkpoint
from thermoplan.plan.verification.state_file import dump_state, load_state
from thermoplan.protocol import read_protocol
from thermoplan.report.page import read_plan, render_page

TURN = np.array([[0.0, -1, 0, 0.01], [1, 0, 0, 0.02], [0, 0, 1, 0.03], [0, 0, 0, 1]])
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]])

NAMED = """$MeshFormat
4.1 0 8
$EndMeshFormat
$PhysicalNames
1
3 1 "liver"
$EndPhysicalNames
$Entities
0 0 0 1
1 0 0 0 1 1 1 1 1 0
$EndEntities
$Nodes
1 5 1 5
3 1 0 5
1
2
3
4
5
0 0 0
1 0 0
0 1 0
0 0 1
1 1 1
$EndNodes
$Elements
1 2 1 2
3 1 4 2
1 1 2 3 4
2 2 3 4 5
$EndElements
"""


class Seed(NamedTuple):
    """File that is changed, and its reader, which is given the path."""

    path: Path
    read: Callable[[Path], object]


def write_seeds(folder: Path) -> dict[str, Seed]:
    """Write a folder for each kind, with whatever the file needs beside it."""
    seeds: dict[str, Seed] = {}
    for make in (_images, _meshes, _tables, _texts, _runs):
        for name, seed in make(folder).items():
            seeds[name] = seed
    return seeds


def _room(folder: Path, name: str) -> Path:
    (folder / name).mkdir(parents=True, exist_ok=True)
    return folder / name


def _images(folder: Path) -> dict[str, Seed]:
    seeds = {}
    for suffix in ("mdf", "nii", "nii.gz", "npz"):
        path = _room(folder, suffix) / f"a.{suffix}"
        write_volume(path, image())
        seeds[suffix] = Seed(path, read_volume)
    for encoding in ("raw", "gzip", "bzip2", "text"):
        path = write_nrrd(_room(folder, f"nrrd-{encoding}") / "a.nrrd", LPS if encoding == "raw" else RAS, encoding)
        seeds[f"nrrd-{encoding}"] = Seed(path, read_volume)
    seeds["nhdr"] = Seed(write_nhdr(_room(folder, "nhdr") / "a.nhdr"), read_volume)
    path = _room(folder, "npy") / "a.npy"
    np.save(path, image().data)
    seeds["npy"] = Seed(path, lambda p: read_volume(p, affine_m=image().affine_m))
    seeds["dcm"] = Seed(write_multiframe(_room(folder, "dcm") / "a.dcm"), read_volume)
    series = write_series(folder / "series")
    seeds["series"] = Seed(sorted(series.iterdir())[0], lambda p: read_volume(p.parent))
    info = shutil.copytree(folder / "mdf", folder / "mdf-info") / "a.mdf"
    seeds["mdf-info"] = Seed(info, read_mdf_info)
    labels = image().with_data((image().data > 50).astype(np.int16))
    path = _room(folder, "segments") / "a.seg.nrrd"
    write_segmentation(path, labels, [SlicerSegment(1, "liver", (1.0, 0.0, 0.0))])
    seeds["segments"] = Seed(path, lambda p: (read_segmentation(p), read_labelled(p)))
    path = _room(folder, "labels") / "a.nii.gz"
    write_nifti(path, labels)
    table = read_label_table(_write(folder / "labels" / "a.csv", "label,region,tissue\n1,liver,liver\n"))
    seeds["labels"] = Seed(path, lambda p: read_labelled(p, table))
    return seeds


def _meshes(folder: Path) -> dict[str, Seed]:
    anatomy = sample_anatomy(4e-3)
    seeds = {}
    for suffix in ("vtu", "msh"):
        path = _room(folder, f"own-{suffix}") / f"a.{suffix}"
        write_mesh(path, anatomy)
        seeds[f"own-{suffix}"] = Seed(path, read_mesh)
    cells = [("tetra", np.array([[0, 1, 2, 3], [1, 2, 3, 4]])), ("triangle", np.array([[0, 1, 2]]))]
    tags = [np.array([1, 2], np.int32), np.array([1], np.int32)]
    field = {"liver": np.array([1, 3]), "tumour": np.array([2, 3]), "side": np.array([1, 2])}
    gmsh = {"cell_data": {"gmsh:physical": tags, "gmsh:geometrical": tags}, "field_data": field}
    solid = {"cell_data": {key: [values[0]] for key, values in gmsh["cell_data"].items()}, "field_data": field}
    plain = {"cell_data": {"region": tags}}
    medit = {"cell_data": {"medit:ref": tags}}
    for name, suffix, parts, options in (
        ("msh22", "msh", gmsh, {"file_format": "gmsh22", "binary": False}),
        ("msh22-binary", "msh", gmsh, {"file_format": "gmsh22", "binary": True}),
        ("msh41", "msh", solid, {"file_format": "gmsh", "binary": False}),
        ("msh41-binary", "msh", solid, {"file_format": "gmsh", "binary": True}),
        ("vtu-text", "vtu", plain, {"binary": False}),
        ("vtu-packed", "vtu", plain, {"binary": True}),
        ("vtk", "vtk", plain, {"file_format": "vtk", "binary": True}),
        ("vtk-text", "vtk", plain, {"file_format": "vtk", "binary": False}),
        ("xdmf", "xdmf", plain, {}),
        ("xdmf-text", "xdmf", plain, {"data_format": "XML"}),
        ("medit", "mesh", medit, {}),
        ("medit-binary", "meshb", medit, {}),
        ("med", "med", {"cell_data": {"cell_tags": tags}}, {}),
    ):
        path = _room(folder, name) / f"a.{suffix}"
        meshio.write(path, meshio.Mesh(CORNERS, cells[:1] if parts is solid else cells, **parts), **options)
        seeds[name] = Seed(path, _read_tagged)
    path = _write(_room(folder, "msh41-named") / "a.msh", NAMED)
    seeds["msh41-named"] = Seed(path, read_mesh)
    beside = shutil.copytree(folder / "xdmf", folder / "xdmf-beside")
    seeds["xdmf-beside"] = Seed(beside / "a.h5", lambda p: _read_tagged(p.with_suffix(".xdmf")))
    path = _room(folder, "vtkhdf") / "fields.vtkhdf"
    count = len(anatomy.points_m)
    steps = Steps(np.array([0.0, 60.0]), {key: np.ones((2, count)) for key in ("temperature_c", "cem43_min")})
    write_history(path, anatomy, steps, {"power_w_m3": np.ones(count)})
    seeds["vtkhdf"] = Seed(path, read_steps)
    return seeds


def _read_tagged(path: Path) -> object:
    return read_mesh(path, table={1: Label("liver", "liver"), 2: Label("tumour", "tumour")})


def _tables(folder: Path) -> dict[str, Seed]:
    room = _room(folder, "tables")
    texts = {
        "labels.csv": ("label,region,tissue\n1,body,muscle\n3,liver,liver\n", read_label_table),
        "fiducials.csv": ("name,iron_ug,signal\na,0,0.1\nb,10,5\nc,20,9.8\n", read_fiducials),
        "course.csv": ("time_s,temperature_C\n0,25\n60,26\n", lambda p: read_columns(p, ("time_s", "temperature_C"))),
        "slp.csv": (
            "amplitude_mT,frequency_kHz,slp_W_g\n" + "".join(f"{a},{f},{a * f}\n" for a in (5, 10) for f in (100, 300)),
            read_slp_table,
        ),
        "trajectory.csv": (
            "# frequency_kHz: 354\nstart_s,dwell_s,x_mm,y_mm,z_mm,amplitude_mT\n0,10,1,2,3,13\n10,5,-1,2,3,12\n",
            lambda p: read_trajectory(p, device(), 600.0),
        ),
        "field.csv": (
            "x_mm,y_mm,z_mm,bx_mT,by_mT,bz_mT\n"
            + "".join(f"{x},{y},{z},{-x},{-y},{2 * z}\n" for x in (-9, 0, 9) for y in (-9, 0, 9) for z in (-9, 0, 9)),
            lambda p: read_field_map(p, degree=2),
        ),
        "pairs.csv": (
            PAIRS
            + "".join(f"{n},{x},{y},{z},{x},{y},{z}\n" for n, (x, y, z) in zip("abcdef", 1e3 * POINTS_M, strict=True)),
            read_pairs,
        ),
        "points.csv": (csv_of(POINTS_M), read_points),
        "points.fcsv": (fcsv_of(POINTS_M * TO_LPS), read_points),
        "points.mrk.json": (markups_of(POINTS_M * TO_LPS), read_points),
    }
    seeds = {name: Seed(_write(room / name, text), read) for name, (text, read) in texts.items()}
    for suffix in ("txt", "tfm"):
        write_transform(room / f"turn.{suffix}", TURN)
        seeds[f"turn.{suffix}"] = Seed(room / f"turn.{suffix}", read_transform)
    with h5py.File(room / "turn.h5", "w") as file:
        file["TransformGroup/0/TransformType"] = [b"AffineTransform_double_3_3"]
        file["TransformGroup/0/TransformParameters"] = np.arange(12.0) ** 2
        file["TransformGroup/0/TransformFixedParameters"] = np.zeros(3)
    seeds["turn.h5"] = Seed(room / "turn.h5", read_transform)
    grid = np.stack(np.meshgrid(*[[-0.01, 0.0, 0.01]] * 3), axis=-1).reshape(-1, 3)
    with h5py.File(room / "field.h5", "w") as file:
        file["positions"], file["fields"] = grid, grid * [-1.0, -1.0, 2.0]
    seeds["field.h5"] = Seed(room / "field.h5", lambda p: read_field_map(p, degree=2))
    return seeds


def device() -> Device:
    from thermoplan.protocol.library import library_devices

    return library_devices()["berkeley-ffp"]


def _texts(folder: Path) -> dict[str, Seed]:
    protocol = write_case(folder / "protocol")
    tracer = write_case(
        folder / "tracer", protocol=PROTOCOL.replace('name = "synomag-d"', 'file = "tracer.toml"', 1)
    ).with_name("tracer.toml")
    tracer.write_text(
        'schema = 1\nname = "mine"\ncore_diameter = "20 nm"\nsaturation_magnetization = "340 kA/m"\n'
        'density = "5180 kg/m^3"\niron_fraction = 0.72\nrelaxation_time = "1.3 us"\n'
    )
    machine = write_case(
        folder / "machine", protocol=PROTOCOL.replace('name = "berkeley-ffp"', 'file = "machine.toml"', 1)
    ).with_name("machine.toml")
    machine.write_text(
        'schema = 1\nname = "mine"\nkind = "ffp"\ngradient = "2 T/m"\namplitude = "13 mT"\nfrequency = "354 kHz"\n'
        'drive_axis = "0 0 1"\nbore_radius = "3 cm"\n'
    )
    return {
        "protocol.toml": Seed(protocol, read_protocol),
        "tracer.toml": Seed(tracer, lambda p: read_protocol(p.with_name("protocol.toml"))),
        "machine.toml": Seed(machine, lambda p: read_protocol(p.with_name("protocol.toml"))),
    }


def _runs(folder: Path) -> dict[str, Seed]:
    anatomy = sample_anatomy()
    whole = write_sample(folder / "whole")
    run = write_sample(folder / "run")
    write_sample_fields(run, anatomy, sample_fields(anatomy))
    stopped = _room(folder, "stopped/checkpoint")
    about = {
        "protocol": str(write_case(folder / "case")),
        "text": PROTOCOL,
        "trajectory": "trajectory.csv",
        "options": {"quick": True},
    }
    (stopped / "run.json").write_text(json.dumps(about, indent=1))
    state = {"digest": "0", "engine": (1.0, np.arange(9.0), 0.5), "consumers": {"dose": {"sums": [np.ones(9), None]}}}
    dump_state(stopped / "state.npz", state)

    def shown(path: Path) -> None:
        plan = read_plan(path.parent)
        render_page(plan, path.parent)
        export_csv(path.parent, plan, _room(folder, "tables-out"))
        plan_study(plan)
        _write_point_files(plan, _room(folder, "points-out"))
        compare_and_write(path.parent, whole, folder / "compared.html")
        compare(whole, path.parent)

    return {
        "plan.json": Seed(run / "plan.json", shown),
        "run.json": Seed(stopped / "run.json", lambda p: read_checkpoint(p.parents[1])),
        "state.npz": Seed(stopped / "state.npz", load_state),
    }


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
