"""No mesh holds coinciding or overlapping elements, whatever groups of gmsh they lie in."""

from __future__ import annotations

from pathlib import Path

import meshio
import numpy as np
import pytest

from thermoplan.base.errors import InputError
from thermoplan.files.images.labels import Label
from thermoplan.files.isolated.gmsh_groups import without_entities
from thermoplan.files.meshes.mesh_files import read_mesh

FORMATS = [("2.2", 0), ("2.2", 1), ("4.0", 0), ("4.1", 0), ("4.1", 1)]
"""Versions of gmsh's format, in text and binary; gmsh writes 4.0 in text alone."""
every_format = pytest.mark.parametrize(("version", "binary"), FORMATS)
GROUPS = {"muscle": "outer", "liver": "middle", "tumour": "inner"}


@pytest.fixture(scope="module")
def gmsh():
    found = pytest.importorskip("gmsh")
    found.initialize(["-v", "0"], interruptible=False)
    yield found
    found.finalize()


def write(gmsh, path: Path, version: str, binary: int, groups: dict[str, tuple[str, ...]], **more) -> Path:
    """Three boxes beside each other, 10 x 10 x 10, 10 x 10 x 6 and 10 x 10 x 4 mm, in groups by their names."""
    gmsh.clear()
    size = {"outer": 10.0, "middle": 6.0, "inner": 4.0}
    low, tags = 0.0, {}
    for name, height in size.items():
        tags[name] = gmsh.model.occ.addBox(0, 0, low, 10, 10, height)
        low += height
    gmsh.model.occ.fragment([(3, tags["outer"])], [(3, tags["middle"]), (3, tags["inner"])])
    gmsh.model.occ.synchronize()
    for number, (name, parts) in enumerate(groups.items(), start=1):
        gmsh.model.addPhysicalGroup(3, [tags[part] for part in parts], number, name)
    floor = [tag for _, tag in gmsh.model.getEntitiesInBoundingBox(-1, -1, -1, 11, 11, 0.1, 2)]
    for number, name in enumerate(more.get("surfaces", ()), start=11):
        gmsh.model.addPhysicalGroup(2, floor, number, name)
    for key, value in (("MeshSizeMax", 6), ("MshFileVersion", float(version)), ("Binary", binary)):
        gmsh.option.setNumber(f"Mesh.{key}", value)
    gmsh.option.setNumber("Mesh.SaveAll", more.get("save_all", 0))
    gmsh.model.mesh.generate(3)
    gmsh.write(str(path))
    return path


def volumes(anatomy) -> dict[str, float]:
    return {name: round(anatomy.volume_m3(name) * 1e9, 6) for name in anatomy.region_names}


@every_format
def test_each_group_has_the_volume_of_its_boxes(gmsh, tmp_path, version, binary):
    path = write(gmsh, tmp_path / "m.msh", version, binary, {name: (part,) for name, part in GROUPS.items()})
    assert volumes(read_mesh(path)) == {"muscle": 1000.0, "liver": 600.0, "tumour": 400.0}


@every_format
@pytest.mark.parametrize("groups", [("all", "liver"), ("liver", "all"), ("all", "liver", "tumour"), ("all", "all")])
def test_elements_in_several_groups_are_refused_by_the_names_of_those(gmsh, tmp_path, version, binary, groups):
    """In format 2 they are written once for each group, in format 4 once, under an entity of several groups."""
    whole = ("outer", "middle", "inner")
    parts = {"all": whole, "liver": ("middle",), "tumour": ("inner",)}
    named = {name if name not in groups[:i] else "body": parts[name] for i, name in enumerate(groups)}
    path = write(gmsh, tmp_path / "m.msh", version, binary, named)
    with pytest.raises(InputError) as caught:
        read_mesh(path)
    words = str(caught.value)
    for name in list(named)[1:] if groups[0] == "all" else ["liver"]:
        both = {f"{name} and all", f"all and {name}"}
        assert any(f"elements lie in {pair}: each element belongs to one region" in words for pair in both), words


@every_format
def test_groups_that_the_table_makes_one_region_are_read_once(gmsh, tmp_path, version, binary):
    named = {"all": ("outer", "middle", "inner"), "liver": ("middle",)}
    path, notes = write(gmsh, tmp_path / "m.msh", version, binary, named), []
    anatomy = read_mesh(path, table={1: Label("body", "muscle"), 2: Label("body", "muscle")}, notes=notes)
    assert volumes(anatomy) == {"body": 2000.0}
    assert any("elements are written more than once; each counts once" in note for note in notes)


