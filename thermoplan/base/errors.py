"""Exceptions, one exit code each; every message says file, key, value and remedy."""

from __future__ import annotations

from collections.abc import Iterable


class ThermoplanError(Exception):
    """Root of the family; the command line prints it without a traceback."""

    exit_code = 1


class InputError(ThermoplanError):
    """The input cannot be used; carries every complaint, not only the first."""

    exit_code = 2

    def __init__(self, complaints: str | Iterable[str]) -> None:
        self.complaints = (complaints,) if isinstance(complaints, str) else tuple(complaints)
        super().__init__("\n".join(self.complaints))


class SolverError(ThermoplanError):
    """A solver or optimizer did not converge; the message has iterations and residual."""

    exit_code = 4


class Interrupted(ThermoplanError):
    """Stopped by the user, with something to go on from; the message says how."""

    exit_code = 130


class MissingPart(ThermoplanError):
    """An optional part is not installed; the message has the command that installs it."""

    exit_code = 2
