"""Iron concentration on voxels, with its uncertainty and the blur of its image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..base.arrays import Array
from ..base.display import card
from ..base.errors import InputError
from ..base.image import Image


@dataclass(frozen=True, slots=True, eq=False)
class IronMap:
    """Iron concentration on voxels.

    Parameters
    ----------
    image
        kg of iron per m3, which is mg/mL; finite and not negative.
    relative_uncertainty
        Relative standard uncertainty of the whole map (calibration), 0 when not known.
    fwhm_m
        Full width at half maximum of the image's point-spread function, None when not known.
    noise_kg_m3
        Standard uncertainty of a voxel by noise, such that n voxels together have the root of n of it; 0 when
        not known.
    """

    image: Image
    relative_uncertainty: float = 0.0
    fwhm_m: float | None = None
    name: str = "iron map"
    noise_kg_m3: float = 0.0

    def __post_init__(self) -> None:
        if self.fwhm_m is not None and not self.fwhm_m > 0.0:
            raise InputError(f"{self.name}: fwhm = {self.fwhm_m:g} m: expected more than zero, or none where not known")
        data = self.image.data
        bad = ~np.isfinite(data) | (data < 0)
        if bad.any():
            first = tuple(int(i) for i in np.argwhere(bad)[0])
            raise InputError(
                f"{self.name}: {int(bad.sum())} voxels are negative or not finite, first {first} = "
                f"{float(data[first]):.3g} mg/mL: mask or clip them before planning"
            )
        if not (data > 0).any():
            raise InputError(f"{self.name}: there is no iron in the image: every voxel is zero")

    @property
    def mass_kg(self) -> float:
        return self.image.integral()

    @property
    def reach_m(self) -> float:
        """Distance to which the image smears iron: its width, or half a voxel's diagonal where that is not known."""
        return 0.5 * float(np.linalg.norm(self.image.spacing_m)) if self.fwhm_m is None else self.fwhm_m

    @property
    def uncertainty_kg_m3(self) -> Array:
        """Standard uncertainty of every voxel, calibration and noise."""
        return np.hypot(self.relative_uncertainty * self.image.data, self.noise_kg_m3)

    def mass_sd_kg(self, mass_kg: float, volume_m3: float) -> float:
        """Standard uncertainty of the iron of a region, calibration and noise."""
        noise = self.noise_kg_m3 * float(np.sqrt(volume_m3 * self.image.voxel_volume_m3))
        return float(np.hypot(self.relative_uncertainty * mass_kg, noise))

    def _repr_html_(self) -> str:
        spacing = " x ".join(f"{1e3 * s:.3g}" for s in self.image.spacing_m)
        known = self.relative_uncertainty > 0.0
        return card(
            self.name,
            [
                (
                    "iron",
                    f"{self.mass_kg * 1e6:.4g} mg" + (f" ± {100 * self.relative_uncertainty:.2g} %" if known else ""),
                ),
                ("highest", f"{float(self.image.data.max()):.4g} mg/mL"),
                ("voxels", f"{' x '.join(map(str, self.image.shape))} of {spacing} mm"),
                ("point-spread function", "not known" if self.fwhm_m is None else f"{self.fwhm_m * 1e3:.3g} mm FWHM"),
            ],
        )

    def __repr__(self) -> str:
        return f"IronMap({self.mass_kg * 1e6:.4g} mg Fe on {self.image.shape} voxels)"


def iron_of_concentration(
    image: Image, kg_m3_per_unit: float, *, unit: str, relative_uncertainty: float, name: str
) -> IronMap:
    """Iron of an image whose values are concentrations; complaints name the file and its unit."""
    check_iron(image, name, unit)
    data = np.asarray(image.data, float) * kg_m3_per_unit
    return IronMap(image.with_data(data), relative_uncertainty=relative_uncertainty, name=name)


def check_iron(image: Image, name: str, unit: str = "") -> None:
    """Refuse negative, non-finite and all-zero iron, in the unit that the file has."""
    good = np.isfinite(image.data) & (image.data >= 0)
    if not good.all():
        first = tuple(int(i) for i in np.argwhere(~good)[0])
        raise InputError(
            f"{name}: {int((~good).sum())} voxels are negative or not finite, "
            f"first {first} = {image.data[first]} {unit}".rstrip()
        )
    if not image.data.any():
        raise InputError(f"{name}: every voxel is zero: there is no iron to heat")
