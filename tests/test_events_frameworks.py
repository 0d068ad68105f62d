"""A refusal inside a framework's application is one event, however the framework passes it on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.urls import path
from fastapi import FastAPI
from litestar import Litestar
from litestar import Request as LitestarRequest
from litestar import get as litestar_get
from quart import Quart
from quart import request as quart_request
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from asgisec import RequestID, SecurityEvent, install
from asgisec.errors import SecurityError
from asgisec.stack import refuse
from tests.asgi import App, Message, answering, request
from tests.serving_django import serving


class GuardRefused(SecurityError):
    """What a guard inside of the application says."""

    default_reason = "guarded"


Guard = Callable[[Any], None]


def _raised(scope: Any) -> None:
    raise GuardRefused


def _refused(scope: Any) -> None:
    refuse(scope, GuardRefused())


def _refused_and_raised(scope: Any) -> None:
    error = GuardRefused()
    refuse(scope, error)
    raise error


def _starlette(guard: Guard) -> Any:
    async def handler(asked: Request) -> Response:
        guard(asked.scope)
        return PlainTextResponse("served")

    return Starlette(routes=[Route("/", handler)])


def _fastapi(guard: Guard) -> Any:
    app = FastAPI()

    async def handler(asked: Request) -> str:
        guard(asked.scope)
        return "served"

    app.add_api_route("/", handler)
    return app


def _litestar(guard: Guard) -> Any:
    @litestar_get("/")
    async def handler(request: LitestarRequest[Any, Any, Any]) -> str:
        guard(request.scope)
        return "served"

    return Litestar([handler])


def _quart(guard: Guard) -> Any:
    app = Quart("events")

    @app.get("/")
    async def handler() -> str:
        guard(quart_request.scope)
        return "served"

    return app


def _bare(guard: Guard) -> Any:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        guard(scope)
        await answering()(scope, receive, send)

    return app


def _django_view(asked: HttpRequest) -> HttpResponse:
    _refused(asked.scope)  # type: ignore[attr-defined]  # an ASGIRequest
    return HttpResponse("served")


urlpatterns = [path("", _django_view)]


def _django(guard: Guard) -> Any:
    return serving(__name__)


GUARDS = [_raised, _refused, _refused_and_raised]
FRAMEWORKS = [_starlette, _fastapi, _litestar, _quart, _bare]


@pytest.mark.parametrize(
    ("build", "guard"),
    [
        *(
            pytest.param(build, guard, id=f"{build.__name__[1:]}, {guard.__name__[1:]}")
            for build in FRAMEWORKS
            for guard in GUARDS
        ),
        # Django makes a response of whatever its views raise: a guard there refuses.
        pytest.param(_django, _refused, id="django, refused"),
    ],
)
def test_one_refusal_is_one_event(build: Callable[[Guard], App], guard: Guard) -> None:
    events: list[SecurityEvent] = []
    app: Any = install(build(guard), RequestID(), on_event=events.append)
    answer = request(app, "GET", "/", patient=True)
    assert answer.status == 403
    assert answer.error is None
    assert [(event.reason, event.policy, event.path) for event in events] == [("guarded", "GuardRefused", "/")]
    assert answer.values("x-request-id") == [events[0].request_id]
