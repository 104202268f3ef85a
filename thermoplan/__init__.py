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
from typing import TYPE_CHECKING

__version__ = "0.2.0"

if TYPE_CHECKING:
    from .anatomy.anatomy import Anatomy
    from .anatomy.meshing.build import mesh_labels
    from .anatomy.meshing.mesh_sizes import MeshSizes
    from .anatomy.tissue import tissue_table
    from .base.errors import InputError, SolverError, ThermoplanError
    from .base.image import Image
    from .base.progress import print_progress
    from .bioheat.assembly import thermal_system
    from .bioheat.engines.evolve import evolve
    from .bioheat.engines.reduced import ReducedModel, reduced_model
    from .bioheat.problem import BioheatProblem
    from .device.device import Device
    from .files.images.volumes import read_volume
    from .files.tables.calibrations import read_fiducials
    from .goals.dose import cem43_min
    from .goals.goal import Goal
    from .imaging.background import background_of
    from .imaging.calibration import Reading, StandardCurve, standard_curve
    from .imaging.deblur import deblur_image
    from .imaging.fiducials import Fiducial, fiducial_readings, in_view
    from .imaging.iron_map import IronMap
    from .imaging.psf.core_fit import fit_core
    from .imaging.psf.kinds import GaussianPsf
    from .imaging.psf.tracer_psf import tracer_psf
    from .imaging.quantification import quantify_image
    from .imaging.registration.intensity import rigid_from_images
    from .imaging.registration.registration import Landmarks, Registration
    from .imaging.registration.rigid import rigid_from_landmarks
    from .imaging.roi import roi_rule
    from .imaging.scanner import simulate_scan
    from .optimize.priorities import optimize_shares
    from .optimize.program.modal_heat import ModalHeat
    from .plan import make_plan, simulate
    from .plan.result import Plan, Run
    from .plan.steering.search_problem import heating_problem
    from .power.eddy import eddy_power
    from .power.ffr import ffr_profile, ffr_widths_m, gradient_for_t_m
    from .power.heating_basis import Column, HeatingBasis, heating_basis
    from .power.heating_warnings import focus_remarks
    from .power.mesh_iron import iron_on_mesh
    from .power.slp_point import slp_point
    from .protocol.library import library_devices, library_tracers
    from .protocol.protocol import Protocol
    from .protocol.read import read_protocol
    from .report import write_report
    from .tracer.response import response_table
    from .tracer.tracer import Tracer, slp_w_kg
    from .trajectory.sequence import sequence
    from .trajectory.stops import Trajectory

    # Earlier names, kept importable.
    Heat = ModalHeat
    deblurred = deblur_image
    fitted_core = fit_core
    printed = print_progress
    quantified = quantify_image
    scanned = simulate_scan

__all__ = [
    "Anatomy",
    "BioheatProblem",
    "Column",
    "Device",
    "Fiducial",
    "GaussianPsf",
    "Goal",
    "Heat",
    "HeatingBasis",
    "Image",
    "InputError",
    "IronMap",
    "Landmarks",
    "MeshSizes",
    "ModalHeat",
    "Plan",
    "Protocol",
    "Reading",
    "ReducedModel",
    "Registration",
    "Run",
    "SolverError",
    "StandardCurve",
    "ThermoplanError",
    "Tracer",
    "Trajectory",
    "background_of",
    "cem43_min",
    "deblur_image",
    "deblurred",
    "eddy_power",
    "evolve",
    "ffr_profile",
    "ffr_widths_m",
    "fiducial_readings",
    "fit_core",
    "fitted_core",
    "focus_remarks",
    "gradient_for_t_m",
    "heating_basis",
    "heating_problem",
    "in_view",
    "iron_on_mesh",
    "library_devices",
    "library_tracers",
    "make_plan",
    "mesh_labels",
    "optimize_shares",
    "print_progress",
    "printed",
    "quantified",
    "quantify_image",
    "read_fiducials",
    "read_protocol",
    "read_volume",
    "reduced_model",
    "response_table",
    "rigid_from_images",
    "rigid_from_landmarks",
    "roi_rule",
    "scanned",
    "sequence",
    "simulate",
    "simulate_scan",
    "slp_point",
    "slp_w_kg",
    "standard_curve",
    "thermal_system",
    "tissue_table",
    "tracer_psf",
    "write_report",
]

