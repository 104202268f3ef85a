"""A small protocol that any test can afford: a tumour and a liver in a block of muscle, at 1 mm voxels."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

PROTOCOL = """\
schema = 1
name = "block"

[iron]
image = "iron.nii.gz"
unit = "mg/mL"
fwhm = "2 mm"
uptake = ["liver"]

[anatomy]
labels = "labels.nii.gz"
label_table = "labels.csv"
species = "mouse"

[tracer]
name = "synomag-d"
measured_slp = { value = "250 W/g", basis = "iron", medium = "tissue", amplitude = "13 mT", frequency = "354 kHz" }

[device]
name = "berkeley-ffp"
gradient = "2.35 T/m"
amplitude = "13 mT"
frequency = "354 kHz"

[physiology]
arterial = "36.5 degC"

[boundary]
skin = { heat_transfer = "10 W/m^2/K", ambient = "25 degC" }

[tissues.tumour]
perfusion = "1e4 W/m^3/K"

[mesh]
size = "2.5 mm"
target_size = "1.2 mm"

[session]
duration = "10 min"

[[goals]]
region = "tumour"
metric = "CEM43T90"
at_least = "2 min"

[[probes]]
name = "centre"
position = "0 0 8 mm"
"""


def write_case(
    folder: Path, *, protocol: str = PROTOCOL, tumour_mg_ml: float = 6.0, liver_mg_ml: float = 3.0, uneven: float = 1.0
) -> Path:
    """Write protocol and inputs into ``folder``; returns the protocol's path.

    With ``uneven`` the tumour's iron, of the same mean, falls by that factor from its caudal to its cranial pole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape, origin = (26, 26, 46), np.array([-12.5, -12.5, -22.5])
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = origin
    position = origin + np.argwhere(np.ones(shape))
    inside = np.linalg.norm(position[:, :2], axis=1) < 11.0
    inside &= np.abs(position[:, 2]) < 20.5
    labels = np.where(inside, 1, 0)
    labels[np.linalg.norm(position - [0, 0, -10], axis=1) < 6.0] = 3
    labels[np.linalg.norm(position - [0, 0, 8], axis=1) < 4.0] = 7
    iron = np.select([labels == 7, labels == 3], [tumour_mg_ml, liver_mg_ml], 0.0)
    slope = np.exp(-np.log(uneven) * (position[:, 2] - 8.0) / 8.0)
    iron = np.where(labels == 7, iron * slope / slope[labels == 7].mean(), iron)
    for name, data in (("labels", labels.astype(np.uint8)), ("iron", iron.astype(np.float32))):
        image = nibabel.Nifti1Image(data.reshape(shape), affine)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, folder / f"{name}.nii.gz")
    (folder / "labels.csv").write_text("label,region,tissue\n1,body,muscle\n3,liver,liver\n7,tumour,tumour\n")
    path = folder / "protocol.toml"
    path.write_text(protocol)
    return path
