"""The command line: verbs, progress, exit codes. No physics and no arithmetic here."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable

from ..base.errors import InputError, Interrupted, ThermoplanError
from ..base.mpi_launch import under_mpiexec

from . import planning, results, imaging, heating, self_checks  # isort: skip  # noqa: F401  each registers its verbs, in this order
from .app import INTERRUPTED, app


def main() -> None:
    """Run a verb; a mistake of the user's costs a message, never a traceback."""
    if under_mpiexec()[1] > 1:
        _tell_errors(_among_ranks)
    else:
        _tell_errors(app)


def _among_ranks() -> None:
    """Under mpiexec rank 0 alone reads, speaks and writes; the others help it."""
    rank, count = under_mpiexec()
    if next((word for word in sys.argv[1:] if not word.startswith("-")), None) != "simulate":
        if rank:
            raise SystemExit(InputError.exit_code)
        raise InputError(f"mpiexec started {count} ranks: only simulate can use them; run other verbs without mpiexec")
    from ..bioheat.ranks.crew import among_ranks

    among_ranks(lambda crew: _tell_errors(lambda: app(obj=crew)))


def _tell_errors(work: Callable[[], object]) -> None:
    """Do it, and tell what went wrong."""
    try:
        work()
    except ThermoplanError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        raise SystemExit(Interrupted.exit_code) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
    except OSError as problem:
        if problem.filename is None:
            raise
        print(f"{problem.filename}: {problem.strerror}; make room, or choose another place", file=sys.stderr)
        raise SystemExit(InputError.exit_code) from None
    except Exception:
        traceback.print_exc()
        print("this is a bug in thermoplan: please report it with the lines above", file=sys.stderr)
        raise SystemExit(1) from None
