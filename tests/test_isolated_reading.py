"""A file that loops, crashes, floods the memory or reads from other files costs one message and nothing else."""

from __future__ import annotations

import base64
import os
import signal
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from pathlib import Path

import h5py
import meshio
import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.base.image import Image
from thermoplan.files.images.mdf import read_mdf, read_mdf_info
from thermoplan.files.images.nrrd import read_nrrd
from thermoplan.files.images.volumes import write_volume
from thermoplan.files.isolated import isolation
from thermoplan.files.meshes.mesh_files import read_mesh
from thermoplan.files.meshes.vtkhdf import read_steps
from thermoplan.files.tables.fieldmaps import read_field_map
from thermoplan.files.tables.transforms import read_transform

MILLIMETRE = np.diag([1e-3, 1e-3, 1e-3, 1.0])
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
MEBIBYTE = 2**20


def mdf(path: Path) -> Path:
    write_volume(path, Image(np.ones((2, 3, 4), np.float32), MILLIMETRE))
    return path


def tetrahedron(path: Path, **changes: object) -> Path:
    """One tetrahedron of a region."""
    parts = {"points": CORNERS, "cells": [("tetra", np.array([[0, 1, 2, 3]]))], **changes}
    parts.setdefault("cell_data", {"region": [np.array([0], np.int32)]})
    parts.setdefault("field_data", {"all": np.array([0, 3], np.int32)})
    meshio.Mesh(**parts).write(path)
    return path


def test_the_first_reading_starts_the_server_and_further_ones_share_it(tmp_path):
    read_mdf(mdf(tmp_path / "a.mdf"))
    (server,) = isolation._RUNNING
    for _ in range(3):
        assert read_mdf(tmp_path / "a.mdf").data.sum() == 24
    assert [server] == isolation._RUNNING and server.process.poll() is None


def test_a_server_that_was_killed_is_started_again(tmp_path):
    read_mdf(mdf(tmp_path / "a.mdf"))
    os.kill(isolation._RUNNING[0].process.pid, signal.SIGKILL)
    isolation._RUNNING[0].process.wait()
    assert read_mdf(tmp_path / "a.mdf").data.sum() == 24


