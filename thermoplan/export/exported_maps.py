"""Maps of a run folder, the quantities they hold, and the regions on their voxels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..base.errors import InputError
from ..base.image import Image
from ..files.images.dicom_write import Quantity
from ..files.images.nifti import read_nifti
from ..files.meshes.mesh_files import read_mesh

QUANTITIES = (
    Quantity("peak-temperature", "peak temperature", "Cel", "degree Celsius"),
    Quantity("end-temperature", "temperature at the end of heating", "Cel", "degree Celsius"),
    Quantity("cem43", "CEM43 thermal dose", "min", "minute"),
    Quantity("power", "power density, mean while heating", "W/m3", "watt per cubic metre"),
    Quantity("iron", "iron", "mg/mL", "milligram per millilitre"),
)


def run_maps(run: Path) -> Iterator[tuple[Quantity, Path, Image]]:
    """Read each map that the run has, in the order of ``QUANTITIES``."""
    paths = [(quantity, run / "maps" / f"{quantity.key}.nii.gz") for quantity in QUANTITIES]
    found = [(quantity, path) for quantity, path in paths if path.is_file()]
    if not found:
        raise InputError(f"{run / 'maps'}: holds no map: plan again, or give the folder that `thermoplan plan` wrote")
    for quantity, path in found:
        yield quantity, path, read_nifti(path)


def label_voxels(image: Image, run: Path) -> tuple[Image, tuple[str, ...]]:
    """Label image on the voxels of ``image`` (0 outside the body, else 1 + the region's number), and the names."""
    anatomy = read_mesh(run / "fields.vtu")
    index = np.argwhere(np.ones(image.shape, bool))
    cell, _ = anatomy.located(image.positions_m(index))
    inside = cell >= 0
    labels = np.zeros(image.shape, np.int32)
    labels[tuple(index[inside].T)] = 1 + anatomy.region[cell[inside]]
    return image.with_data(labels), anatomy.region_names
