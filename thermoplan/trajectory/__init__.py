"""A deliverable sequence: where the field-free region goes, when, how hard, and what a machine allows."""

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
