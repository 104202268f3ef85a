"""Deliverable sequences: positions of the field-free region, stops in time, and the limits of a machine."""

from .positions import candidate_positions
from .sequence import Rhythm, Sequenced, sequence
from .stops import CycleBlock, Stop, Trajectory, limit_violations, move_s

__all__ = [
    "CycleBlock",
    "Rhythm",
    "Sequenced",
    "Stop",
    "Trajectory",
    "candidate_positions",
    "limit_violations",
    "move_s",
    "sequence",
]
