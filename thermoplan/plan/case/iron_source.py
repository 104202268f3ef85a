"""Iron of a protocol's image: read, turned into iron, brought into the anatomy's frame, sharpened if asked for."""

from __future__ import annotations

from dataclasses import replace

from ...base.errors import InputError
from ...base.image import Image
from ...files.images.stated_units import refuse_other_unit
from ...files.images.volumes import read_volume
from ...files.tables.calibrations import read_fiducials
from ...imaging.calibrated_scan import calibrate_scan
from ...imaging.iron_map import IronMap, iron_of_concentration
from ...imaging.registration import Registration
from ...protocol import Protocol
from ...protocol.protocol import IronInput
from .image_blur import image_blur, sharpen_iron
from .scan_registration import find_registration


def read_iron(protocol: Protocol, notes: list[str]) -> tuple[IronMap, Registration | None]:
    """The iron of a protocol in the anatomy's frame, with its blur, and the registration that brought it there."""
    iron, registration = place_iron(protocol.iron, notes)
    iron = replace(iron, fwhm_m=image_blur(protocol, notes).fwhm_m)
    return sharpen_iron(iron, protocol, notes), registration


def place_iron(source: IronInput, notes: list[str]) -> tuple[IronMap, Registration | None]:
    """The iron of a scan in the anatomy's frame, and the registration that brought it there."""
    scan = read_volume(
        source.image,
        frame=source.frame,
        channel=source.channel,
        allow_shear=source.allow_shear,
        notes=notes,
    )
    if source.calibration is None and source.unit is not None:
        refuse_other_unit(scan, source.unit, name=source.image.name, where="[iron] unit")
    iron, registration = _convert_to_iron(source, scan, notes), find_registration(source, scan, notes)
    return iron if registration is None else replace(iron, image=iron.image.moved(registration.matrix_m)), registration


def _convert_to_iron(source: IronInput, scan: Image, notes: list[str]) -> IronMap:
    """The iron of a scan, in the scan's own frame: by its unit, or by its calibration."""
    name = source.image.name
    if source.calibration is None:
        if source.kg_m3_per_unit is None:
            raise InputError(f"{name}: its values have neither a unit nor a calibration")
        uncertainty, unit = source.uncertainty or 0.0, source.unit or ""
        return iron_of_concentration(
            scan, source.kg_m3_per_unit, unit=unit, relative_uncertainty=uncertainty, name=name
        )
    fiducials = read_fiducials(source.calibration)
    calibrated = calibrate_scan(scan, fiducials, rule=source.roi, names=(name, source.calibration.name))
    found = calibrated.quantified()
    notes += [f"{name}: {text}" for text in found.warnings]
    return replace(found.iron, name=name)
