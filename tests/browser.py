"""A page in a headless Chromium: what it logs, what it asks the network for, what it shows."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)


def chromium() -> str | None:
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


@dataclass(slots=True)
class Visit:
    """What happened on a page, and the answers to the scripts that were put to it."""

    errors: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)


def visit(page: Path | str, steps: list[tuple[str, Any]], *, width: int = 1280, height: int = 900) -> Visit:
    """Open a page, a file or an address of this machine, and take steps: ``eval`` a script, ``wait`` seconds, ``drag``
    along (x0, y0, x1, y1), take a ``shot`` (of a clip), take shots ``until`` one satisfies a test, show it as
    ``media`` does."""
    return asyncio.run(_visit(page, steps, width, height))


async def _visit(page: Path | str, steps: list[tuple[str, Any]], width: int, height: int) -> Visit:
    import aiohttp

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        command = [chromium(), *FLAGS, f"--user-data-dir={home}", f"--window-size={width},{height}", "about:blank"]
        browser = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            address = _address(browser)
            async with aiohttp.ClientSession() as session, session.get(f"http://{address}/json") as answer:
                tabs = await answer.json(content_type=None)
                tab = next(t for t in tabs if t["type"] == "page")
                async with session.ws_connect(tab["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    return await _Tab(socket).run(page, steps, (width, height))
        finally:
            browser.terminate()
            browser.wait(20)


def _address(browser: subprocess.Popen) -> str:
    for line in browser.stderr or ():
        if "DevTools listening on ws://" in line:
            return line.split("ws://")[1].split("/")[0]
    raise RuntimeError("the browser did not start")


class _Tab:
    """One tab over the DevTools protocol, its frames included."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.serial, self.seen = socket, 0, Visit()

    async def run(self, page: Path | str, steps: list[tuple[str, Any]], size: tuple[int, int]) -> Visit:
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{domain}.enable")
        await self.call("Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True)
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=size[0],
            height=size[1],
            deviceScaleFactor=1,
            mobile=size[0] < 600,
        )
        await self.call("Page.navigate", url=page if isinstance(page, str) else page.resolve().as_uri())
        await self.wait(2.0)
        for verb, value in steps:
            await getattr(self, verb)(value)
        return self.seen

    async def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        self.serial += 1
        message = {"id": self.serial, "method": method, "params": params}
        await self.socket.send_json(message | ({"sessionId": session} if session else {}))
        wanted = self.serial
        while True:
            answer = json.loads((await self.socket.receive(timeout=60)).data)
            if answer.get("id") == wanted:
                return answer.get("result", answer)
            await self.note(answer)

    async def note(self, event: dict[str, Any]) -> None:
        params, method = event.get("params", {}), event.get("method")
        if method == "Target.attachedToTarget":
            for domain in ("Runtime", "Network", "Log"):
                self.serial += 1
                await self.socket.send_json(
                    {"id": self.serial, "method": f"{domain}.enable", "sessionId": params["sessionId"]}
                )
        elif method == "Runtime.exceptionThrown":
            self.seen.errors.append(str(params["exceptionDetails"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.seen.errors.append(str([a.get("value") for a in params["args"]]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.seen.errors.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.seen.requests.append(params["request"]["url"][:200])

    async def wait(self, seconds: float) -> None:
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            try:
                await self.note(json.loads((await self.socket.receive(timeout=left)).data))
            except TimeoutError:
                return

    async def eval(self, script: str) -> None:
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        self.seen.answers.append(answer["result"].get("value", answer))

    async def drag(self, line: tuple[float, float, float, float]) -> None:
        x0, y0, x1, y1 = line
        for kind, x, y in (
            ("mousePressed", x0, y0),
            ("mouseMoved", (x0 + x1) / 2, (y0 + y1) / 2),
            ("mouseMoved", x1, y1),
            ("mouseReleased", x1, y1),
        ):
            await self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)
            await self.wait(0.3)

    async def until(self, satisfied: Callable[[bytes], bool]) -> None:
        """Keeps the last shot, after a minute even one that does not satisfy."""
        for _ in range(60):
            await self.shot(None)
            if satisfied(self.seen.pictures[-1]):
                return
            self.seen.pictures.pop()
            await self.wait(1.0)
        await self.shot(None)

    async def media(self, kind: str) -> None:
        await self.call("Emulation.setEmulatedMedia", media=kind)

    async def shot(self, clip: dict[str, float] | None) -> None:
        extra = {"clip": clip | {"scale": 1}, "captureBeyondViewport": True} if clip else {}
        answer = await self.call("Page.captureScreenshot", format="png", **extra)
        self.seen.pictures.append(base64.b64decode(answer["data"]))
