"""Conjugate gradients with Jacobi's preconditioner, for steady states."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.linalg import LinearOperator, cg

from ...base.arrays import Array
from ...base.errors import SolverError

BASE_RTOL = 1e-11
"""Relative residual of states that plans are compared by digit by digit; twice as much saves an iteration in fifty."""
BASE_ITERATIONS = 20_000
"""Most iterations, many times what any mesh takes; twice as many would only delay the message for a singular matrix."""
DRIFT = 100.0
"""Residuals that the recurrence may have lost against the true one by rounding before it counts as a failure."""


def solve_cg(matrix: csr_array, load: Array, *, rtol: float = BASE_RTOL) -> Array:
    """Solution ``(n,)``; raises with iterations and residual if it does not get there."""
    diagonal = matrix.diagonal()
    jacobi = LinearOperator(matrix.shape, matvec=lambda r: r / diagonal, dtype=float)
    iterations: list[None] = []
    found, failed = cg(
        matrix,
        load,
        rtol=rtol,
        maxiter=BASE_ITERATIONS,
        M=jacobi,
        callback=lambda _: iterations.append(None),
    )
    residual = np.linalg.norm(load - matrix @ found) / np.linalg.norm(load)
    if failed or not residual <= DRIFT * rtol:
        raise SolverError(
            f"conjugate gradients: residual {residual:.2e} after {len(iterations)} iterations, wanted {rtol:.0e}"
        )
    result: Array = found
    return result
