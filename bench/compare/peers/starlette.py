"""Starlette: its CORSMiddleware and TrustedHostMiddleware."""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgisec import CORS, TrustedHosts, install
from asgisec.policy import Policy
from bench.compare.driving import HOST, Lines, ask, handshake
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from tests.asgi import App
from tests.servers.harness import get, running

__all__ = ["ROWS"]

_PAGE = "https://app.example.com"
_STRANGER = "https://evil.example"
_MISSPELT = "*example.com"  # for *.example.com


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def path(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.url.path)


async def fails(request: Request) -> PlainTextResponse:
    raise RuntimeError


def bare() -> Starlette:
    return Starlette(routes=[Route("/", hello), Route("/fails", fails), Route("/admin", path)])


def theirs(middleware: Any, **options: Any) -> Starlette:
    app = bare()
    app.add_middleware(middleware, **options)
    return app


def ours(*policies: Policy) -> Starlette:
    return install(bare(), *policies)


def socketed(middleware: Any = None, **options: Any) -> Starlette:
    app = bare()
    app.router.routes.append(WebSocketRoute("/ws", opened))
    if middleware is not None:
        app.add_middleware(middleware, **options)
    return app


async def opened(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def cors(**options: Any) -> Callable[[], App]:
    return lambda: theirs(CORSMiddleware, **options)


def our_cors(**options: Any) -> Callable[[], App]:
    return lambda: ours(CORS(**options))


async def failed(make: Callable[[], App], room: Room) -> Seen:
    answer = await ask(make(), path="/fails", headers=[("origin", _PAGE)])
    found = answer.values("access-control-allow-origin")
    return Seen(f"{answer.status}, " + (f"`{found[0]}`" if found else "no CORS header"), found == [_PAGE])


async def credentials(make: Callable[[], App], room: Room) -> Seen:
    try:
        app = make()
    except ValueError as error:
        return Seen(f"`{type(error).__name__}` at start", right=True)
    answer = await ask(app, headers=[("origin", _STRANGER), ("cookie", "session=1")])
    allowed = answer.values("access-control-allow-origin") == [_STRANGER]
    allowed = allowed and answer.values("access-control-allow-credentials") == ["true"]
    return Seen("it is allowed, with credentials" if allowed else "it is not", not allowed)


async def stranger(make: Callable[[], App], room: Room) -> Seen:
    answer = await ask(make(), headers=[("origin", _STRANGER)])
    found = [f"`{name}: {value}`" for name, value in answer.headers if name.startswith("access-control-")]
    return Seen(", ".join(found) or "none", not found)


async def never(make: Callable[[], App], room: Room) -> Seen:
    try:
        app = make()
    except ValueError as error:
        return Seen(f"`{type(error).__name__}` at start", right=True)
    found = (await ask(app, headers=[("origin", _PAGE)])).values("access-control-allow-origin")
    return Seen("starts, and the page is " + ("allowed" if found else "refused"), right=False)


async def second_line(make: Callable[[], App], room: Room) -> Seen:
    asking: Lines = [
        ("origin", _PAGE),
        ("access-control-request-method", "GET"),
        ("access-control-request-headers", "x-one"),
        ("access-control-request-headers", "x-two"),
    ]
    status = (await ask(make(), "OPTIONS", headers=asking)).status
    return Seen(str(status), status == 400)


async def socket(make: Callable[[], App], room: Room) -> Seen:
    seen = await handshake(make(), headers=[("origin", _STRANGER)])
    return Seen(seen, seen == "refused")


async def two_hosts(make: Callable[[], App], room: Room) -> Seen:
    """Ask through uvicorn: whether a server lets both lines pass is part of the question."""
    with running("uvicorn-httptools", {"app": make()}) as server:
        status = server.ask("app", get("/", "Host: evil.example", host=HOST)).status
    return Seen(str(status), status == 400)


async def optimised(program: Sequence[str], room: Room) -> Seen:
    code = _OPTIMISED.format(*program, misspelt=_MISSPELT)
    command = [sys.executable, "-O", "-c", code]
    done = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    said = (await done.communicate())[0].decode().strip()
    return Seen(said, not said.startswith("starts"))


_OPTIMISED = """
import asyncio
{0}
from starlette.responses import PlainTextResponse
from bench.compare.driving import ask
try:
    app = {1}(PlainTextResponse("hello"), allowed_hosts=[{misspelt!r}])
except (AssertionError, ValueError) as error:
    print(f"`{{type(error).__name__}}` at start")
else:
    print("starts; `evilexample.com` gets", asyncio.run(ask(app, host="evilexample.com")).status)
"""

_THEIR_HOSTS = ("from starlette.middleware.trustedhost import TrustedHostMiddleware", "TrustedHostMiddleware")
_OUR_HOSTS = ("from asgisec.middleware import TrustedHostMiddleware", "TrustedHostMiddleware")


async def made_up_path(make: Callable[[], App], room: Room) -> Seen:
    answer = await ask(make(), path="/admin", host=f"{HOST}/public?")
    text = answer.body.decode() if answer.status == 200 else ""
    return Seen(f"{answer.status}, `{text}`" if text else str(answer.status), not text or text == "/admin")


_REQUEST = "a request of an origin that is not allowed"

ROWS = (
    Row(
        "starlette-cors-500",
        "CORS; a handler raises",
        "500 with CORS headers, or the page cannot read that it is one",
        partial(failed, cors(allow_origins=[_PAGE])),
        partial(failed, our_cors(allow_origins=[_PAGE])),
        note="what answers an exception stands outside of all middleware that is added",
        thread="Kludex/starlette#1116",
    ),
    Row(
        "starlette-cors-wildcard",
        'CORS for `"*"`, with credentials; a stranger\'s page asks with a cookie',
        "an error at start (Fetch: the two exclude each other)",
        partial(credentials, cors(allow_origins=["*"], allow_credentials=True)),
        partial(credentials, our_cors(allow_origins=["*"], allow_credentials=True)),
        thread="Kludex/starlette#3246",
    ),
    Row(
        "starlette-cors-stranger",
        f"CORS for one origin, with credentials; {_REQUEST}",
        "no CORS header",
        partial(stranger, cors(allow_origins=[_PAGE], allow_credentials=True)),
        partial(stranger, our_cors(allow_origins=[_PAGE], allow_credentials=True)),
        note="without `Access-Control-Allow-Origin` browsers ignore it",
        thread="Kludex/starlette#2560",
    ),
    Row(
        "starlette-cors-slash",
        f"`{_PAGE}/` is allowed, with a slash; the page asks",
        "an error at start: no browser sends such an origin",
        partial(never, cors(allow_origins=[f"{_PAGE}/"])),
        partial(never, our_cors(allow_origins=[f"{_PAGE}/"])),
    ),
    Row(
        "starlette-cors-two-lines",
        "a preflight names its headers in two lines, the second is not allowed",
        "400",
        partial(second_line, cors(allow_origins=[_PAGE], allow_headers=["x-one"])),
        partial(second_line, our_cors(allow_origins=[_PAGE], allow_headers=["x-one"])),
        note="browsers send one line; what stands between may not",
    ),
    Row(
        "starlette-cors-websocket",
        "CORS for one origin; a page of another opens a WebSocket",
        "refused: browsers leave this check to the server",
        partial(socket, lambda: socketed(CORSMiddleware, allow_origins=[_PAGE])),
        partial(socket, lambda: install(socketed(), CORS(allow_origins=[_PAGE]))),
        note="the Fetch standard applies CORS to no WebSocket",
    ),
    Row(
        "starlette-two-hosts",
        "two `Host` lines, the first allowed, through uvicorn",
        "400 (RFC 9112 section 3.2)",
        partial(two_hosts, lambda: theirs(TrustedHostMiddleware, allowed_hosts=[HOST])),
        partial(two_hosts, lambda: ours(TrustedHosts([HOST]))),
    ),
    Row(
        "starlette-optimised",
        f"`python -O`; the list of hosts says `{_MISSPELT}`, for `*.example.com`",
        "an error at start",
        partial(optimised, _THEIR_HOSTS),
        partial(optimised, _OUR_HOSTS),
        note="options are checked by `assert` there, which `-O` removes",
        long=True,
    ),
    Row(
        "starlette-made-up-path",
        f"the path is `/admin`, the host `{HOST}/public?`; what is `request.url.path`",
        "`/admin`, or 400",
        partial(made_up_path, bare),
        partial(made_up_path, lambda: ours(TrustedHosts([HOST]))),
    ),
)
