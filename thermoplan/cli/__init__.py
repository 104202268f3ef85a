"""The command line: verbs, progress, exit codes. No physics and no arithmetic here."""

from __future__ import annotations

import sys
import traceback

from ..errors import ThermoplanError

from . import planning, results, imaging, heating, system  # isort: skip  # noqa: F401  each registers its verbs, in this order
from .app import app


def main() -> None:
    """Run a verb; a mistake of the user's costs a message, never a traceback."""
    try:
        app()
    except ThermoplanError as error:
        print(error, file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("interrupted: nothing was written", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(1) from None
    except Exception:
        traceback.print_exc()
        print("this is a bug in thermoplan: please report it with the lines above", file=sys.stderr)
        raise SystemExit(1) from None
