"""Number of threads that BLAS may take."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import scipy.linalg  # noqa: F401  its BLAS must be loaded before its threads are limited
from threadpoolctl import threadpool_limits


def one_thread[**P, R](work: Callable[P, R]) -> Callable[P, R]:
    """Run a function with one thread of BLAS.

    Its products are many and small, so threads of BLAS cost more in waiting than they save, and on a shared machine
    twenty times more.
    """

    @wraps(work)
    def run_limited(*args: P.args, **kwargs: P.kwargs) -> R:
        with threadpool_limits(limits=1):
            return work(*args, **kwargs)

    return run_limited
