"""413 is the answer, whatever a framework makes of the failed read."""

import asyncio
import gc
from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from fastapi import FastAPI
from litestar import Litestar, post
from litestar import Request as LitestarRequest
from quart import Quart
from quart import request as quart_request
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from asgisec import RequestID, RequestLimits, SecurityEvent, install
from tests.asgi import App, request
from tests.serving_django import serving

HOST = ("host", "testserver")


async def _starlette_json(asked: Request) -> Response:
    return PlainTextResponse(repr(await asked.json()))


async def _starlette_stream(asked: Request) -> Response:
    return PlainTextResponse(str(sum([len(chunk) async for chunk in asked.stream()])))


async def _starlette_swallow(asked: Request) -> Response:
    try:
        await asked.body()
    except Exception:  # noqa: BLE001 - what it shows
        return PlainTextResponse("fine")
    return PlainTextResponse("read")


def _starlette() -> Any:
    handlers = {
        "/json": _starlette_json,
        "/stream": _starlette_stream,
        "/swallow": _starlette_swallow,
    }
    return Starlette(routes=[Route(route, handler, methods=["POST"]) for route, handler in handlers.items()])


def _fastapi() -> Any:
    app = FastAPI()

    @app.post("/json")
    async def json(body: dict[str, Any]) -> dict[str, Any]:
        return body

    app.add_api_route("/stream", _starlette_stream, methods=["POST"], response_model=None)
    app.add_api_route("/swallow", _starlette_swallow, methods=["POST"], response_model=None)
    return app


def _litestar() -> Any:
    @post("/json")
    async def json(request: LitestarRequest[Any, Any, Any]) -> str:
        return repr(await request.json())

    @post(["/form", "/multipart"])
    async def form(request: LitestarRequest[Any, Any, Any]) -> str:
        return repr(await request.form())

    @post("/stream")
    async def stream(request: LitestarRequest[Any, Any, Any]) -> str:
        return str(sum([len(chunk) async for chunk in request.stream()]))

    @post("/swallow")
    async def swallow(request: LitestarRequest[Any, Any, Any]) -> str:
        try:
            await request.body()
        except Exception:  # noqa: BLE001 - what it shows
            return "fine"
        return "read"

    return Litestar([json, form, stream, swallow])


def _quart() -> Any:
    app = Quart("limits")

    @app.post("/json")
    async def json() -> str:
        return repr(await quart_request.get_json())

    @app.post("/form")
    async def form() -> str:
        return repr(await quart_request.form)

    @app.post("/multipart")
    async def multipart() -> str:
        return repr(await quart_request.files)

    @app.post("/stream")
    async def stream() -> str:
        return str(sum([len(chunk) async for chunk in quart_request.body]))

    @app.post("/swallow")
    async def swallow() -> str:
        try:
            await quart_request.get_data()
        except Exception:  # noqa: BLE001 - what it shows
            return "fine"
        return "read"

    return app


@csrf_exempt
def _django_view(asked: HttpRequest) -> HttpResponse:
    return HttpResponse(repr(asked.POST or asked.body))


urlpatterns = [path(f"{kind}", _django_view) for kind in ("json", "form", "multipart", "stream", "swallow")]


def _django() -> Any:
    return serving(__name__)


FRAMEWORKS = [
    pytest.param(_starlette, id="Starlette"),
    pytest.param(_fastapi, id="FastAPI"),
    pytest.param(_litestar, id="Litestar"),
    pytest.param(_quart, id="Quart"),
    pytest.param(_django, id="Django"),
]


STREAMED = ["json", "stream", "swallow"]
# Forms of Starlette and FastAPI are read through the same stream, by a parser that is no dependency of the tests.
PARSED = [*STREAMED, "form", "multipart"]
TYPES = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
    "multipart": "multipart/form-data; boundary=b",
}


@pytest.mark.parametrize(
    ("build", "kind"),
    [
        *(pytest.param(_starlette, kind, id=f"Starlette, {kind}") for kind in STREAMED),
        *(pytest.param(_fastapi, kind, id=f"FastAPI, {kind}") for kind in STREAMED),
        *(pytest.param(_litestar, kind, id=f"Litestar, {kind}") for kind in PARSED),
        *(pytest.param(_quart, kind, id=f"Quart, {kind}") for kind in PARSED),
        *(pytest.param(_django, kind, id=f"Django, {kind}") for kind in PARSED),
    ],
)
# Django closes the file it reads a body into when the peer disconnects, not when reading fails.
@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
def test_413_wins_in_every_framework(build: Callable[[], App], kind: str) -> None:
    events: list[SecurityEvent] = []
    app: Any = install(build(), RequestID(), RequestLimits(max_body_size=20), on_event=events.append)
    chunks = [b'{"a": "', b"x" * 10, b"x" * 10, b'"}']
    headers = [HOST, ("content-type", TYPES.get(kind, "application/octet-stream"))]
    answer = request(app, "POST", f"/{kind}", headers, body=chunks, patient=True)
    gc.collect()  # what is left over is this test's
    assert answer.status == 413
    assert answer.values("content-type") == ["application/problem+json"]
    assert len(answer.values("x-request-id")) == 1
    assert [(event.reason, event.policy) for event in events] == [("body_too_large", "RequestLimits")]
    assert answer.error is None


@pytest.mark.parametrize("build", FRAMEWORKS)
def test_a_body_within_the_limit_is_served_by_every_framework(build: Callable[[], App]) -> None:
    app: Any = install(build(), RequestLimits(max_body_size=20))
    answer = request(
        app, "POST", "/json", [HOST, ("content-type", "application/json")], body=[b'{"a":', b' "b"}'], patient=True
    )
    assert answer.status in {200, 201}


def test_a_streamed_response_with_an_unread_body_goes_on() -> None:
    """Starlette listens for the disconnect while it streams; what it throws away there is counted all the same."""

    async def chunks() -> Any:
        for _ in range(3):
            await asyncio.sleep(0)
            yield b"chunk"

    async def stream(asked: Request) -> Response:
        return StreamingResponse(chunks())

    app = install(Starlette(routes=[Route("/", stream, methods=["POST"])]), RequestLimits(max_body_size=10))
    answer = request(app, "POST", headers=[HOST], body=[b"x" * 5, b"x" * 5], patient=True)
    assert (answer.status, answer.body) == (200, b"chunk" * 3)
