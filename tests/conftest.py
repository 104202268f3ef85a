"""What every test stands on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Before NumPy is loaded: on a shared machine threads of BLAS wait for each other far longer than they work.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(autouse=True, scope="session")
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Response tables are worked out anew in every run: a table kept from older code would hide a mistake."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THERMOPLAN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of published data, which stands beside the repository and belongs to others. Tests of it skip on a
    clone without it; where it stands, a file that is missing in it is a failure."""
    if not SHARED.is_dir():
        pytest.skip(f"{SHARED} is not there: this test reads published data from it")
    return SHARED


@pytest.fixture(scope="session")
def flank() -> Path:
    """The shipped protocol."""
    return Path(__file__).parents[1] / "protocols" / "mouse-flank.toml"


@pytest.fixture(scope="session")
def quick_mouse(flank):
    """The shipped mouse on its quick mesh, planned once for all tests."""
    from thermoplan.plan import make_plan

    return make_plan(flank, quick=True)
