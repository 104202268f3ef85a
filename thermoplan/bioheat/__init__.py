"""Heat in the body: the problem, its terms and matrices, the full and the reduced model in time, the energy audit."""

from __future__ import annotations

from .assembly import feedback_of, steady_system, thermal_system
from .audit import EnergyAudit
from .engines.checkpoint import CheckpointPolicy, EngineState
from .engines.coupled import evolve_coupled
from .engines.dispatch import EngineChoice, choose_engine, play_sequence
from .engines.evolve import evolve
from .engines.implicit import evolve_implicit
from .engines.reduced import ReducedModel, reduced_model
from .engines.regulated import play_with_warming
from .equilibrium import settle, settle_warming, steady_rise
from .feedback import CourseFeedback, Feedback, FeedbackSum, PerfusionFeedback
from .load_sequence import Cycle, Segment, after, cycles
from .problem import BioheatProblem, Boundary, TemperatureCourse, Warming
from .radiation import RadiationFeedback
from .spatial_error import spatial_error_k
from .system import ThermalSystem
from .terms import TERMS, HeatTerm, active_terms
from .vessels import Vessel, tube_m
from .warming_law import WarmingFeedback, split_warming

__all__ = [
    "TERMS",
    "BioheatProblem",
    "Boundary",
    "CheckpointPolicy",
    "CourseFeedback",
    "Cycle",
    "EnergyAudit",
    "EngineChoice",
    "EngineState",
    "Feedback",
    "FeedbackSum",
    "HeatTerm",
    "PerfusionFeedback",
    "RadiationFeedback",
    "ReducedModel",
    "Segment",
    "TemperatureCourse",
    "ThermalSystem",
    "Vessel",
    "Warming",
    "WarmingFeedback",
    "active_terms",
    "after",
    "choose_engine",
    "cycles",
    "evolve",
    "evolve_coupled",
    "evolve_implicit",
    "feedback_of",
    "play_sequence",
    "play_with_warming",
    "reduced_model",
    "settle",
    "settle_warming",
    "spatial_error_k",
    "split_warming",
    "steady_rise",
    "steady_system",
    "thermal_system",
    "tube_m",
]
