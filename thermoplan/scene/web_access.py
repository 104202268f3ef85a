"""Access control of the scene's server: a secret of each start, and the Host and Origin of every request.

Any page that the user's browser has open can send requests to this machine's own address. It cannot know the secret,
its Origin is not ours, and a name that was made to point here (DNS rebinding) is not our Host.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware
    from aiohttp.web import Application, Request, StreamResponse

# Bytes of the secret: 256 bits, far beyond guessing; half would do, twice would only lengthen the address.
SECRET_BYTES = 32
# Names of this machine's own address, with any port: a tunnel may listen on another.
_OWN_HOST = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?")
# Calls that wslink offers to every page, and that would end the server.
EXIT_CALLS = ("application.exit", "application.exit.later")


class SocketHandler(Protocol):
    """Handler of a socket's messages, of wslink."""

    functionMap: dict[str, object]
    sendWrappedError: Callable[..., Awaitable[None]]


class WebServer(Protocol):
    """Server of pages and sockets, of wslink, whose handlers are private: it offers no other way to take a call from
    them or a traceback from their answers."""

    app: Application
    _ws_handlers: list[SocketHandler]


class SecretKeeper(Protocol):
    """Protocol of wslink that holds the secret a page has to know."""

    def updateSecret(self, newSecret: str) -> None: ...


@dataclass(frozen=True, slots=True)
class WebAccess:
    """Secret of one start of the server, and the refusals that go with it."""

    secret: str = field(default_factory=lambda: secrets.token_urlsafe(SECRET_BYTES), repr=False)

    def address(self, host: str, port: int) -> str:
        """Address of the page, which alone opens it."""
        return f"http://{host}:{port}/index.html?secret={self.secret}"

    def bind(self, keeper: SecretKeeper, web: WebServer) -> None:
        """Guard a server before it listens."""
        keeper.updateSecret(self.secret)
        web.app.middlewares.append(_refusal_of_strangers())
        for handler in web._ws_handlers:
            for call in EXIT_CALLS:
                del handler.functionMap[call]
            handler.sendWrappedError = _without_details(handler.sendWrappedError)


def is_own_request(host: str, origin: str | None) -> bool:
    """True for a request to this machine's own name that no page of another origin sent.

    A program that is no browser sends no Origin; for it the secret decides.
    """
    return _OWN_HOST.fullmatch(host) is not None and origin in (None, f"http://{host}")


def _refusal_of_strangers() -> Middleware:
    """Middleware that answers 403 to a foreign Host or Origin."""
    from aiohttp import web

    @web.middleware
    async def refuse(request: Request, handler: Handler) -> StreamResponse:
        if not is_own_request(request.headers.get("Host", ""), request.headers.get("Origin")):
            return web.Response(status=403, text="refused: the scene answers its own page on this machine alone\n")
        return await handler(request)

    return refuse


def _without_details(send_error: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A sender of errors that leaves out their data: the traceback with the paths of this machine."""

    async def send(rpcid: str, code: int, message: str, data: object = None, client_id: str | None = None) -> None:
        await send_error(rpcid, code, message, client_id=client_id)

    return send
