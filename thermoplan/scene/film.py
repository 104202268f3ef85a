"""Film of a session: the fields over time while the camera goes slowly round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..base.errors import InputError, MissingPart
from ..base.progress import Listener, silent
from .live_scene import LiveScene
from .run_fields import INSTALL
from .stage import ViewOptions

SIZE = (960, 720)
"""Sides are multiples of 16, as the coding of films wants them."""
# Turn of the camera over the film: enough for the eye to see depth; twice as much shows the body from its side.
SWEEP_DEG = 40.0
# Room about the picture, so that the arrows at the edge stay in it as the camera turns.
_ZOOM_OUT = 0.93
_KINDS = (".mp4", ".gif")


def write_film(
    run: Path,
    path: Path,
    options: ViewOptions | None = None,
    *,
    seconds: float = 10.0,
    rate_hz: float = 12.0,
    listener: Listener = silent,
) -> Path:
    """Write the session as ``.mp4`` or ``.gif``, ``seconds`` long."""
    path = Path(path)
    if path.suffix.lower() not in _KINDS:
        raise InputError(f"{path}: cannot write this kind of film; expected {' or '.join(_KINDS)}")
    if not path.resolve().parent.is_dir():
        raise InputError(f"{path}: its folder is not there; make it, or choose another place")
    live = LiveScene(run, replace(options or ViewOptions(), size=SIZE))
    try:
        _write_pictures(path, film_pictures(live, max(2, round(seconds * rate_hz)), listener), rate_hz)
    finally:
        live.close()
    return path


def film_pictures(live: LiveScene, count: int, listener: Listener = silent) -> Iterator[NDArray[np.uint8]]:
    """Pictures at even steps of the session; the camera ends as far to one side as it began to the other."""
    first, last = live.session.span_s
    live.plotter.camera.zoom(_ZOOM_OUT)
    live.plotter.camera.azimuth = -SWEEP_DEG / 2.0
    for k, time_s in enumerate(np.linspace(first, last, count)):
        live.to(time_s)
        yield live.picture()
        live.plotter.camera.azimuth += SWEEP_DEG / max(count - 1, 1)
        listener("film", (k + 1) / count, f"{k + 1} of {count} pictures")


def _write_pictures(path: Path, pictures: Iterator[NDArray[np.uint8]], rate_hz: float) -> None:
    try:
        import imageio.v2 as imageio

        options = (
            {"fps": rate_hz, "codec": "libx264", "quality": 7}
            if path.suffix.lower() == ".mp4"
            else {"duration": 1000.0 / rate_hz, "loop": 0}
        )
        writer: Any  # imageio's annotations name a base class that has not the writer's own methods
        with imageio.get_writer(path, **options) as writer:
            for picture in pictures:
                writer.append_data(picture)
    except ImportError as error:
        raise MissingPart(f"a film needs imageio and imageio-ffmpeg ({error}): {INSTALL}") from None
    except OSError as problem:
        raise InputError(f"{path}: cannot be written: {problem}; choose another place") from problem
