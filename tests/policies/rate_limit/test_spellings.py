"""No spelling of a path that reaches its handler evades its rule: found out by asking the frameworks.

Hypothesis spells the path of a route in every way it can think of. Where the framework's handler answers, the rule for
that route has to have seen it.

`ASGISEC_EXAMPLES=20000` looks longer than the gate does.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from litestar import Litestar, Router, get
from quart import Quart
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from asgisec.policies.rate_limit.rules import Rule, Rules
from tests.asgi import App, request, scope_of
from tests.servers.apps import django_app

_EXAMPLES = int(os.environ.get("ASGISEC_EXAMPLES", "0"))
_thorough = settings(
    max_examples=_EXAMPLES or 100,
    derandomize=not _EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
RULES = Rules([Rule("/auth/token", limits="1/minute")])


def _starlette() -> App:
    async def token(request: Request) -> PlainTextResponse:
        return PlainTextResponse("token")

    return Starlette(routes=[Route("/auth/token", token)])


def _mounted() -> App:
    async def token(request: Request) -> PlainTextResponse:
        return PlainTextResponse("token")

    return Starlette(routes=[Mount("/auth", app=Starlette(routes=[Route("/token", token)]))])


def _fastapi() -> App:
    router = APIRouter(prefix="/auth")

    @router.get("/token")
    def token() -> str:
        return "token"

    app = FastAPI()
    app.include_router(router)
    return app


def _litestar() -> App:
    @get("/token", sync_to_thread=False)
    def token() -> str:
        return "token"

    return Litestar([Router("/auth", route_handlers=[token])], openapi_config=None)


def _quart() -> App:
    app = Quart(__name__)

    @app.get("/auth/token")
    async def token() -> str:
        return "token"

    return app


APPS: dict[str, Callable[[], App]] = {
    "starlette": cache(_starlette),
    "starlette, mounted": cache(_mounted),
    "fastapi": cache(_fastapi),
    "litestar": cache(_litestar),
    "quart": cache(_quart),
    "django": django_app,
}

_pieces = st.sampled_from(
    ["/", "//", "/.", "/..", ".", "\n", "\r", "\t", " ", "\x00", ";x", "%2f", "\\", "?", "#", "é", "\ufeff"]
) | st.sampled_from(["http:", "http://h", "//h", "/api", "/auth", "/token", "auth"])


@st.composite
def _spellings(draw: st.DrawFn) -> str:
    path = draw(st.sampled_from(["/auth/token", "/api/auth/token", "/api/api/auth/token", "http://h/auth/token"]))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(path)))
        path = path[:at] + draw(_pieces) + path[at:]
    return path


def reached(app: App, scope: dict[str, Any]) -> bool:
    return request(app, patient=True, **scope).status == 200


@pytest.mark.parametrize("name", APPS)
def test_no_spelling_that_reaches_the_handler_evades_the_rule(name: str) -> None:
    app = APPS[name]()
    seen: set[str] = set()

    @_thorough
    @given(_spellings(), st.sampled_from(["", "", "/api", "/api/", "/api/api"]))
    def holds(path: str, root: str) -> None:
        if reached(app, {"path": path, "root_path": root}):
            seen.add(path)
            assert RULES.matching(scope_of(path=path, root_path=root))[0]

    holds()
    assert len(seen) > 1, "few spellings reached the handler: nothing was looked at"
