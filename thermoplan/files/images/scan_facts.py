"""Scan facts (tracer, gradient, widths) kept beside an image where the format has a place for them [Knopp2016]."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from ...base.arrays import Array
from ...base.image import Image
from .mdf import write_mdf
from .suffixes import MDF, image_suffix
from .volumes import write_volume


@dataclass(frozen=True, slots=True, eq=False)
class ScanFacts:
    """Tracer, scanner and width of the blur along x, y, z; None or empty where not known.

    ``fwhm_m`` goes under a key of thermoplan's own, with the underscore that MDF asks of such keys.
    """

    tracer: str = ""
    scanner: str = ""
    topology: str = ""
    gradient_t_m: Array | None = None
    fwhm_m: Array | None = None
    simulated: bool = True


def write_scan(path: Path | str, image: Image, facts: ScanFacts, *, created: datetime | None = None) -> bool:
    """Write the image; whether its format keeps the facts (MDF does)."""
    path = Path(path)
    if image_suffix(path) != MDF[0]:
        write_volume(path, image)
        return False
    import h5py

    write_mdf(
        path,
        image,
        tracer=facts.tracer or "n.a.",
        scanner=facts.scanner or "n.a.",
        gradient_t_m=facts.gradient_t_m,
        created=created,
    )
    more: dict[str, object] = {"experiment/isSimulation": np.int8(facts.simulated)}
    if facts.topology:
        more["scanner/topology"] = facts.topology
    if facts.fwhm_m is not None:
        more["reconstruction/_fwhm"] = np.asarray(facts.fwhm_m, float)
    with h5py.File(path, "r+") as file:
        for key, value in more.items():
            if key in file:
                del file[key]
            file[key] = value
    return True
