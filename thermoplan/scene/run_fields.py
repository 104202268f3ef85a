"""Inputs of a scene from a run folder: the drawing library, the fields and the names of the regions."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ..base.errors import InputError, MissingPart
from ..base.installation import VTK_LIBRARIES, install_line, lacking
from ..files.meshes.vtu import decode_words
from ..report.formats import at

if TYPE_CHECKING:
    import pyvista as pv

    from ..files.run.plan_record import PlanRecord


INSTALL = "pip install 'thermoplan[view]'"


def import_pyvista(off_screen: bool) -> ModuleType:
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


def read_fields(library: ModuleType, run: Path) -> pv.UnstructuredGrid:
    """The run's mesh and fields, moved to millimetres."""
    for name in ("fields.vtu", "fields.vtkhdf"):
        if (run / name).is_file():
            body: pv.UnstructuredGrid = library.read(run / name).scale(1e3)
            return body
    raise InputError(f"{run / 'fields.vtu'}: not found: plan again, or give the folder that `thermoplan plan` wrote")


def region_names(body: pv.UnstructuredGrid, plan: PlanRecord) -> tuple[str, ...]:
    """Names of the regions by their numbers on the elements, else in the order of the plan."""
    if "region_names" in body.field_data:
        return decode_words(body.field_data["region_names"])
    return tuple(at(plan, "regions", {}))