def test_threads_and_a_fork_share_no_conversation(tmp_path):
    mdf(tmp_path / "a.mdf")
    sums: list[float] = []
    threads = [threading.Thread(target=lambda: sums.append(read_mdf(tmp_path / "a.mdf").data.sum())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sums == [24.0] * 4
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):  # threads of BLAS, which are idle
        child = os.fork()
    if child == 0:
        os._exit(int(read_mdf(tmp_path / "a.mdf").data.sum()))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 24
    assert read_mdf(tmp_path / "a.mdf").data.sum() == 24


LEAVING = """
import os, sys
from thermoplan.files.images.mdf import read_mdf
from thermoplan.files.isolated import isolation
read_mdf(sys.argv[1])
print(isolation._RUNNING[0].process.pid, flush=True)
os._exit(0)
"""


def test_no_server_outlives_the_process_that_asked(tmp_path):
    """Not even where that process ends without a word."""
    command = [sys.executable, "-c", LEAVING, str(mdf(tmp_path / "a.mdf"))]
    server = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    for _ in range(1000):
        if not Path(f"/proc/{server}").exists() or "\nState:\tZ" in Path(f"/proc/{server}/status").read_text():
            return
        threading.Event().wait(0.01)
    pytest.fail(f"process {server} is still there")


LIMITED = """
import sys
from thermoplan.files.isolated import resource_limits
resource_limits._SPARE_S = 0.0
resource_limits.limit_resources(0, 0)
if sys.argv[1] == "memory":
    bytearray(2**29)
while True:
    pass
"""


def test_a_loop_ends_by_processor_time_and_a_flood_by_memory():
    loop = subprocess.run([sys.executable, "-c", LIMITED, "loop"], capture_output=True)
    assert loop.returncode == -signal.SIGXCPU
    assert "more processor time than a file of its size" in isolation._ended_words(loop.returncode)
    flood = subprocess.run([sys.executable, "-c", LIMITED, "memory"], capture_output=True, text=True)
    assert "MemoryError" in flood.stderr
    assert "crashed (SIGSEGV)" in isolation._ended_words(-signal.SIGSEGV)


def test_an_hdf5_of_nothing_is_no_gigabyte(tmp_path):
    """A dataset of 2 GB that was never written takes no room in the file; nor does one that is packed twice."""
    mdf(tmp_path / "a.mdf")
    with h5py.File(tmp_path / "a.mdf", "a") as file:
        del file["reconstruction/data"]
        file.create_dataset("reconstruction/data", (1, 500_000_000, 1), np.float32, chunks=(1, 100_000, 1))
    words = r"a\.mdf: /reconstruction/data: says that it unpacks to 1\.9 GiB, of 0 MiB in the file"
    with pytest.raises(InputError, match=words):
        read_mdf(tmp_path / "a.mdf")


def test_a_vtu_of_nothing_is_no_gigabyte(tmp_path):
    """300 MB of zeros as points, of which the packed ones take half a megabyte."""
    path = tetrahedron(tmp_path / "a.vtu")
    block = zlib.compress(bytes(300 * MEBIBYTE), 9)
    head = base64.b64encode(struct.pack("<4I", 1, 300 * MEBIBYTE, 0, len(block))).decode()
    text = path.read_text()
    start = text.index(">", text.index("<Points>") + 10) + 1
    path.write_text(text[:start] + head + base64.b64encode(block).decode() + text[text.index("</DataArray>", start) :])
    with pytest.raises(InputError, match=r"a\.vtu: cannot be read as a mesh.*: it takes more memory than a file"):
        read_mesh(path)


@pytest.mark.parametrize("count", ["99999999999", "-5", "x"])
def test_a_mesh_that_counts_more_than_it_holds_is_refused(tmp_path, count):
    path = tetrahedron(tmp_path / "a.vtk")
    path.write_bytes(path.read_bytes().replace(b"POINTS 4", f"POINTS {count}".encode()))
    with pytest.raises(InputError, match=r"a\.vtk: cannot be read as a mesh"):
        read_mesh(path)


@pytest.mark.parametrize(("node", "words"), [(4, "has the node 4, counted from 0, of 4 points"), (-1, "the node -1")])
def test_a_cell_beyond_the_points_is_refused(tmp_path, node, words):
    cells = [("tetra", np.array([[0, 1, 2, node]]))]
    with pytest.raises(InputError, match=rf"a\.vtu: a tetra {words.removeprefix('the node')}|{words}"):
        read_mesh(tetrahedron(tmp_path / "a.vtu", cells=cells))


@pytest.mark.parametrize(
    ("tag", "words"),
    [(-1, "1 tetrahedra have the region -1, which has no name"), (0.5, "expected whole numbers"), (1e300, "whole")],
)
def test_a_tag_that_names_no_region_is_refused(tmp_path, tag, words):
    with pytest.raises(InputError, match=r"a\.vtu: .*" + words):
        read_mesh(tetrahedron(tmp_path / "a.vtu", cell_data={"region": [np.array([tag])]}))


@pytest.mark.parametrize("unit", [0.0, -1.0, np.nan, np.inf])
def test_a_mesh_in_units_of_no_length_is_refused(tmp_path, unit):
    """``write_mesh`` states the unit in field data; ``tetrahedron`` of meshio would drop them."""
    from thermoplan.files.meshes.vtu import write_vtu

    cells, field = {"region": np.zeros(1, np.int32)}, {"metres_per_unit": np.array([unit]), "all": np.array([[0, 3]])}
    write_vtu(tmp_path / "a.vtu", CORNERS, np.array([[0, 1, 2, 3]]), point_data={}, cell_data=cells, field_data=field)
    with pytest.raises(InputError, match=r"a\.vtu: field data metres_per_unit = \[.*\]: expected one length"):
        read_mesh(tmp_path / "a.vtu")


def test_the_reason_of_meshio_is_told(tmp_path):
    (tmp_path / "a.msh").write_text("$MeshFormat\n9.9 0 8\n$EndMeshFormat\n")
    with pytest.raises(InputError, match=r"a\.msh: cannot be read as a mesh.*: Need mesh format in .* \(got 9\.9\)"):
        read_mesh(tmp_path / "a.msh")


SECRET = np.arange(24, dtype=np.float32).reshape(1, 24, 1)


def outside(folder: Path) -> tuple[Path, Path]:
    """Local files with values that a stranger's file would like to show: raw, and in HDF5."""
    (folder / "elsewhere").mkdir()
    raw, packed = folder / "elsewhere" / "secret.raw", folder / "elsewhere" / "secret.h5"
    raw.write_bytes(SECRET.tobytes())
    with h5py.File(packed, "w") as file:
        file["data"] = SECRET
    return raw, packed


def link(group: h5py.Group, key: str, folder: Path, way: str) -> None:
    """Dataset ``key`` of a file, with values that lie in another."""
    raw, packed = outside(folder)
    if way == "external storage":
        group.create_dataset(key, SECRET.shape, np.float32, external=[(str(raw), 0, h5py.h5f.UNLIMITED)])
    elif way == "virtual":
        layout = h5py.VirtualLayout(SECRET.shape, np.float32)
        layout[...] = h5py.VirtualSource(str(packed), "data", SECRET.shape)
        group.create_virtual_dataset(key, layout)
    elif way == "external link":
        group[key] = h5py.ExternalLink(str(packed), "data")
    else:
        group["aside"] = h5py.ExternalLink(str(packed), "data")
        group[key] = h5py.SoftLink(f"{group.name}/aside")


WAYS = ("external storage", "virtual", "external link", "soft link to an external one")


@pytest.mark.parametrize("way", WAYS)
def test_an_mdf_takes_no_values_from_another_file(tmp_path, way):
    mdf(tmp_path / "a.mdf")
    with h5py.File(tmp_path / "a.mdf", "a") as file:
        del file["reconstruction/data"]
        link(file["reconstruction"], "data", tmp_path, way)
    for read in (read_mdf, read_mdf_info):
        with pytest.raises(InputError, match=r"a\.mdf: /reconstruction/(data|aside) (is a link|keeps its values)"):
            read(tmp_path / "a.mdf")


@pytest.mark.parametrize(
    ("read", "group", "key"),
    [
        (read_field_map, "/", "fields"),
        (read_transform, "TransformGroup/0", "TransformParameters"),
        (read_steps, "VTKHDF/Steps", "Values"),
    ],
)
def test_no_hdf5_takes_values_from_another_file(tmp_path, read, group, key):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        link(file.require_group(group), key, tmp_path, "external link")
    with pytest.raises(InputError, match=rf"a\.h5: /.*{key} is a link to another file, which is not opened"):
        read(tmp_path / "a.h5")


@pytest.mark.parametrize("way", ["absolute", "upward", "linked"])
def test_an_xdmf_takes_no_values_from_elsewhere(tmp_path, way):
    here = tmp_path / "here"
    here.mkdir()
    tetrahedron(here / "a.xdmf", cell_data={"region": [np.array([0], np.int32)]})
    (here / "a.h5").rename(tmp_path / "a.h5")
    name = {"absolute": str(tmp_path / "a.h5"), "upward": "../a.h5", "linked": "a.h5"}[way]
    (here / "a.xdmf").write_text((here / "a.xdmf").read_text().replace("a.h5:", f"{name}:"))
    if way == "linked":
        with h5py.File(here / "a.h5", "w") as file:
            file["data0"] = h5py.ExternalLink("../a.h5", "data0")
    with pytest.raises(InputError, match=r'a\.(xdmf: its values lie in ".*a\.h5"; expected|h5: /data0 is a link)'):
        read_mesh(here / "a.xdmf")


@pytest.mark.parametrize("name", ["{secret}", "../b/secret.raw", "sub/../secret.raw"])
def test_a_detached_nrrd_takes_its_values_from_beside_it_alone(tmp_path, name):
    raw, _ = outside(tmp_path)
    head = "NRRD0004\ntype: float\ndimension: 3\nsizes: 2 3 4\nspacings: 1 1 1\nencoding: raw\nendian: little\n"
    path = tmp_path / "a.nhdr"
    path.write_text(head + f"data file: {name.format(secret=raw)}\n")
    with pytest.raises(InputError, match=r'a\.nhdr: data file = ".*secret\.raw": expected the name of a file'):
        read_nrrd(path)
    raw.rename(tmp_path / "beside.raw")
    path.write_text(head + "data file: ./beside.raw\n")
    assert read_nrrd(path).data[1, 0, 0] == 1.0
