"""secure: security headers for many frameworks."""

import re
from collections.abc import Callable
from functools import partial

from fastapi import FastAPI
from secure import Secure
from secure.middleware import SecureASGIMiddleware
from starlette.responses import PlainTextResponse

from asgisec import SecurityHeaders, install
from bench.compare.driving import HOST, ask
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from tests.asgi import App
from tests.servers.harness import get, running

__all__ = ["ROWS"]

_OWN = "default-src 'none'; img-src https://images.example.com"
_SOURCE = re.compile(r'<script[^>]* src="(https://[^/"]+)')
_INLINE = re.compile(r"<script(?![^>]* src=)[^>]*>")


def bare() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/own")
    async def own() -> PlainTextResponse:
        return PlainTextResponse("hello", headers={"Content-Security-Policy": _OWN})

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError

    return app


def theirs() -> App:
    app = bare()
    app.add_middleware(SecureASGIMiddleware, secure=Secure.with_default_headers())
    return app


def ours() -> App:
    return install(bare(), SecurityHeaders.api())


async def own(make: Callable[[], App], room: Room) -> Seen:
    found = (await ask(make(), path="/own")).values("content-security-policy")
    return Seen(f"{len(found)} policies" if len(found) > 1 else "the handler's", found == [_OWN])


async def failed(make: Callable[[], App], room: Room) -> Seen:
    answer = await ask(make(), path="/fails")
    found = bool(answer.values("content-security-policy"))
    return Seen(f"{answer.status}, {'with' if found else 'without'} them", found)


async def documentation(make: Callable[[], App], room: Room) -> Seen:
    """Look whether the policy allows the scripts that FastAPI's page has: the one it loads, and the one in it."""
    answer = await ask(make(), path="/docs")
    page = answer.body.decode()
    policy = answer.values("content-security-policy")[0]
    directives = {name: rest for name, _, rest in (part.strip().partition(" ") for part in policy.split(";"))}
    allowed = directives.get("script-src", directives["default-src"])
    blocked = [origin for origin in _SOURCE.findall(page) if origin not in allowed]
    if _INLINE.search(page) and not re.search(r"'(sha(256|384|512)|nonce)-|'unsafe-inline'", allowed):
        blocked.append("the script in the page")
    return Seen(f"blocks {' and '.join(blocked)}" if blocked else "both scripts are allowed", not blocked)


async def server(make: Callable[[], App], room: Room) -> Seen:
    """Ask through uvicorn as it is started without options."""
    with running("uvicorn-httptools", {"app": make()}, server_header=True) as served:
        found = served.ask("app", get("/", host=HOST)).values("server")
    lines = [f"`Server: {value}`" if value else "an empty one" for value in found]
    return Seen(" and ".join(lines), len(found) == 1)


ROWS = (
    Row(
        "secure-own-policy",
        "a handler sets a `Content-Security-Policy` of its own",
        "the handler's alone: browsers intersect two, and block what either does not name",
        partial(own, theirs),
        partial(own, ours),
    ),
    Row(
        "secure-500",
        "a handler raises",
        "500 with the security headers",
        partial(failed, theirs),
        partial(failed, ours),
        note="added as its README says; wrapped around the application, they would be there",
    ),
    Row(
        "secure-documentation",
        "FastAPI's `/docs` under the default policy",
        "the page works: its scripts are allowed",
        partial(documentation, theirs),
        partial(documentation, ours),
        note="a policy cannot know what a page loads unless somebody looks",
        thread="TypeError/secure#43",
    ),
    Row(
        "secure-server",
        "the default headers, on uvicorn without options; the `Server` lines of an answer",
        "one: no middleware can take away what a server adds",
        partial(server, theirs),
        partial(server, ours),
        note="it means to empty it; only `--no-server-header` does",
        thread="TypeError/secure#22",
    ),
)
