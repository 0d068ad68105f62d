"""Secweb: security headers for Starlette and FastAPI, with nonces for a content security policy."""

import asyncio
from collections.abc import Callable
from functools import partial

from fastapi import FastAPI, Request
from Secweb.headers.csp import Nonce_Processor
from Secweb.index import SecWeb
from starlette.responses import JSONResponse, PlainTextResponse

from asgisec import SecurityHeaders, install
from bench.compare.driving import ask
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from tests.asgi import App

__all__ = ["ROWS"]


def bare(nonce: Callable[[Request], str]) -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def hello() -> dict[str, str]:
        return {"hello": "world"}

    @app.get("/page")
    async def page(request: Request) -> PlainTextResponse:
        made = nonce(request)
        await asyncio.sleep(0)  # as one that asks its database
        return PlainTextResponse(made)

    @app.get("/own")
    async def own() -> JSONResponse:
        return JSONResponse({}, headers={"X-Frame-Options": "DENY"})

    @app.get("/fails")
    async def fails() -> None:
        raise RuntimeError

    return app


def theirs() -> App:
    app = bare(lambda _: Nonce_Processor()[1])
    SecWeb(app=app, script_nonce=True)
    return app


def ours() -> App:
    return install(bare(lambda request: str(request.state.csp_nonce)), SecurityHeaders.web())


def our_api() -> App:
    return install(bare(lambda _: ""), SecurityHeaders.api())


async def before(make: Callable[[], App], room: Room) -> Seen:
    found = await policies(make(), "/")
    nonces = [part for policy in found for part in policy.replace(";", " ").split() if part.startswith("'nonce-")]
    known = "'nonce-None'" in nonces
    return Seen("`'nonce-None'`" if known else "a nonce of its own", bool(nonces) and not known)


async def policies(app: App, path: str) -> list[str]:
    return (await ask(app, path=path)).values("content-security-policy")


async def at_once(make: Callable[[], App], room: Room) -> Seen:
    app = make()
    answers = await asyncio.gather(*(ask(app, path="/page") for _ in range(2)))
    fits = [f"'nonce-{answer.body.decode()}'" in answer.values("content-security-policy")[0] for answer in answers]
    return Seen(f"{sum(fits)} of 2 pages can run their scripts", all(fits))


async def own(make: Callable[[], App], room: Room) -> Seen:
    found = (await ask(make(), path="/own")).values("x-frame-options")
    return Seen(" and ".join(f"`{value}`" for value in found), found == ["DENY"])


async def kept(make: Callable[[], App], room: Room) -> Seen:
    found = (await ask(make())).values("cache-control")
    return Seen(f"`Cache-Control: {', '.join(found)}`", found == ["no-store"])


async def failed(make: Callable[[], App], room: Room) -> Seen:
    answer = await ask(make(), path="/fails")
    found = bool(answer.values("content-security-policy"))
    return Seen(f"{answer.status}, {'with' if found else 'without'} them", found)


ROWS = (
    Row(
        "secweb-nonce",
        "the first answer of an application whose policy has a nonce",
        "a nonce that nobody can guess",
        partial(before, theirs),
        partial(before, ours),
        note="until a handler calls `Nonce_Processor`",
    ),
    Row(
        "secweb-nonce-at-once",
        "two readers ask for a page at once; its scripts have the nonce that the handler was given",
        "both pages can run them",
        partial(at_once, theirs),
        partial(at_once, ours),
        note="the nonce is a variable of the module",
    ),
    Row(
        "secweb-own-header",
        "a handler sets `X-Frame-Options: DENY`",
        "`DENY`: browsers differ on two",
        partial(own, theirs),
        partial(own, our_api),
    ),
    Row(
        "secweb-cache",
        "the defaults; a JSON answer",
        "`Cache-Control: no-store` (OWASP REST Security)",
        partial(kept, theirs),
        partial(kept, our_api),
        note="a page of a site may be kept; the answers of an API belong to whoever asked",
    ),
    Row(
        "secweb-500",
        "a handler raises",
        "500 with the security headers",
        partial(failed, theirs),
        partial(failed, our_api),
        note="it adds itself to the middleware, which Starlette's 500 does not pass",
    ),
)
