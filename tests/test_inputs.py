"""A tumour that nobody segmented, added three ways; and an anatomy that comes as a mesh."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
from small_case import PROTOCOL, write_case

from thermoplan.base.errors import InputError
from thermoplan.base.progress import Stages
from thermoplan.files.meshes.mesh_files import write_mesh
from thermoplan.plan import simulate
from thermoplan.plan.case.case import build_case
from thermoplan.plan.case.inputs import read_inputs
from thermoplan.protocol import read_protocol

ADDED = PROTOCOL.replace("[tracer]", '[[anatomy.add]]\nregion = "tumour"\ntissue = "tumour"\nWAY\n\n[tracer]')
WAYS = {
    "sphere": 'sphere = "0 0 8 mm, 4 mm"',
    "mask": 'mask = "mask.nii.gz"',
    "iron": 'iron_above = "4 mg/mL"',
}


@pytest.fixture
def folder(tmp_path) -> Path:
    """The small case with its tumour taken out of the labels, and a mask of where it was."""
    write_case(tmp_path)
    labels = nibabel.load(tmp_path / "labels.nii.gz")
    data = np.asarray(labels.dataobj)
    for name, values in (("mask", (data == 7).astype(np.uint8)), ("labels", np.where(data == 7, 1, data))):
        nibabel.save(
            nibabel.Nifti1Image(values.astype(np.uint8), labels.affine, labels.header), tmp_path / f"{name}.nii.gz"
        )
    (tmp_path / "labels.csv").write_text("label,region,tissue\n1,body,muscle\n3,liver,liver\n")
    return tmp_path


@pytest.mark.parametrize("way", WAYS)
def test_a_tumour_can_be_added_by_sphere_mask_or_iron(folder, way):
    (folder / "protocol.toml").write_text(ADDED.replace("WAY", WAYS[way]))
    inputs = read_inputs(read_protocol(folder / "protocol.toml"))
    voxels = np.asarray(nibabel.load(folder / "mask.nii.gz").dataobj).sum()
    assert inputs.tissues["tumour"] == "tumour"
    assert inputs.volumes_mm3()["tumour"] == pytest.approx(voxels, rel=0.2)  # 1 mm voxels: a rim more or less
    assert inputs.body.region_of(np.array([[0.0, 0.0, 8e-3]]))[0] == list(inputs.tissues).index("tumour")


def test_an_anatomy_can_be_a_mesh_with_named_regions(tmp_path):
    path = write_case(tmp_path)
    case = build_case(read_inputs(read_protocol(path)), Stages(), quick=True)
    write_mesh(tmp_path / "block.vtu", case.anatomy)
    text = PROTOCOL.replace('labels = "labels.nii.gz"\nlabel_table = "labels.csv"', 'mesh = "block.vtu"')
    text = text.replace('[mesh]\nsize = "2.5 mm"\ntarget_size = "1.2 mm"\n\n', "").replace('"10 min"', '"1 min"')
    text = text.replace('name = "berkeley-ffp"\ngradient = "2.35 T/m"', 'name = "uniform"')
    path.write_text(text.replace("[session]\n", '[session]\ncool_down = "0 min"\n'))
    record = simulate(path).record
    assert record["mesh"]["nodes"] == len(case.anatomy.points_m)
    assert set(record["regions"]) >= {"body", "liver", "tumour"}
    assert record["regions"]["tumour"]["tissue"] == "tumour"
    assert record["iron"]["mesh_mg"] == pytest.approx(1e6 * case.iron.mass_kg.sum(), rel=1e-6)


def test_a_mesh_without_the_region_of_a_goal_is_refused(tmp_path):
    path = write_case(tmp_path)
    case = build_case(read_inputs(read_protocol(path)), Stages(), quick=True)
    write_mesh(tmp_path / "block.vtu", case.anatomy)
    text = PROTOCOL.replace('labels = "labels.nii.gz"\nlabel_table = "labels.csv"', 'mesh = "block.vtu"')
    path.write_text(text.replace('region = "tumour"\nmetric', 'region = "tumor"\nmetric'))
    with pytest.raises(InputError, match=r'region = "tumor".*body, liver, tumour'):
        read_inputs(read_protocol(path))
