"""Build the shipped phantom: two vials of tracer in agar. `python meshes/build_phantom.py`

A cylinder of agar along the bore (z) with two round vials whose middles lie 3 mm apart, as [Hensley2017] heated one of
two targets at that distance. Everything else about it is this project's own choice. mm.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import shapes
from build_mouse import HERE, WHEN, in_metres, write_labels
from scipy import ndimage

from thermoplan.base.image import Image
from thermoplan.files.images.mdf import write_mdf

VOXEL_MM, IRON_VOXEL_MM, FWHM_MM = 0.125, 0.25, 0.7
RADIUS_MM, HALF_LENGTH_MM = 10.0, 15.0
VIAL_RADIUS_MM, APART_MM = 1.25, 3.0
IRON_MG_ML = 11.1
"""0.4 K/s at 150 W/g in water: the pair of figures that [Hensley2017] gives by way of [Kumar2025]."""

AGAR, VIALS = 1, (("vial-a", 2, -0.5 * APART_MM), ("vial-b", 3, 0.5 * APART_MM))


def main(folder: Path) -> None:
    low = np.array([-RADIUS_MM, -RADIUS_MM, -HALF_LENGTH_MM]) - 2 * VOXEL_MM
    x, y, z = shapes.grid(low + VOXEL_MM / 2, -low, VOXEL_MM)
    rho = np.sqrt(x * x + y * y)
    labels = np.where((rho <= RADIUS_MM) & (np.abs(z) <= HALF_LENGTH_MM), np.uint8(AGAR), np.uint8(0))
    for _, label, middle in VIALS:
        labels[np.hypot(rho, z - middle) <= VIAL_RADIUS_MM] = label
    affine = np.diag([VOXEL_MM] * 3 + [1.0])
    affine[:3, 3] = low + VOXEL_MM / 2
    write_labels(folder / "phantom-labels.nii.gz", labels, affine)
    rows = ["label,region,tissue", f"{AGAR},agar,agar", *(f"{label},{name},agar" for name, label, _ in VIALS)]
    (folder / "phantom-labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    picture, affine_mm = scanned(np.where(labels > AGAR, IRON_MG_ML, 0.0), affine)
    write_mdf(
        folder / "phantom-mpi.mdf",
        Image(picture.astype(np.float32), in_metres(affine_mm)),
        tracer="synomag-d",
        scanner="simulated",
        created=WHEN,
    )
    print(f"iron {picture.sum() * IRON_VOXEL_MM**3:.2f} ug in two vials")


def scanned(iron: np.ndarray, affine_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scanner's picture: blurred, then summed over two voxels a side; also its affine in mm."""
    blurred = ndimage.gaussian_filter(iron, FWHM_MM / np.sqrt(8.0 * np.log(2.0)) / VOXEL_MM, mode="constant")
    n = [size // 2 for size in blurred.shape]
    halved = blurred[: 2 * n[0], : 2 * n[1], : 2 * n[2]].reshape(n[0], 2, n[1], 2, n[2], 2).mean(axis=(1, 3, 5))
    found = np.argwhere(halved > 1e-3)
    low, high = found.min(axis=0), found.max(axis=0) + 1
    out = np.diag([IRON_VOXEL_MM] * 3 + [1.0])
    out[:3, 3] = affine_mm[:3, 3] + 0.5 * VOXEL_MM + IRON_VOXEL_MM * low
    picture = halved[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return picture * (iron.sum() * VOXEL_MM**3) / (picture.sum() * IRON_VOXEL_MM**3), out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=HERE)
    main(parser.parse_args().folder)
