"""Words of meshio: it prints why a file cannot be read, and then ends the process."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator

_LAST_WORDS = "Couldn't read file"


@contextlib.contextmanager
def meshio_words() -> Iterator[None]:
    """Keep meshio silent and the process alive: what it printed becomes the message of a `meshio.ReadError`."""
    import meshio

    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            yield
    except SystemExit:
        raise meshio.ReadError(_reason(said.getvalue())) from None


def _reason(said: str) -> str:
    """Reason in one line; that the file could not be read at all is said only where nothing else is."""
    words = " ".join(said.split())
    reason, _, _ = words.partition(_LAST_WORDS)
    return reason.removesuffix("Error: ").removesuffix("ERROR: ").strip(" :") or "meshio does not say why"
