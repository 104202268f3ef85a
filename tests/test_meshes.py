"""Meshes keep their regions, tissues and metres on the way through files."""

from __future__ import annotations

import re

import meshio
import numpy as np
import pytest

from thermoplan.anatomy.anatomy import Anatomy
from thermoplan.base.errors import InputError
from thermoplan.files.images.labels import Label
from thermoplan.files.meshes.mesh_files import read_mesh, write_fields, write_mesh
from thermoplan.files.meshes.vtu import decode_words

# a unit right tetrahedron, and its mirror image across x = 0: two elements of 1/6 each
POINTS = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [-1, 0, 0]], float)
TETS = np.array([[0, 1, 2, 3], [0, 2, 4, 3]])


def two_regions() -> Anatomy:
    return Anatomy(POINTS * 1e-3, TETS, [1, 0], ("liver", "tumour"), ("liver", "tumour"))


@pytest.mark.parametrize("name", ["a.vtu", "a.msh"])
def test_regions_volumes_and_places_survive_a_round_trip(tmp_path, name):
    write_mesh(tmp_path / name, two_regions())
    back = read_mesh(tmp_path / name)
    np.testing.assert_allclose(back.points_m, POINTS * 1e-3, rtol=0, atol=1e-15)
    assert set(back.region_names) == {"liver", "tumour"}
    assert back.volume_m3("tumour") == pytest.approx(1e-9 / 6)
    # the tumour is the element on the right (R), where x is positive
    assert back.centroids_m[back.cells("tumour")][0, 0] > 0


def test_a_vtu_also_keeps_what_each_region_is_made_of(tmp_path):
    body = Anatomy(POINTS * 1e-3, TETS, [1, 0], ("rest", "flank mass"), ("soft-tissue", "tumour"))
    write_mesh(tmp_path / "a.vtu", body)
    back = read_mesh(tmp_path / "a.vtu")
    assert dict(zip(back.region_names, back.tissue_names, strict=True)) == {
        "rest": "soft-tissue",
        "flank mass": "tumour",
    }


def test_fields_are_read_by_pyvista_with_region_names_in_field_data(tmp_path):
    fields = {"temperature_c": np.array([36.0, 37, 38, 39, 40]), "place": POINTS}
    write_fields(tmp_path / "f.vtu", two_regions(), fields, {"power_w_m3": np.array([1e5, 2e5])})
    pyvista = pytest.importorskip("pyvista")
    grid = pyvista.read(tmp_path / "f.vtu")
    np.testing.assert_array_equal(grid.point_data["temperature_c"], fields["temperature_c"])
    np.testing.assert_array_equal(grid.point_data["place"], POINTS)
    np.testing.assert_allclose(grid.points, POINTS * 1e-3)  # metres
    assert grid["region"].tolist() == [1, 0] and grid["power_w_m3"].tolist() == [1e5, 2e5]
    assert decode_words(grid.field_data["region_names"]) == ("liver", "tumour")
    assert np.ravel(grid.field_data["tumour"]).tolist() == [1, 3]


def test_fields_are_read_by_meshio_with_region_names_in_field_data(tmp_path):
    fields = {"temperature_c": np.array([36.0, 37, 38, 39, 40]), "place": POINTS}
    write_fields(tmp_path / "f.vtu", two_regions(), fields, {"power_w_m3": np.array([1e5, 2e5])})
    mesh = meshio.read(tmp_path / "f.vtu")
    np.testing.assert_allclose(mesh.points, POINTS * 1e-3)  # metres
    np.testing.assert_array_equal(mesh.cells_dict["tetra"], TETS)
    np.testing.assert_array_equal(mesh.point_data["temperature_c"], fields["temperature_c"])
    np.testing.assert_array_equal(mesh.point_data["place"], POINTS)
    assert mesh.cell_data["region"][0].tolist() == [1, 0]
    assert mesh.cell_data["power_w_m3"][0].tolist() == [1e5, 2e5]
    assert bytes(mesh.field_data["region_names"]).decode() == "liver\0tumour\0"
    assert decode_words(mesh.field_data["tissue_names"]) == two_regions().tissue_names
    assert mesh.field_data["tumour"].tolist() == [[1, 3]] and mesh.field_data["metres_per_unit"].tolist() == [1.0]


