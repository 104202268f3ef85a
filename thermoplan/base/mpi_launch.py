"""Detection of ``mpiexec`` from the environment; no message-passing library is loaded."""

from __future__ import annotations

import os

REMEDY = "pip install 'thermoplan[fem]' brings both, and its own mpiexec into the environment's bin folder"

_SIZES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE", "MPI_LOCALNRANKS")
_RANKS = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "MPI_LOCALRANKID")


def under_mpiexec() -> tuple[int, int]:
    """This process's rank and how many there are, as the environment has them; ``(0, 1)`` if it was started alone."""
    return _first_number(_RANKS, 0), _first_number(_SIZES, 1)


def _first_number(names: tuple[str, ...], otherwise: int) -> int:
    return next((int(os.environ[name]) for name in names if os.environ.get(name, "").isdigit()), otherwise)
