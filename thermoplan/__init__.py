"""thermoplan: plans MPI-guided magnetic hyperthermia.

The map, in flow order; nothing is loaded before it is asked for.

    read_protocol                               a protocol file -> Protocol
    read_volume, standard_curve, quantified     an MPI image -> milligrams of iron, with an error bar
    scanned, deblurred                          a known distribution -> its MPI image; and some of the way back
    rigid_from_landmarks, rigid_from_images     a scan -> the anatomy's frame
    IronMap, iron_on_mesh                       where the iron is -> the same iron in a mesh
    Anatomy, mesh_labels                        labelled volume -> tetrahedra with named regions
    Tracer, Device, and a library of each       what heats, and what drives it
    slp_point, ffr_profile                      what one point heats; how large the field-free region is
    heating_basis                               power of every position of the field-free region
    thermal_system, evolve                      the bioheat equation, exact in time
    reduced_model, optimize_shares, sequence    the search, and what a machine can play
    heating_problem, Heat                       for one's own optimizer (docs/bring-your-own-optimizer.md)
    make_plan, simulate                         all of it, from a protocol to a Plan
    write_report                                a run folder -> one page
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_HOMES = {
    "read_protocol": "protocol", "Protocol": "protocol",
    "read_volume": "files.volumes", "read_fiducials": "files.calibrations", "in_view": "fiducials",
    "fiducial_readings": "fiducials", "standard_curve": "calibration", "quantified": "quantify", "scanned": "scanner",
    "Fiducial": "fiducials", "StandardCurve": "calibration", "background_of": "background", "roi_rule": "roi",
    "GaussianPsf": "psf", "tracer_psf": "psf", "deblurred": "deblur", "Reading": "calibration",
    "Landmarks": "registration", "Registration": "registration", "rigid_from_landmarks": "registration",
    "rigid_from_images": "registration.intensity", "fitted_core": "psf",
    "Image": "image", "IronMap": "iron", "iron_on_mesh": "iron",
    "Anatomy": "anatomy", "MeshSizes": "meshing", "mesh_labels": "meshing",
    "Tracer": "tracer", "slp_w_kg": "tracer", "Device": "device",
    "library_tracers": "library", "library_devices": "library", "slp_point": "focus", "ffr_profile": "focus",
    "gradient_for_t_m": "focus",
    "Column": "sar", "HeatingBasis": "sar", "heating_basis": "sar", "ffr_widths_m": "sar",
    "response_table": "response", "eddy_power": "eddy", "tissue_table": "tissue",
    "BioheatProblem": "bioheat", "thermal_system": "bioheat", "evolve": "bioheat",
    "reduced_model": "bioheat.reduced", "cem43_min": "dose", "Goal": "goals",
    "heating_problem": "plan.problem", "Heat": "search.heat", "ReducedModel": "bioheat.reduced",
    "optimize_shares": "optimize", "sequence": "trajectory", "Trajectory": "trajectory",
    "Plan": "plan", "Run": "plan", "make_plan": "plan", "simulate": "plan", "write_report": "report",
    "printed": "progress",
    "InputError": "errors", "SolverError": "errors", "ThermoplanError": "errors",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"thermoplan has no {name}; it has {', '.join(__all__)}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
