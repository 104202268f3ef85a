"""How many threads BLAS may take."""

from __future__ import annotations

import scipy.linalg  # noqa: F401  its BLAS must be loaded before threads are limited
from threadpoolctl import threadpool_limits

one_thread = threadpool_limits.wrap(limits=1)
"""Of a function: its products are many and small, so threads of BLAS cost more in waiting than they save, and
on a shared machine twenty times more."""
