"""Inputs of a scene from a run folder: the drawing library, the fields and the names of the regions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..base.errors import InputError, MissingPart
from ..base.installation import VTK_LIBRARIES, install_line, lacking
from ..report.formats import at

if TYPE_CHECKING:
    import pyvista as pv


INSTALL = "pip install 'thermoplan[view]'"


def pyvista(off_screen: bool) -> Any:
    """PyVista, once it is sure that drawing cannot bring the process down for want of a library."""
    if off_screen and (packages := lacking(VTK_LIBRARIES)):
        raise MissingPart(f"drawing needs libraries that are not here: {install_line(packages)}")
    try:
        import pyvista as pv
        from vtkmodules.vtkCommonCore import vtkLogger
    except ImportError as error:
        raise MissingPart(f"the 3D scene needs PyVista and VTK ({error}): {INSTALL}") from None
    vtkLogger.SetStderrVerbosity(vtkLogger.VERBOSITY_ERROR)
    return pv


def fields(pv: Any, run: Path) -> pv.UnstructuredGrid:
    """The run's mesh and fields, moved to millimetres."""
    for name in ("fields.vtu", "fields.vtkhdf"):
        if (run / name).is_file():
            result: pv.UnstructuredGrid = pv.read(run / name).scale(1e3)
            return result
    raise InputError(f"{run / 'fields.vtu'}: not found: plan again, or give the folder that `thermoplan plan` wrote")


def region_names(body: pv.UnstructuredGrid, plan: Mapping[str, Any]) -> tuple[str, ...]:
    if "region_names" in body.field_data:
        return tuple(str(name) for name in body.field_data["region_names"])
    return tuple(at(plan, "regions", {}))
