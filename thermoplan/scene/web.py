"""Page of the scene in a browser, drawn here and sent as pictures through trame; it answers this machine alone."""

from __future__ import annotations

import socket
import uuid
import webbrowser
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..base.arrays import Array
from ..base.errors import InputError, MissingPart
from ..report.formats import at
from .live_scene import PARTS, WORDS, LiveScene
from .run_fields import INSTALL
from .stage import ViewOptions
from .web_access import WebAccess

HOST = "127.0.0.1"
SIZE = (1200, 880)
# A press and a release further apart are a drag: a hand moves a pixel or two in a click; with twice as much a small
# turn of the scene would read.
CLICK_PX = 4.0
_CLIPS = [
    {"title": "no cut", "value": ""},
    *(
        {"title": f"cut what is {words}", "value": axis}
        for axis, words in (("R", "to the right"), ("A", "in front"), ("S", "above"))
    ),
]


def serve(
    run: Path, options: ViewOptions | None = None, *, port: int = 8081, tell: Callable[[str], None] = print
) -> None:
    """Serve the scene at this machine's own address until interrupted; with port 0 the system picks one.

    The address that ``tell`` gets holds a secret of this start: only who has it sees the scene.
    """
    _refuse_taken_port(port)
    live = LiveScene(run, replace(options or ViewOptions(), size=SIZE), both=True)
    access = WebAccess()
    try:
        server = build_application(live)
        server.controller.on_server_bind.add(lambda web: access.bind(server.protocol, web))
        server.controller.on_server_ready.add(lambda **_: _open(access.address(HOST, server.port), tell))
        # trame would print and open an address without the secret
        server.start(host=HOST, port=port, open_browser=False, show_connection_info=False, timeout=0)
    finally:
        live.close()


def _open(address: str, tell: Callable[[str], None]) -> None:
    tell(f"the scene, until Ctrl-C, at this address alone (to load it again, open the whole of it):\n{address}")
    webbrowser.open(address)


def _refuse_taken_port(port: int) -> None:
    try:
        socket.create_server((HOST, port)).close()
    except OSError as problem:
        raise InputError(f"--port {port}: cannot be listened on: {problem.strerror}; choose another, or 0") from problem


def build_application(live: LiveScene) -> Any:
    """Server with its page and the actions of its controls."""
    try:
        from trame.app import get_server
        from trame.ui.vuetify3 import SinglePageLayout
        from trame.widgets import vtk as views
        from trame.widgets import vuetify3 as v3
    except ImportError as error:
        raise MissingPart(f"the scene's page needs trame ({error}): {INSTALL}") from None
    server = get_server(f"thermoplan-{uuid.uuid4()}", client_type="vue3")
    _connect_controls(server, live)
    name = str(at(live.stage.plan, "name", "run"))
    first, last = (time_s / 60.0 for time_s in live.session.span_s)
    with SinglePageLayout(server, theme="light") as page:
        page.title.set_text(f"{name}: thermoplan")
        page.icon.hide()
        page.footer.hide()
        with page.toolbar as bar:
            bar.density = "compact"
            with v3.VContainer(classes="d-flex align-center ga-4 py-0", fluid=True):
                v3.VSlider(
                    v_model=("minutes", live.time_s / 60.0),
                    min=first,
                    max=last,
                    step=0.1,
                    label="time, min",
                    hide_details=True,
                    thumb_label=True,
                    style="min-width: 260px",
                )
                v3.VSelect(
                    v_model=("clip", ""),
                    items=("clips", _CLIPS),
                    density="compact",
                    hide_details=True,
                    aria_label="cut",
                    style="max-width: 210px",
                )
                v3.VSlider(
                    v_model=("depth", 0.5),
                    min=0,
                    max=1,
                    step=0.01,
                    label="cut at",
                    hide_details=True,
                    disabled=("!clip",),
                    style="min-width: 140px",
                )
                v3.VSwitch(v_model=("dose", live.dose), label="dose", density="compact", hide_details=True)
                for key in PARTS:
                    v3.VSwitch(v_model=(key, True), label=key, density="compact", hide_details=True)
        with page.content:
            v3.VAlert(
                text=("words", ""),
                v_show="words",
                density="compact",
                variant="flat",
                color="#007c80",
                style="position: absolute; right: 12px; top: 60px; z-index: 1; white-space: pre-line",
            )
            view = views.VtkRemoteView(
                live.plotter.render_window,
                interactive_ratio=0.6,
                style="width: 100%; height: calc(100vh - 64px)",
                interactor_events=("events", ["LeftButtonPress", "LeftButtonRelease"]),
                LeftButtonPress=(server.controller.press, "[utils.vtk.event($event)]"),
                LeftButtonRelease=(server.controller.release, "[utils.vtk.event($event)]"),
            )
            server.controller.view_update = view.update
    return server


def _connect_controls(server: Any, live: LiveScene) -> None:
    state, control = server.state, server.controller
    pressed: list[Array] = []

    def refresh() -> None:
        live.show(WORDS, False)  # the page says them itself
        control.view_update()

    def move(minutes: float, **_: object) -> None:
        live.to(60.0 * float(minutes))
        _show_reading(state, live)
        refresh()

    def change_field(dose: bool, **_: object) -> None:
        live.show_dose(bool(dose))
        refresh()

    def cut(clip: str, depth: float, **_: object) -> None:
        if clip:
            low, high = np.reshape(live.body.bounds, (3, 2))["RAS".index(clip)]
            live.clip(clip, float(low + depth * (high - low)))
        elif live.plane is not None:
            live.unclip()
        refresh()

    def show_parts(**switches: object) -> None:
        for key, part in PARTS.items():
            live.show(part, bool(switches[key]))
        refresh()

    def press(event: dict[str, Any] | None = None) -> None:
        pressed[:] = [_event_pixels(event)]

    def release(event: dict[str, Any] | None = None) -> None:
        """Read at a click; a drag has turned the scene."""
        place = _event_pixels(event)
        if not pressed or not np.abs(place - pressed.pop()).max() < CLICK_PX:
            return
        if (point := live.pick(*place)) is not None:
            live.read(point)
            _show_reading(state, live)
            refresh()

    state.change("minutes")(move)
    state.change("dose")(change_field)
    state.change("clip", "depth")(cut)
    state.change(*PARTS)(show_parts)
    control.set("press")(press)
    control.set("release")(release)


def _event_pixels(event: dict[str, Any] | None) -> Array:
    """Pixels from the lower left corner of the view; not a number where the event has none."""
    place = (event or {}).get("position") or {}
    return np.array([float(place.get(axis, np.nan)) for axis in "xy"])


def _show_reading(state: Any, live: LiveScene) -> None:
    state.words = "" if live.probe_mm is None else str(live.session.reading(live.body, live.probe_mm, live.time_s))
