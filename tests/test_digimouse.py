"""The same job on somebody else's mouse: the Digimouse atlas, read where it lies, with a tumour added by a sphere."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel
import numpy as np
import pytest
from at_equal_limits import check_comparison
from scipy import ndimage

from thermoplan.plan import make_plan

TISSUES = {
    "skin (all unlabelled soft tissue)": ("body", "soft-tissue"),
    "skeleton": ("skeleton", "bone"),
    "medulla": ("brain", "brain"),
    "cerebellum": ("brain", "brain"),
    "olfactory bulbs": ("brain", "brain"),
    "external cerebrum": ("brain", "brain"),
    "striatum": ("brain", "brain"),
    "rest of the brain": ("brain", "brain"),
    "masseter muscles": ("masseter", "muscle"),
    "lachrymal glands": ("glands", "gland"),
    "adrenal glands": ("glands", "gland"),
}
TUMOUR_MM, RADIUS_MM, FWHM_MM = np.array([25.2, 69.8, 8.8]), 4.0, 2.0
LIVER, SPLEEN = 18, 16
IRON_MG_ML = {"tumour": 6.0, LIVER: 3.0, SPLEEN: 4.5}  # section 11 of the reference

PROTOCOL = """\
schema = 1
name = "digimouse"

[iron]
image = "iron.nii.gz"
unit = "mg/mL"
fwhm = "2 mm"
uptake = ["liver", "spleen"]

[anatomy]
labels = "LABELS"
label_table = "labels.csv"
species = "mouse"

[[anatomy.add]]
region = "tumour"
tissue = "tumour"
sphere = "25.2 69.8 8.8 mm, 4 mm"

[tracer]
name = "synomag-d"
measured_slp = { value = "250 W/g", basis = "iron", medium = "tissue", amplitude = "13 mT", frequency = "354 kHz" }

[device]
name = "berkeley-ffp"
drive_axis = "A"
gradient = "2.35 T/m"
amplitude = "13 mT"
frequency = "354 kHz"
to_device = [[1, 0, 0, -18], [0, 1, 0, -50], [0, 0, 1, -10], [0, 0, 0, 1]]

[tissues.tumour]
perfusion = "1e4 W/m^3/K"

[mesh]
target_size = "0.45 mm"

[session]
duration = "30 min"

[[goals]]
region = "tumour"
metric = "CEM43T90"
at_least = "10 min"

[[probes]]
name = "tumour-centre"
position = "25.2 69.8 8.8 mm"
"""


def _table(shared: Path, path: Path) -> None:
    with (shared / "labels.csv").open() as stream:
        rows = [(int(r["label"]), *TISSUES.get(r["name"], (r["name"], r["name"]))) for r in csv.DictReader(stream)]
    lines = ["label,region,tissue", *(f"{label},{region},{tissue}" for label, region, tissue in rows if label)]
    path.write_text("\n".join(lines) + "\n")


def _iron(labels: nibabel.Nifti1Image, path: Path) -> float:
    """What a scanner with a 2 mm point-spread function sees, on 1 mm voxels; returns the iron in mg."""
    data, voxel = np.asarray(labels.dataobj), float(labels.affine[0, 0])
    truth = np.select([data == LIVER, data == SPLEEN], [IRON_MG_ML[LIVER], IRON_MG_ML[SPLEEN]], 0.0)
    axes = [voxel * np.arange(n) - c for n, c in zip(data.shape, TUMOUR_MM, strict=True)]
    inside = sum(np.ix_(*(a**2 for a in axes))) <= RADIUS_MM**2
    truth[inside] = IRON_MG_ML["tumour"]
    blurred = ndimage.gaussian_filter(truth, FWHM_MM / np.sqrt(8.0 * np.log(2.0)) / voxel, mode="constant")
    blocks = [n // 5 for n in data.shape]  # five voxels of 0.2 mm make one of 1 mm
    cut = blurred[tuple(slice(5 * n) for n in blocks)].reshape(blocks[0], 5, blocks[1], 5, blocks[2], 5)
    affine = np.diag([5 * voxel, 5 * voxel, 5 * voxel, 1.0])
    affine[:3, 3] = 2 * voxel
    image = nibabel.Nifti1Image(cut.mean(axis=(1, 3, 5)).astype(np.float32), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return float(truth.sum()) * voxel**3 * 1e-3


@pytest.mark.timeout(300)
def test_a_plan_on_the_digimouse_atlas(shared, tmp_path, capsys):
    atlas = shared / "data" / "digimouse"
    labels = atlas / "digimouse_0p2mm.nii.gz"
    _table(atlas, tmp_path / "labels.csv")
    iron_mg = _iron(nibabel.load(labels), tmp_path / "iron.nii.gz")
    (tmp_path / "protocol.toml").write_text(PROTOCOL.replace("LABELS", str(labels)))
    plan = make_plan(tmp_path / "protocol.toml")
    record, mesh = plan.record, plan.products.heating_model.case.mesh
    assert mesh.nodes >= 40_000
    assert mesh.quality_min > 0.1
    assert mesh.skin_area_m2 == pytest.approx(mesh.smoothed_skin_area_m2, rel=0.06)
    assert record["regions"]["liver"]["volume_mm3"] == pytest.approx(2008.0, rel=0.03)
    assert record["iron"]["image_mg"] == pytest.approx(iron_mg, rel=0.01)
    assert record["regions"]["tumour"]["iron_mg"] == pytest.approx(6.0 * 268.1e-3, rel=0.08)
    checks = record["checks"]
    assert max(checks["iron_mass_rel"], checks["power_rel"], checks["energy_balance_rel"]) < 1e-3
    assert checks["prediction_k"] < 0.1
    assert [row for row in record["goals"] if row["kind"] == "limit" and not row["met"]] == []
    assert record["status"] == "ok"
    free = next(row for row in record["alternatives"] if row["name"] == "no gradient")
    assert any(text.startswith(("liver", "core")) for text in free["limits_broken"])
    with capsys.disabled():
        check_comparison(record)
