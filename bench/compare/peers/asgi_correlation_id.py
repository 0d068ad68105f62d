"""asgi-correlation-id: an id for every request."""

from collections.abc import Callable
from functools import partial

from asgi_correlation_id import CorrelationIdMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgisec import RequestID, install
from bench.compare.driving import ask
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from tests.asgi import App

__all__ = ["ROWS"]

_ULID = "01JD8Z5R6Q0V7K8N9M2X3Y4Z5A"
_OWN = "order-7"


async def hello(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def own(request: Request) -> PlainTextResponse:
    return PlainTextResponse("hello", headers={"X-Request-ID": _OWN})


async def fails(request: Request) -> PlainTextResponse:
    raise RuntimeError


def bare() -> Starlette:
    return Starlette(routes=[Route("/", hello), Route("/own", own), Route("/fails", fails)])


def theirs() -> App:
    app = bare()
    app.add_middleware(CorrelationIdMiddleware)
    return app


def ours() -> App:
    return install(bare(), RequestID())


async def failed(make: Callable[[], App], room: Room) -> Seen:
    answer = await ask(make(), path="/fails")
    found = answer.values("x-request-id")
    return Seen(f"{answer.status}, {'with' if found else 'without'} an id", len(found) == 1)


async def twice(make: Callable[[], App], room: Room) -> Seen:
    found = len((await ask(make(), path="/own")).values("x-request-id"))
    return Seen(f"{found} lines" if found > 1 else "one line", found == 1)


async def foreign(make: Callable[[], App], room: Room) -> Seen:
    found = (await ask(make(), headers=[("x-request-id", _ULID)])).values("x-request-id")
    return Seen("kept" if found == [_ULID] else "replaced by another", found == [_ULID])


ROWS = (
    Row(
        "asgi-correlation-id-500",
        "a handler raises",
        "500 with an `X-Request-ID`: it is the answer whose log lines one looks for",
        partial(failed, theirs),
        partial(failed, ours),
        note="added as its README says; wrapped around the application, it would be there",
        thread="snok/asgi-correlation-id#19",
    ),
    Row(
        "asgi-correlation-id-twice",
        "a handler sets `X-Request-ID` itself",
        "one line",
        partial(twice, theirs),
        partial(twice, ours),
    ),
    Row(
        "asgi-correlation-id-foreign",
        f"the gateway sends a ULID, `{_ULID}`",
        "kept, so that both logs have the same",
        partial(foreign, theirs),
        partial(foreign, ours),
        note="`validator=` takes what to accept; it says so in the log",
        thread="snok/asgi-correlation-id#8",
    ),
)
