"""A segmentation of 3D Slicer is an anatomy as it stands: its segments are the regions, their names the tissues."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from small_case import PROTOCOL, write_case
from test_volumes import RAS, nrrd_bytes

from thermoplan.base.errors import InputError
from thermoplan.base.progress import silent
from thermoplan.commands.check import check_protocol, mesh_file
from thermoplan.files.images.labels import read_labelled, segment_table
from thermoplan.files.images.segments import has_segments, read_segment_names, read_segmentation
from thermoplan.files.images.volumes import convert, read_volume
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.protocol import read_protocol

NAMES = {1: "body", 3: "liver", 7: "flank tumour"}
SEGMENTED = PROTOCOL.replace('labels = "labels.nii.gz"\nlabel_table = "labels.csv"\n', 'labels = "mouse.seg.nrrd"\n')
SEGMENTED = SEGMENTED.replace('region = "tumour"', 'region = "flank tumour"')


def segments(names: dict[int, str], layers: dict[int, int] | None = None) -> str:
    """Header fields as Slicer writes them; in layers every segment has the value 1."""
    return "".join(
        f"Segment{n}_ID:=Segment_{n}\nSegment{n}_Layer:={(layers or {}).get(label, 0)}\n"
        f"Segment{n}_LabelValue:={1 if layers else label}\nSegment{n}_Name:={name}\n"
        for n, (label, name) in enumerate(names.items())
    )


def write_segmentation(folder: Path, names: dict[int, str] = NAMES, *, layered: bool = False) -> Path:
    """The labels of the small case as a segmentation; layered, a segment a layer and the body under all of them."""
    source = nibabel.load(folder / "labels.nii.gz")
    labels = np.asarray(source.dataobj)
    x, y, z = source.affine[:3, 3]
    place = (
        f"space: left-posterior-superior\nspace origin: ({-x},{-y},{z})\n"
        f"space directions: {'none ' if layered else ''}(-1,0,0) (0,-1,0) (0,0,1)\n"
    )
    if layered:
        masks = [labels > 0 if label == 1 else labels == label for label in names]
        data, layers = np.stack(masks).astype(np.uint8), {label: n for n, label in enumerate(names)}
        text = place + "kinds: list domain domain domain\n" + segments(names, layers)
    else:
        data, text = labels.astype(np.uint8), place + segments(names)
    (folder / "mouse.seg.nrrd").write_bytes(nrrd_bytes(data, text, "gzip"))
    return folder / "mouse.seg.nrrd"


@pytest.mark.parametrize("layered", [False, True])
def test_a_protocol_takes_a_segmentation_without_a_table(tmp_path, layered):
    path = write_case(tmp_path, protocol=SEGMENTED)
    expected = read_inputs(read_protocol(write_case(tmp_path / "plain"))).volumes_mm3()
    write_segmentation(tmp_path, layered=layered)
    inputs = read_inputs(read_protocol(path))
    assert inputs.tissues == {"body": "soft-tissue", "liver": "liver", "flank tumour": "tumour"}
    assert inputs.volumes_mm3() == {
        "body": expected["body"],
        "liver": expected["liver"],
        "flank tumour": expected["tumour"],
    }
    # at the tumour's centre, which is off the origin
    assert inputs.body.region_of(np.array([[0.0, 0.0, 8e-3]]))[0] == 2
    said = check_protocol(path)
    assert "mouse.seg.nrrd: by the words in its segments' names, flank tumour is made of tumour" in said["notes"]


def test_a_table_counts_before_the_names(tmp_path):
    text = PROTOCOL.replace("labels.nii.gz", "mouse.seg.nrrd")
    path = write_case(tmp_path, protocol=text)
    write_segmentation(tmp_path)
    assert read_inputs(read_protocol(path)).tissues == {"body": "muscle", "liver": "liver", "tumour": "tumour"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("thing", 'segment "thing": names no tissue: rename it after one, or give label_table .* 7,thing,muscle'),
        ("liver tumour", 'segment "liver tumour": names several tissues'),
        ("Segment_3", 'segment "Segment_3": names no tissue'),
    ],
)
def test_a_segment_that_names_no_tissue_is_refused_with_the_row_that_would_do(tmp_path, name, words):
    path = write_case(tmp_path, protocol=SEGMENTED)
    write_segmentation(tmp_path, NAMES | {7: name})
    with pytest.raises(InputError, match=r"mouse\.seg\.nrrd: " + words):
        read_protocol(path)


@pytest.mark.parametrize(
    ("name", "tissue"),
    [
        ("liver", "liver"),
        ("Left Kidney", "kidney"),
        ("flank_tumor", "tumour"),
        ("kidney 2", "kidney"),
        ("soft tissue", "soft-tissue"),
        ("Skeleton", "bone"),
    ],
)
def test_a_segment_is_made_of_what_its_name_says(tmp_path, name, tissue):
    write_case(tmp_path)
    assert segment_table(write_segmentation(tmp_path, NAMES | {7: name}))[7] == (name, tissue)


def test_a_region_that_is_no_segment_is_refused_with_the_nearest(tmp_path):
    path = write_case(tmp_path, protocol=SEGMENTED.replace('"flank tumour"', '"flank tumor"', 1))
    write_segmentation(tmp_path)
    with pytest.raises(InputError, match=r'not a region of mouse\.seg\.nrrd; did you mean "flank tumour"'):
        read_protocol(path)


def test_an_nrrd_without_segments_asks_for_a_table(tmp_path):
    path = write_case(tmp_path, protocol=SEGMENTED)
    (tmp_path / "mouse.seg.nrrd").write_bytes(nrrd_bytes(np.ones((4, 5, 6), np.uint8), RAS))
    with pytest.raises(InputError, match=r"mouse\.seg\.nrrd: names no segment; .*label,region,tissue \(label_table\)"):
        read_protocol(path)


def test_another_label_volume_still_asks_for_its_table(tmp_path):
    text = PROTOCOL.replace('label_table = "labels.csv"\n', "")
    with pytest.raises(InputError, match=r"anatomy\.label_table: missing: expected a table"):
        read_protocol(write_case(tmp_path, protocol=text))
    with pytest.raises(InputError, match=r"labels\.nii\.gz: label_table: missing.*seg\.nrrd"):
        read_labelled(tmp_path / "labels.nii.gz")


def test_mesh_takes_a_segmentation_without_a_table(tmp_path):
    write_case(tmp_path)
    path = write_segmentation(tmp_path)
    record = mesh_file(path, None, tmp_path / "a.vtu", sizes=("4 mm", "2 mm", ("flank tumour",)), listener=silent)
    assert [row["name"] for row in record["regions"]] == ["body", "liver", "flank tumour"]
    assert any("flank tumour is made of tumour" in note for note in record["notes"])
    with pytest.raises(InputError, match=r"--target tumour: not a region of mouse\.seg\.nrrd; it has body, liv"):
        mesh_file(path, None, tmp_path / "b.vtu", sizes=("4 mm", "2 mm", ("tumour",)), listener=silent)


def test_names_are_read_without_the_values(tmp_path):
    write_case(tmp_path)
    path = write_segmentation(tmp_path)
    head = path.read_bytes().partition(b"\n\n")[0] + b"\n\n"
    path.write_bytes(head)
    assert read_segment_names(path) == NAMES and has_segments(path)
    with pytest.raises(InputError, match=r"mouse\.seg\.nrrd: .*cut short"):
        read_segmentation(path)


@pytest.mark.parametrize("layered", [False, True])
def test_converting_a_segmentation_keeps_every_segment(tmp_path, layered):
    write_case(tmp_path)
    convert(write_segmentation(tmp_path, layered=layered), tmp_path / "b.nii.gz")
    found, first = read_volume(tmp_path / "b.nii.gz"), read_volume(tmp_path / "labels.nii.gz")
    values = {1: 1, 3: 2, 7: 3} if layered else {1: 1, 3: 3, 7: 7}
    expected = np.select([first.data == label for label in values], list(values.values()))
    everywhere = first.positions_m(np.argwhere(first.data >= 0))
    np.testing.assert_array_equal(found.sampled(everywhere, order=0), expected.ravel())


def test_a_layer_that_is_not_there_is_refused(tmp_path):
    write_case(tmp_path)
    path = write_segmentation(tmp_path, layered=True)
    path.write_bytes(path.read_bytes().replace(b"Segment2_Layer:=2", b"Segment2_Layer:=5"))
    with pytest.raises(InputError, match=r"segment flank tumour: Layer = 5: the file has 3 layers"):
        read_segmentation(path)


def test_quantify_names_its_regions_by_the_segments(tmp_path):
    from test_quantify import VOXEL_M, noisy, truth

    from thermoplan.commands.quantify import QuantifyRequest, quantify_file
    from thermoplan.files.images.volumes import write_volume

    _, labels, vials = truth()
    write_volume(tmp_path / "scan.nii.gz", noisy("gauss", 0.02, 4))
    rows = [
        f"{v.name},{v.iron_kg * 1e9},{','.join(f'{1e3 * c:g}' for c in v.center_m)},{1e3 * v.radius_m}" for v in vials
    ]
    (tmp_path / "fiducials.csv").write_text("\n".join(["name,iron_ug,x_mm,y_mm,z_mm,radius_mm", *rows]) + "\n")
    *axes, origin = ("(" + ",".join(f"{1e3 * v:.17g}" for v in column) + ")" for column in labels.affine_m[:3].T)
    fields = f"space: RAS\nspace directions: {' '.join(axes)}\nspace origin: {origin}\n"
    (tmp_path / "a.seg.nrrd").write_bytes(nrrd_bytes(labels.data, fields + segments({1: "lump", 2: "other lump"})))
    record = quantify_file(
        tmp_path / "scan.nii.gz", QuantifyRequest(tmp_path / "fiducials.csv", labels=tmp_path / "a.seg.nrrd")
    )
    volumes = {row["region"]: row["volume_mm3"] for row in record["regions"]}
    assert volumes["lump"] == pytest.approx((labels.data == 1).sum() * VOXEL_M**3 * 1e9, rel=0.1)
    assert volumes["other lump"] == pytest.approx((labels.data == 2).sum() * VOXEL_M**3 * 1e9, rel=0.1)
