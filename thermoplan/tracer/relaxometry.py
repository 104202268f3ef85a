"""Imaging figures of a tracer, from relaxometry or a scanner; they describe, and do not enter the physics."""

from __future__ import annotations

from dataclasses import dataclass

from ..base.errors import InputError


@dataclass(frozen=True, slots=True)
class Relaxometry:
    """Figures of relaxometry or of a scanner; None or empty where one is not known.

    Parameters
    ----------
    fwhm_t
        Full width at half maximum of the point-spread function, as a field.
    sensitivity, sensitivity_unit
        Signal per iron: a number, and its unit in words, since instruments have units of their own.
    magnetic_diameters_m
        Magnetic size, or the sizes of a bimodal distribution, as measured.
    diameter_m, diameter_source
        Hydrodynamic diameter, and its source.
    """

    fwhm_t: float | None = None
    sensitivity: float | None = None
    sensitivity_unit: str = ""
    magnetic_diameters_m: tuple[float, ...] = ()
    diameter_m: float | None = None
    diameter_source: str = ""
    instrument: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "magnetic_diameters_m", tuple(self.magnetic_diameters_m))
        numbers = {
            "fwhm": self.fwhm_t,
            "sensitivity": self.sensitivity,
            "diameter": self.diameter_m,
            **{f"magnetic_diameters[{i}]": d for i, d in enumerate(self.magnetic_diameters_m)},
        }
        faults = [
            f"imaging.{key} = {value:g}: expected more than zero"
            for key, value in numbers.items()
            if value is not None and not value > 0.0
        ]
        if self.sensitivity is not None and not self.sensitivity_unit:
            faults.append('imaging.sensitivity_unit: missing: expected a unit in words, such as "mV/mg Fe"')
        if faults:
            raise InputError(faults)

    def __str__(self) -> str:
        sizes = " and ".join(f"{d * 1e9:g}" for d in self.magnetic_diameters_m)
        parts = (
            f"FWHM {self.fwhm_t * 1e3:g} mT" if self.fwhm_t is not None else "",
            f"sensitivity {self.sensitivity:g} {self.sensitivity_unit}" if self.sensitivity else "",
            f"magnetic size {sizes} nm" if sizes else "",
            f"hydrodynamic {self.diameter_m * 1e9:g} nm ({self.diameter_source or 'source not said'})"
            if self.diameter_m is not None
            else "",
            self.instrument,
            f"[{self.reference}]" if self.reference else "",
        )
        return "; ".join(filter(None, parts))
