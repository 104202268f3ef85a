"""Heat in the body: the problem, its matrices, the full and the reduced model in time, the energy audit."""

from __future__ import annotations

from .accuracy import spatial_error_k
from .audit import EnergyAudit
from .coupled import evolve_coupled
from .evolve import evolve
from .feedback import Course, Feedback, PerfusionLaw, Together, feedback_of, perfusion_laws, settled
from .implicit import evolve_implicit
from .play import Choice, play, preferred
from .problem import BioheatProblem, Boundary, TemperatureCourse
from .quadratic import quadratic_feedback, quadratic_system
from .radiation import Radiation
from .reduced import ReducedModel, reduced_model
from .sequence import Cycle, Segment, after, cycles
from .stand import Keeping, Stand
from .system import ThermalSystem, steady_rise, thermal_system
from .vessels import Vessel, tube_m

__all__ = [
    "BioheatProblem", "Boundary", "Choice", "Course", "Cycle", "EnergyAudit", "Feedback", "Keeping", "PerfusionLaw",
    "Radiation", "ReducedModel", "Segment", "Stand", "TemperatureCourse", "ThermalSystem", "Together", "Vessel",
    "after", "cycles", "evolve", "evolve_coupled", "evolve_implicit", "feedback_of", "perfusion_laws", "play",
    "preferred", "quadratic_feedback", "quadratic_system", "reduced_model", "settled", "spatial_error_k",
    "steady_rise", "thermal_system", "tube_m",
]
