"""Differences of the maps of two runs, on the voxels of the first."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..base.arrays import AnyArray, BoolArray
from ..base.image import Image
from ..files.images.nifti import read_nifti
from .comparison import ExtremeRecord, MapDifferenceRecord

MAPS = {"peak-temperature": "degC", "cem43": "min", "power": "W/m^3", "iron": "mg/mL"}
# A voxel of A counts where at least this share of the voxels about it in B is inside B's body: half is where the
# surface runs. Near one, a shift of half a voxel would take the whole skin out of the comparison.
_INSIDE = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class MapDifference:
    """Two maps on the same voxels; ``both`` is where both bodies are."""

    name: str
    a: Image
    b: AnyArray
    both: BoolArray

    @property
    def difference(self) -> AnyArray:
        """B - A, not a number outside either body."""
        return np.where(self.both, self.b - self.a.data, np.nan)

    def record(self) -> MapDifferenceRecord:
        """Extremes and their places, and the mean of the sizes of all differences."""
        if not self.both.any():
            return {"unit": MAPS[self.name], "voxels": 0, "highest": None, "lowest": None, "mean_size": None}
        change = self.difference
        return {
            "unit": MAPS[self.name],
            "voxels": int(self.both.sum()),
            "highest": self._extreme(int(np.nanargmax(change))),
            "lowest": self._extreme(int(np.nanargmin(change))),
            "mean_size": float(np.nanmean(np.abs(change))),
        }

    def _extreme(self, at: int) -> ExtremeRecord:
        index = np.unravel_index(int(at), self.both.shape)
        return {
            "difference": float(self.b[index] - self.a.data[index]),
            "position_mm": (1e3 * self.a.positions_m(np.array(index))).tolist(),
        }


def map_differences(a: Path, b: Path) -> dict[str, MapDifference]:
    """Compare each map that both runs have."""
    paths = {name: [run / "maps" / f"{name}.nii.gz" for run in (a, b)] for name in MAPS}
    bodies = _body_masks(a, b)
    if bodies is None:
        return {}
    (image_a, image_b), both = bodies
    found = {}
    for name, pair in paths.items():
        if all(path.is_file() for path in pair):
            first, second = (read_nifti(path) for path in pair)
            found[name] = MapDifference(name, first, _resample_inside(second, image_b, image_a), both)
    return found


def _body_masks(a: Path, b: Path) -> tuple[tuple[Image, Image], BoolArray] | None:
    """Masks of each body, by its temperature, which is nowhere 0 inside, and of both, on A's voxels."""
    paths = [run / "maps" / "peak-temperature.nii.gz" for run in (a, b)]
    if not all(path.is_file() for path in paths):
        return None
    bodies = [image.with_data((image.data > 0).astype(np.float32)) for image in map(read_nifti, paths)]
    covered = _resample(bodies[1], bodies[0])
    return (bodies[0], bodies[1]), (bodies[0].data > 0) & (covered > _INSIDE)


def _resample_inside(image: Image, body: Image, onto: Image) -> AnyArray:
    """Values of ``image`` at the voxels of ``onto``, from voxels inside its body alone."""
    if _same_voxels(image, onto):
        return image.data.astype(np.float64)
    share = _resample(body, onto)
    result: AnyArray = np.divide(_resample(image, onto), share, out=np.zeros(onto.shape), where=share > 0)
    return result


def _resample(image: Image, onto: Image) -> AnyArray:
    if _same_voxels(image, onto):
        return image.data.astype(np.float64)
    index = np.argwhere(np.ones(onto.shape, bool))
    return image.sampled(onto.positions_m(index)).reshape(onto.shape)


def _same_voxels(image: Image, other: Image) -> bool:
    return image.shape == other.shape and np.allclose(image.affine_m, other.affine_m, atol=1e-9)
