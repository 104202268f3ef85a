"""Heat in the body: the problem, its matrices, the full and the reduced model in time, the energy audit."""

from __future__ import annotations

from .audit import EnergyAudit
from .engines.checkpoint import CheckpointPolicy, EngineState
from .engines.coupled import evolve_coupled
from .engines.dispatch import Choice, play_sequence, preferred
from .engines.evolve import evolve
from .engines.implicit import evolve_implicit
from .engines.reduced import ReducedModel, reduced_model
from .feedback import CourseFeedback, Feedback, PerfusionFeedback, Together, feedback_of, perfusion_laws, settled
from .load_sequence import Cycle, Segment, after, cycles
from .problem import BioheatProblem, Boundary, TemperatureCourse
from .quadratic_system import quadratic_feedback, quadratic_system
from .radiation import Radiation
from .spatial_error import spatial_error_k
from .system import ThermalSystem, steady_rise, thermal_system
from .vessels import Vessel, tube_m

__all__ = [
    "BioheatProblem",
    "Boundary",
    "CheckpointPolicy",
    "Choice",
    "CourseFeedback",
    "Cycle",
    "EnergyAudit",
    "EngineState",
    "Feedback",
    "PerfusionFeedback",
    "Radiation",
    "ReducedModel",
    "Segment",
    "TemperatureCourse",
    "ThermalSystem",
    "Together",
    "Vessel",
    "after",
    "cycles",
    "evolve",
    "evolve_coupled",
    "evolve_implicit",
    "feedback_of",
    "perfusion_laws",
    "play_sequence",
    "preferred",
    "quadratic_feedback",
    "quadratic_system",
    "reduced_model",
    "settled",
    "spatial_error_k",
    "steady_rise",
    "thermal_system",
    "tube_m",
]
