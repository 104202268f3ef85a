"""A run that the full model verified, before its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ...goals import Resolved
from ...trajectory import Trajectory
from ..case.heating_model import HeatingModel
from .outcome import Outcome

if TYPE_CHECKING:
    from ...bioheat.ranks.crew import Crew  # loads MPI


@dataclass(frozen=True, slots=True, eq=False)
class VerifiedRun:
    """A trajectory, and its outcome by the full model; ``quick`` on a coarse mesh.

    ``resolved`` is None without goals; ``prediction_k`` is the gap to the search's model, None without a search;
    ``interrupted`` tells that the search was; ``crew`` are the ranks that shared the work, None for one process.
    """

    kind: Literal["plan", "simulate"]
    quick: bool
    heating_model: HeatingModel
    trajectory: Trajectory
    outcome: Outcome
    resolved: Resolved | None
    notes: Sequence[str] = ()
    prediction_k: float | None = None
    interrupted: bool = False
    crew: Crew | None = None
