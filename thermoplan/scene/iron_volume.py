"""Volume rendering of the image's iron: the more of it, the darker."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..base.errors import InputError
from ..files.images.nifti import read_nifti
from ..report.palette import INK, MUTED
from .stage import LegendRow, Stage


def draw_iron_volume(stage: Stage) -> Iterator[LegendRow]:
    """The run's map of iron, cut to where there is any."""
    path = stage.run / "maps" / "iron.nii.gz"
    if not path.is_file():
        raise InputError(f"{path}: not found: it is what is drawn as a volume; plan again, or show the iron as points")
    image = read_nifti(path)
    high = float(image.data.max())
    found = np.argwhere(image.data > 0.02 * high)
    if high <= 0.0 or not len(found):
        return
    low, top = np.maximum(found.min(axis=0) - 1, 0), found.max(axis=0) + 2
    values = image.data[tuple(slice(a, b) for a, b in zip(low, top, strict=True))]
    grid = stage.pyvista.ImageData(
        dimensions=values.shape, spacing=1e3 * np.diag(image.affine_m)[:3], origin=1e3 * image.positions_m(low)
    )
    grid["iron_mg_ml"] = values.ravel(order="F").astype(np.float32)
    actor = stage.plotter.add_volume(
        grid,
        scalars="iron_mg_ml",
        cmap=[MUTED, INK],
        clim=(0.0, high),
        name="iron",
        opacity=[0.0, 0.1, 0.2, 0.3, 0.4],
        opacity_unit_distance=2.0,
        show_scalar_bar=False,
        shade=False,
        pickable=False,
    )
    actor.prop.interpolation_type = "linear"
    yield f"iron, up to {high:.2g} mg/mL", INK
