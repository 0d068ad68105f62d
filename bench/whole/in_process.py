"""The whole way without a server: what a request costs, and how long it waits for Valkey."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from itertools import cycle
from typing import Any

from bench.calls import Call, CallGroup, CallOutcome
from bench.harness import ASGIApp, WrongAnswer
from bench.waiting import measure_awaited
from bench.whole import service
from bench.whole.answers import TIGHT, Answer, Row, judge, refusals, timed, too_many
from bench.whole.variants import AGAINST, ALONE, VARIANTS

__all__ = ["checked", "measured"]

_IN_FLIGHT = 50


async def measured(url: str, rounds: int) -> list[CallOutcome]:
    """Check every variant, then time them."""
    bearers = await service.tokens()
    async with AsyncExitStack() as stack:
        calls: dict[str, Call] = {}
        for name, way in VARIANTS.items():
            await checked(name, url)
            app = await stack.enter_async_context(started(way.built(url, service.LIMITS)))
            requests = cycle([_lines(service.headers(bearer)) for bearer in bearers])
            calls[name] = partial(_timed, app, requests.__next__)
        one = CallGroup("The whole way of a request, one at a time", {"in process": calls}, ALONE)
        many = CallGroup(f"The whole way of a request, {_IN_FLIGHT} in flight", {"in process": calls}, AGAINST)
        return [
            await measure_awaited(one, rounds=rounds),
            await measure_awaited(many, rounds=rounds, in_flight=_IN_FLIGHT),
        ]


async def checked(name: str, url: str) -> None:
    """Compare what a variant answers with what it has to, refusals too."""
    way = VARIANTS[name]
    [good, revoked], [lacking] = await service.tokens(2), await service.tokens(1, scopes=())
    async with started(way.built(url, service.LIMITS)) as app:
        if way.revoke is None:
            judge(name, Row("good", service.headers(good), present=frozenset()), await _ask(app, timed(good)))
            return
        await way.revoke(url, revoked)
        for row in [timed(good), *refusals(lacking, revoked)]:
            judge(name, row, await _ask(app, row))
    # A database of its own, for what is counted there.
    async with started(way.built(url.removesuffix("/0") + "/1", TIGHT)) as app:
        for row in too_many(good):
            judge(name, row, await _ask(app, row))


async def _ask(app: ASGIApp, row: Row) -> Answer:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await app(_scope(row.method, _lines(row.headers)), _receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    lines = [(name.decode().lower(), value.decode()) for name, value in sent[0]["headers"]]
    return Answer(sent[0]["status"], lines, body)


async def _timed(app: ASGIApp, turn: Any) -> None:
    status = 0

    async def send(message: Any) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]

    await app(_scope("GET", [*turn()]), _receive, send)
    if status != 200:
        raise WrongAnswer(f"answered {status} while it was timed")


def _lines(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _scope(method: str, lines: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """Return a scope as uvicorn makes it."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": service.PATH,
        "raw_path": service.PATH.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": lines,
        "client": ("127.0.0.1", 50_123),
        "server": ("127.0.0.1", 8000),
        "state": {},
    }


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


@asynccontextmanager
async def started(app: ASGIApp) -> AsyncIterator[ASGIApp]:
    """Start an application as a server does, and let it close what it uses."""
    told: asyncio.Queue[Any] = asyncio.Queue()
    said: asyncio.Queue[Any] = asyncio.Queue()
    running = asyncio.create_task(_lived(app, told, said))
    for step in ("startup", "shutdown"):
        told.put_nowait({"type": f"lifespan.{step}"})
        message = await said.get()
        if message["type"] != f"lifespan.{step}.complete":
            raise WrongAnswer(f"{app} does not start: {message}")
        if step == "startup":
            try:
                yield app
            except BaseException:
                running.cancel()
                raise
    await running


async def _lived(app: ASGIApp, told: "asyncio.Queue[Any]", said: "asyncio.Queue[Any]") -> None:
    await app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, told.get, said.put)
