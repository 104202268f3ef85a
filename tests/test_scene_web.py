"""`thermoplan view --web`: a server on this machine whose page draws, moves in time and reads under a click."""

from __future__ import annotations

import io
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np
import pytest
from browser import chromium, visit
from report_sample import sample_anatomy, sample_fields
from test_scene_live import write_run

pytestmark = pytest.mark.skipif(
    chromium() is None and not os.environ.get("CI"), reason="no Chromium here: the page cannot be looked at"
)  # in CI its absence is a failure

WORDS = "(document.querySelector('.v-alert') || {textContent: ''}).textContent"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server of a session of 30 min, started as a user starts it, without a display."""
    fields = sample_fields(sample_anatomy())
    rise = np.array([0.0, 1.0])
    temperature = np.array([36.0 + r * (fields["temperature_peak_c"] - 36.0) for r in rise])
    run = write_run(
        tmp_path_factory.mktemp("web") / "run",
        np.array([0.0, 1800.0]),
        temperature,
        rise[:, None] * fields["cem43_min"],
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    command = [sys.executable, "-m", "thermoplan", "view", str(run), "--web", "--port", str(port)]
    server = subprocess.Popen(
        command, env=environment | {"BROWSER": "true"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        _answers(server, port)
        yield f"http://127.0.0.1:{port}/index.html"
    finally:
        server.terminate()
        server.wait(30)


def _answers(server: subprocess.Popen[str], port: int) -> None:
    for _ in range(240):
        if server.poll() is not None:
            pytest.fail(f"the server ended: {server.stdout.read()}")
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail("the server never answered")


def _coloured(png: bytes) -> bool:
    return bool((np.ptp(_pixels(png)[100:], axis=2) > 60).mean() > 0.005)


def _pixels(png: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)


def test_the_page_draws_moves_in_time_and_reads_under_a_click(address: str) -> None:
    """A press on the slider's left end is the start of the session: what was warm is 36 degrees there."""
    tumour = (600, 600, 600, 600)  # right and below the middle of the body, which fills the window's height
    seen = visit(
        address,
        [
            ("until", _coloured),
            ("drag", tumour),
            ("wait", 4.0),
            ("eval", WORDS),
            ("shot", None),
            ("drag", (142, 24, 142, 24)),
            ("wait", 4.0),
            ("eval", WORDS),
            ("shot", None),
        ],
    )
    assert _coloured(seen.pictures[0]), "the scene never showed"
    warm, cool = seen.answers
    assert float(re.search(r"([\d.]+) °C", warm)[1]) > 36.5
    assert float(re.search(r"([\d.]+) °C", cool)[1]) == pytest.approx(36.0, abs=0.3)
    changed = np.abs(_pixels(seen.pictures[1]) - _pixels(seen.pictures[2])).max(axis=2) > 30
    assert changed.mean() > 0.005
    ours = address.rsplit("/", 1)[0]
    assert [r for r in seen.requests if not r.startswith(("data:", "blob:", ours, ours.replace("http", "ws")))] == []
    assert [e for e in seen.errors if "405" not in e and "GPU stall" not in e] == []  # trame asks for a launcher first


def test_the_server_listens_on_this_machine_alone(address: str) -> None:
    port = int(re.search(r":(\d+)/", address)[1])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for other in others - {"127.0.0.1"}:
        with pytest.raises(OSError):
            socket.create_connection((other, port), 1.0).close()


def test_a_port_that_is_taken_is_named(address: str, tmp_path) -> None:
    from thermoplan.base.errors import InputError
    from thermoplan.scene.web import serve

    port = int(re.search(r":(\d+)/", address)[1])
    with pytest.raises(InputError, match=f"--port {port}: cannot be listened on.*choose another"):
        serve(tmp_path, port=port)