@pytest.mark.parametrize(("version", "binary"), FORMATS[2:])  # in format 2 gmsh saves all without their groups
def test_a_mesh_with_all_entities_saved_is_read_by_its_named_volumes(gmsh, tmp_path, version, binary):
    named = {name: (part,) for name, part in GROUPS.items()}
    path = write(gmsh, tmp_path / "m.msh", version, binary, named, save_all=1)
    assert volumes(read_mesh(path)) == {"muscle": 1000.0, "liver": 600.0, "tumour": 400.0}
    path = write(gmsh, tmp_path / "m.msh", version, binary, {"muscle": ("outer",)}, save_all=1)
    with pytest.raises(InputError, match=r"m\.msh: \d+ tetrahedra have the region 0, which has no name"):
        read_mesh(path)


@every_format
def test_a_surface_in_two_groups_is_in_both_and_may_be_named_like_a_volume(gmsh, tmp_path, version, binary):
    named = {name: (part,) for name, part in GROUPS.items()}
    path = write(gmsh, tmp_path / "m.msh", version, binary, named, surfaces=("bed", "liver"))
    anatomy = read_mesh(path)
    assert set(anatomy.surfaces) == {"bed", "liver"} and "liver" in anatomy.region_names
    assert anatomy.surfaces["bed"].tolist() == anatomy.surfaces["liver"].tolist()


def test_a_byte_order_mark_before_text_of_gmsh_changes_nothing(gmsh, tmp_path):
    for version in ("2.2", "4.1"):
        path = write(gmsh, tmp_path / "m.msh", version, 0, {name: (part,) for name, part in GROUPS.items()})
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert volumes(read_mesh(path))["liver"] == 600.0


def test_a_torn_section_of_entities_is_refused(gmsh, tmp_path):
    for binary in (0, 1):
        path = write(gmsh, tmp_path / "m.msh", "4.1", binary, {name: (part,) for name, part in GROUPS.items()})
        raw = path.read_bytes()
        assert without_entities(raw)[1]
        path.write_bytes(raw[: raw.index(b"$Entities") + 60])
        with pytest.raises(InputError, match=r"m\.msh: cannot be read as a mesh.*entities"):
            read_mesh(path)


POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]], float) * 10.0
TETS = [[0, 1, 2, 3], [1, 2, 3, 4]]


def write_vtu(path: Path, points: np.ndarray, tets: list[list[int]], region: list[int]) -> Path:
    meshio.write(path, meshio.Mesh(points, [("tetra", np.array(tets))], cell_data={"region": [np.array(region)]}))
    return path


TABLE = {number: Label(name, "muscle") for number, name in enumerate(("muscle", "liver", "tumour"), start=1)}


@pytest.mark.parametrize("suffix", [".vtu", ".vtk", ".xdmf"])
def test_coinciding_elements_of_other_formats(tmp_path, suffix):
    path, notes = write_vtu(tmp_path / f"m{suffix}", POINTS, [*TETS, [3, 2, 1, 0]], [1, 2, 1]), []
    assert volumes(read_mesh(path, table=TABLE, notes=notes)) == pytest.approx(
        {"muscle": 166.666667, "liver": 333.333333}
    )
    assert f"m{suffix}: 1 elements are written more than once; each counts once" in notes
    path = write_vtu(path, POINTS, [*TETS, [3, 2, 1, 0], [0, 1, 2, 3]], [1, 2, 3, 2])
    with pytest.raises(InputError, match=r"1 elements lie in muscle, liver and tumour: each element belongs to one"):
        read_mesh(path, table=TABLE)


def test_elements_that_coincide_by_their_places_alone_are_refused(tmp_path):
    twice = np.concatenate([POINTS, POINTS])
    path = write_vtu(tmp_path / "m.vtu", twice, [*TETS, [5, 6, 7, 8]], [1, 2, 3])
    with pytest.raises(InputError, match="1 elements lie in muscle and tumour"):
        read_mesh(path, table=TABLE)
    path = write_vtu(tmp_path / "m.vtu", twice, [TETS[0], [6, 7, 8, 9]], [1, 2])
    with pytest.raises(InputError, match="3 nodes lie on others, so no heat passes between the elements"):
        read_mesh(path, table=TABLE)


def test_elements_on_the_same_side_of_a_face_are_refused(tmp_path):
    points = np.concatenate([POINTS, [[2.0, 2.0, 2.0]]])
    path = write_vtu(tmp_path / "m.vtu", points, [*TETS, [0, 1, 2, 5]], [1, 2, 3])
    with pytest.raises(
        InputError, match="elements of muscle and tumour overlap: 1 pairs lie on the same side of a face"
    ):
        read_mesh(path, table=TABLE)