def test_a_mesh_of_an_earlier_version_keeps_its_names(tmp_path):
    """Its words are arrays of strings, which meshio cannot read."""
    body = Anatomy(POINTS * 1e-3, TETS, [1, 0], ("rest", "flank mäss"), ("soft-tissue", "tumour"))
    write_mesh(tmp_path / "a.vtu", body)

    def as_strings(match: re.Match[str]) -> str:
        words = body.region_names if match[1] == "region_names" else body.tissue_names
        codes = " ".join(str(code) for word in words for code in (*word.encode(), 0))
        head = f'<DataArray type="String" Name="{match[1]}" NumberOfTuples="{len(words)}" format="ascii">'
        return f"{head}{codes}</DataArray>"

    text = (tmp_path / "a.vtu").read_text(encoding="utf-8")
    old = re.sub(r'<DataArray type="UInt8" Name="(\w+_names)"[^>]*>[^<]*</DataArray>', as_strings, text)
    assert old.count('type="String"') == 2
    (tmp_path / "b.vtu").write_text(old, encoding="utf-8")
    back = read_mesh(tmp_path / "b.vtu")
    assert dict(zip(back.region_names, back.tissue_names, strict=True)) == {
        "rest": "soft-tissue",
        "flank mäss": "tumour",
    }


def test_the_fields_of_a_run_are_a_mesh_again_in_their_own_unit(tmp_path):
    write_fields(tmp_path / "f.vtu", two_regions())
    assert read_mesh(tmp_path / "f.vtu").volumes_m3.sum() == pytest.approx(2e-9 / 6)


def test_a_large_field_is_written_in_several_blocks(tmp_path):
    n = 60
    grid = np.stack(np.meshgrid(*[np.arange(n, dtype=float)] * 3, indexing="ij"), -1).reshape(-1, 3)
    i = np.arange(n - 1)
    corner = (np.stack(np.meshgrid(i, i, i, indexing="ij"), -1).reshape(-1, 3) @ [n * n, n, 1])[:, None]
    cube = corner + np.array([0, n * n, n, 1, n * n + n, n * n + 1, n + 1, n * n + n + 1])
    paths = [[0, 1, 4, 7], [0, 4, 2, 7], [0, 2, 6, 7], [0, 6, 3, 7], [0, 3, 5, 7], [0, 5, 1, 7]]
    tets = np.concatenate([cube[:, path] for path in paths])
    body = Anatomy(grid * 1e-3, tets, np.zeros(len(tets), int), ("body",), ("muscle",))
    # 216,000 doubles are 1.7 MB, more than one block of 1 MiB
    write_fields(tmp_path / "f.vtu", body, {"x": grid[:, 0]})
    found = meshio.read(tmp_path / "f.vtu")
    assert decode_words(found.field_data["region_names"]) == ("body",)
    np.testing.assert_array_equal(found.point_data["x"], grid[:, 0])
    np.testing.assert_array_equal(pytest.importorskip("pyvista").read(tmp_path / "f.vtu")["x"], grid[:, 0])


def msh(path, tets=TETS, points=POINTS, tags=(7, 8), names=(("liver", 7), ("tumour", 8))):
    cells = [("tetra", np.array(tets)), ("triangle", np.array([[1, 2, 3]]))]
    data = [np.array(tags, np.int32), np.array([9], np.int32)]
    field = {name: np.array([tag, 3]) for name, tag in names} | {"bed": np.array([9, 2])}
    mesh = meshio.Mesh(
        np.array(points, float), cells, field_data=field, cell_data={"gmsh:physical": data, "gmsh:geometrical": data}
    )
    meshio.write(path, mesh, file_format="gmsh22", binary=False)
    return path


def test_a_mirrored_element_is_turned_and_a_named_surface_kept(tmp_path):
    body = read_mesh(msh(tmp_path / "a.msh", tets=[[0, 2, 1, 3], [0, 2, 4, 3]]))
    assert (body.volumes_m3 > 0).all() and body.surfaces["bed"].tolist() == [[1, 2, 3]]


def test_a_table_names_regions_and_tissues_by_tag(tmp_path):
    table = {7: Label("body", "muscle"), 8: Label("body", "muscle")}
    body = read_mesh(msh(tmp_path / "a.msh", names=()), table=table)
    assert body.region_names == ("body",) and body.tissue_names == ("muscle",)
    assert body.volume_m3("body") == pytest.approx(2e-9 / 6)


def test_another_unit_of_length_is_followed(tmp_path):
    assert read_mesh(msh(tmp_path / "a.msh"), unit_m=1.0).volumes_m3.sum() == pytest.approx(2 / 6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"points": [*POINTS.tolist(), [9, 9, 9]]}, "1 nodes belong to no element"),
        ({"tets": [[0, 1, 2, 2], [0, 2, 4, 3]]}, "inverted or flat"),
        ({"tags": (7, 9)}, "1 tetrahedra have the region 9, which has no name"),
    ],
)
def test_a_broken_mesh_is_refused_by_name(tmp_path, change, words):
    with pytest.raises(InputError, match=r"a\.msh: .*" + words):
        read_mesh(msh(tmp_path / "a.msh", **change))


