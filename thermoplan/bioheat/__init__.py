"""Heat in the body: the problem, its matrices, the full and the reduced model in time, the energy audit."""

from __future__ import annotations

from .audit import EnergyAudit
from .evolve import evolve
from .feedback import AirCourse, PerfusionLaw, Radiation, Together, perfusion_laws, settled
from .implicit import evolve_implicit
from .play import play, preferred
from .problem import BioheatProblem, Boundary
from .reduced import ReducedModel, reduced_model
from .sequence import Cycle, Segment, cycles
from .system import ThermalSystem, steady_rise, thermal_system

__all__ = [
    "AirCourse", "BioheatProblem", "Boundary", "Cycle", "EnergyAudit", "PerfusionLaw", "Radiation", "ReducedModel",
    "Segment", "ThermalSystem", "Together", "cycles", "evolve", "evolve_implicit", "perfusion_laws",
    "play", "preferred", "reduced_model", "settled", "steady_rise", "thermal_system",
]
