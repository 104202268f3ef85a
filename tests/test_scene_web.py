"""`thermoplan view --web`: a server on this machine whose page draws, moves in time and reads under a click."""

from __future__ import annotations

import asyncio
import io
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from browser import chromium, visit
from report_sample import sample_anatomy, sample_fields
from test_scene_live import write_run

from thermoplan.scene.web_access import EXIT_CALLS, WebAccess, is_own_request

needs_browser = pytest.mark.skipif(
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
        printed = _printed_address(server)
        assert printed.startswith(f"http://127.0.0.1:{port}/index.html?secret=")
        yield printed
    finally:
        server.terminate()
        server.wait(30)


def _printed_address(server: subprocess.Popen[str]) -> str:
    """The address that the server prints once it listens; a server that ends has closed its output."""
    lines = []
    for line in server.stdout:
        lines.append(line)
        if line.startswith("http://"):
            return line.strip()
    pytest.fail(f"the server ended: {''.join(lines)}")


def _coloured(png: bytes) -> bool:
    return bool((np.ptp(_pixels(png)[100:], axis=2) > 60).mean() > 0.005)


def _pixels(png: bytes) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), int)


@needs_browser
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
    ours = address.split("/index.html")[0]
    assert [r for r in seen.requests if not r.startswith(("data:", "blob:", ours, ours.replace("http", "ws")))] == []
    assert [e for e in seen.errors if "405" not in e and "GPU stall" not in e] == []  # trame asks for a launcher first


def test_the_server_listens_on_this_machine_alone(address: str) -> None:
    port = int(re.search(r":(\d+)/", address)[1])
    others = {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for other in others - {"127.0.0.1"}:
        with pytest.raises(OSError):
            socket.create_connection((other, port), 1.0).close()


async def _ask(address: str, secret: str | None, *calls: str, **headers: str) -> list[dict[str, Any]]:
    """Answers to calls, each with two arguments that fit none, on a socket opened with these headers."""
    import aiohttp
    import msgpack
    from wslink.chunking import UnChunker, generate_chunks

    answers: list[dict[str, Any]] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(_socket(address), headers=headers) as channel:
        reader = UnChunker()
        reader.set_max_message_size(2**30)
        hello = (
            [] if secret is None else [{"id": "system:c0:0", "method": "wslink.hello", "args": [{"secret": secret}]}]
        )
        for message in (
            *hello,
            *({"id": f"rpc:c:{n}", "method": call, "args": [1, 2]} for n, call in enumerate(calls)),
        ):
            for chunk in generate_chunks(msgpack.packb({"wslink": "1.0", **message}), 4096):
                await channel.send_bytes(chunk)
            while True:
                answer = reader.process_chunk((await channel.receive(timeout=30)).data)
                if answer is not None and answer.get("id") == message["id"]:
                    answers.append(answer)
                    break
    return answers


def _socket(address: str) -> str:
    return address.split("/index.html")[0].replace("http", "ws") + "/ws"


def _status(address: str, **headers: str) -> int:
    import aiohttp

    async def status() -> int:
        async with aiohttp.ClientSession() as session, session.get(address, headers=headers) as answer:
            return answer.status

    return asyncio.run(status())


def test_a_page_of_another_origin_is_refused_even_with_the_secret(address: str) -> None:
    import aiohttp

    secret, host = address.split("secret=")[1], address.split("/")[2]
    for origin in (
        "http://evil.example",
        "null",
        "http://127.0.0.1:1",
        f"https://{host}",
        f"http://{host}.evil.example",
    ):
        assert _status(address, Origin=origin) == 403, origin
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            asyncio.run(_ask(address, secret, Origin=origin))
        assert refused.value.status == 403, origin
    for name in ("evil.example", "127.0.0.1.evil.example", "localhost@evil.example", ""):
        assert _status(address, Host=name) == 403, name
    assert _status(address, Host="localhost:9000", Origin="http://localhost:9000") == 200  # through a tunnel
    assert not is_own_request("[::1", None) and is_own_request("[::1]:8081", "http://[::1]:8081")


def test_without_the_secret_of_this_start_nothing_is_read_and_nothing_stopped(address: str) -> None:
    for guess in (None, "wslink-secret", "", address.split("secret=")[1][:-1]):
        answers = asyncio.run(_ask(address, guess, "trame.state.get", "trame.state.update", *EXIT_CALLS))
        assert [answer["error"]["code"] for answer in answers] == [-32000] * len(answers), guess
    secrets = {WebAccess().secret for _ in range(4)}
    assert len(secrets) == 4 and min(map(len, secrets)) >= 40 and not any(s in repr(WebAccess()) for s in secrets)


def test_with_the_secret_no_call_ends_the_server_and_no_answer_holds_a_traceback(address: str) -> None:
    secret = address.split("secret=")[1]
    hello, *answers = asyncio.run(_ask(address, secret, *EXIT_CALLS, "trame.state.get", "viewport.image.push"))
    assert "clientID" in hello["result"]
    assert [answer["error"] for answer in answers[:2]] == [
        {"code": -32601, "message": "Unregistered method called"}
    ] * 2
    assert [answer["error"] for answer in answers[2:]] == [{"code": -32001, "message": "Exception raised"}] * 2
    assert _status(address) == 200


def test_a_port_that_is_taken_is_named(address: str, tmp_path) -> None:
    from thermoplan.base.errors import InputError
    from thermoplan.scene.web import serve

    port = int(re.search(r":(\d+)/", address)[1])
    with pytest.raises(InputError, match=f"--port {port}: cannot be listened on.*choose another"):
        serve(tmp_path, port=port)
