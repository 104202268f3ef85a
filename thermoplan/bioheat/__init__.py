"""Heat in the body: the problem, its matrices, the full and the reduced model in time, the energy audit."""

from __future__ import annotations

from .audit import EnergyAudit
from .evolve import evolve
from .problem import BioheatProblem, Boundary
from .reduced import ReducedModel, reduced_model
from .sequence import Cycle, Segment, cycles
from .system import ThermalSystem, steady_rise, thermal_system

__all__ = ["BioheatProblem", "Boundary", "Cycle", "EnergyAudit", "ReducedModel", "Segment", "ThermalSystem",
           "cycles", "evolve", "reduced_model", "steady_rise", "thermal_system"]