# Public name -> the module that defines it, and its name there where that differs.
_HOMES = {
    "Anatomy": "anatomy.anatomy",
    "BioheatProblem": "bioheat.problem",
    "Column": "power.heating_basis",
    "Device": "device.device",
    "Fiducial": "imaging.fiducials",
    "GaussianPsf": "imaging.psf.kinds",
    "Goal": "goals.goal",
    "Heat": "optimize.program.modal_heat:ModalHeat",
    "HeatingBasis": "power.heating_basis",
    "Image": "base.image",
    "InputError": "base.errors",
    "IronMap": "imaging.iron_map",
    "Landmarks": "imaging.registration.registration",
    "MeshSizes": "anatomy.meshing.mesh_sizes",
    "ModalHeat": "optimize.program.modal_heat",
    "Plan": "plan.result",
    "Protocol": "protocol.protocol",
    "Reading": "imaging.calibration",
    "ReducedModel": "bioheat.engines.reduced",
    "Registration": "imaging.registration.registration",
    "Run": "plan.result",
    "SolverError": "base.errors",
    "StandardCurve": "imaging.calibration",
    "ThermoplanError": "base.errors",
    "Tracer": "tracer.tracer",
    "Trajectory": "trajectory.stops",
    "background_of": "imaging.background",
    "cem43_min": "goals.dose",
    "deblur_image": "imaging.deblur",
    "deblurred": "imaging.deblur:deblur_image",
    "eddy_power": "power.eddy",
    "evolve": "bioheat.engines.evolve",
    "ffr_profile": "power.ffr",
    "ffr_widths_m": "power.ffr",
    "fiducial_readings": "imaging.fiducials",
    "fit_core": "imaging.psf.core_fit",
    "fitted_core": "imaging.psf.core_fit:fit_core",
    "focus_remarks": "power.heating_warnings",
    "gradient_for_t_m": "power.ffr",
    "heating_basis": "power.heating_basis",
    "heating_problem": "plan.steering.search_problem",
    "in_view": "imaging.fiducials",
    "iron_on_mesh": "power.mesh_iron",
    "library_devices": "protocol.library",
    "library_tracers": "protocol.library",
    "make_plan": "plan",
    "mesh_labels": "anatomy.meshing.build",
    "optimize_shares": "optimize.priorities",
    "print_progress": "base.progress",
    "printed": "base.progress:print_progress",
    "quantified": "imaging.quantification:quantify_image",
    "quantify_image": "imaging.quantification",
    "read_fiducials": "files.tables.calibrations",
    "read_protocol": "protocol.read",
    "read_volume": "files.images.volumes",
    "reduced_model": "bioheat.engines.reduced",
    "response_table": "tracer.response",
    "rigid_from_images": "imaging.registration.intensity",
    "rigid_from_landmarks": "imaging.registration.rigid",
    "roi_rule": "imaging.roi",
    "scanned": "imaging.scanner:simulate_scan",
    "sequence": "trajectory.sequence",
    "simulate": "plan",
    "simulate_scan": "imaging.scanner",
    "slp_point": "power.slp_point",
    "slp_w_kg": "tracer.tracer",
    "standard_curve": "imaging.calibration",
    "thermal_system": "bioheat.assembly",
    "tissue_table": "anatomy.tissue",
    "tracer_psf": "imaging.psf.tracer_psf",
    "write_report": "report",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"thermoplan has no {name}; it has {', '.join(__all__)}")
    module, _, inner_name = _HOMES[name].partition(":")
    return getattr(import_module(f"{__name__}.{module}"), inner_name or name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