def test_hexahedra_and_surfaces_alone_are_refused(tmp_path):
    cube = np.array([[x, y, z] for z in (0, 1) for x, y in ((0, 0), (1, 0), (1, 1), (0, 1))], float)
    for cells, words in (
        ([("hexahedron", [range(8)])], "hexahedron cells; expected tetrahedra"),
        ([("triangle", [[0, 1, 2]])], "no tetrahedra"),
    ):
        meshio.write(tmp_path / "a.vtu", meshio.Mesh(cube, cells))
        with pytest.raises(InputError, match=words):
            read_mesh(tmp_path / "a.vtu")


@pytest.mark.parametrize("name", ["a.vtu", "a.msh"])
@pytest.mark.parametrize("keep", [0.0, 0.1, 0.5, 0.9])
def test_a_mesh_cut_short_is_refused_by_name(tmp_path, name, keep):
    write_mesh(tmp_path / name, two_regions())
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: int(keep * len(whole))])
    with pytest.raises(InputError, match=name):
        read_mesh(tmp_path / name)


def test_a_file_that_is_no_mesh_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("hello")
    with pytest.raises(InputError, match=r"a\.txt: cannot be read as a mesh"):
        read_mesh(tmp_path / "a.txt")


@pytest.mark.parametrize(("version", "binary"), [(4.1, 0), (4.1, 1), (2.2, 0), (2.2, 1)])
def test_what_gmsh_itself_writes_is_read_with_its_physical_names(tmp_path, version, binary):
    import gmsh

    gmsh.initialize()
    try:
        gmsh.option.setNumber("General.Terminal", 0)
        gmsh.model.occ.addBox(0, 0, 0, 1, 1, 1)
        gmsh.model.occ.addBox(1, 0, 0, 2, 1, 1)
        gmsh.model.occ.fragment([(3, 1)], [(3, 2)])
        gmsh.model.occ.synchronize()
        gmsh.model.addPhysicalGroup(3, [1], name="tumour")
        gmsh.model.addPhysicalGroup(3, [2], name="flank muscle")
        gmsh.option.setNumber("Mesh.MshFileVersion", version)
        gmsh.option.setNumber("Mesh.Binary", binary)
        gmsh.model.mesh.generate(3)
        gmsh.write(str(tmp_path / "a.msh"))
    finally:
        gmsh.finalize()
    body = read_mesh(tmp_path / "a.msh")
    # boxes of 1 and 2 mm3
    assert body.volume_m3("tumour") == pytest.approx(1e-9) and body.volume_m3("flank muscle") == pytest.approx(2e-9)


def test_a_mesh_in_a_protocol_takes_tissues_from_a_table(tmp_path):
    from test_bad_input import PROTOCOL, iron

    from thermoplan.base.image import Image
    from thermoplan.files.images.mdf import write_mdf
    from thermoplan.plan.case.inputs import read_inputs
    from thermoplan.protocol import read_protocol

    write_mdf(tmp_path / "iron.mdf", Image(iron(), np.diag([2e-3, 2e-3, 2e-3, 1.0])))
    msh(tmp_path / "a.msh", points=POINTS * 60, names=())
    (tmp_path / "labels.csv").write_text("label,region,tissue\n7,flank,muscle\n8,tumour,tumour\n")
    (tmp_path / "p.toml").write_text(
        PROTOCOL.replace('labels = "labels.nii.gz"', 'mesh = "a.msh"')
        .replace('uptake = ["liver"]\n', "")
        .replace("15 11 11 mm", "10 10 10 mm")
    )
    assert read_inputs(read_protocol(tmp_path / "p.toml")).tissues == {"flank": "muscle", "tumour": "tumour"}


@pytest.mark.parametrize(
    ("name", "raw", "says"),
    [
        ("a.msh", "$MeshFormat\n9.1 0 8\n$EndMeshFormat\n", "Need mesh format in"),
        ("a.vtu", "<VTKFile type='PolyData'></VTKFile>", "found PolyData"),
        ("a.vtk", "# vtk DataFile Version 9.9\nx\nASCII\nDATASET FOO\n", "not FOO"),
        ("a.msh", "garbage", "does not say why"),
    ],
)
def test_the_reason_that_meshio_gives_is_told(tmp_path, capfd, name, raw, says):
    (tmp_path / name).write_text(raw)
    with pytest.raises(InputError, match=says):
        read_mesh(tmp_path / name)
    assert capfd.readouterr() == ("", "")
