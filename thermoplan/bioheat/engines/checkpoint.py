"""Checkpoint of an engine's run: the state to resume from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...base.arrays import Array, freeze, put


@dataclass(frozen=True, slots=True, eq=False)
class EngineState:
    """State of a run at a time.

    Parameters
    ----------
    temperature_c
        ``(n_dof,)``.
    pace_s
        Length of the step or stretch that the engine would take next, where it has one.
    """

    time_s: float
    temperature_c: Array
    pace_s: float = 0.0

    def __post_init__(self) -> None:
        put(self, time_s=float(self.time_s), temperature_c=freeze(self.temperature_c), pace_s=float(self.pace_s))


@dataclass(frozen=True, slots=True, eq=False)
class CheckpointPolicy:
    """Checkpoint to start from, None for the state before heating, and consumer of the checkpoints of a run.

    ``mark`` is called when every output up to that time has been taken. A run that starts from a checkpoint does the
    same as the run that made it; its first output is the state that it starts from.
    """

    start: EngineState | None = None
    mark: Callable[[EngineState], None] | None = None


NO_CHECKPOINT = CheckpointPolicy()
"""From the state before heating, and no checkpoint is made."""
