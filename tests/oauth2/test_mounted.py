"""The endpoints, mounted in each framework and on their own: the same answers to the same requests."""

import json
from collections.abc import Callable
from typing import Any

import anyio
import pytest
from fastapi import FastAPI
from litestar import Litestar, asgi
from quart import Quart
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from asgisec import RequestID, install
from asgisec.oauth2 import JWKSEndpoint, RevocationEndpoint
from asgisec.stores import MemoryStore
from tests.asgi import App, Message, request, websocket
from tests.oauth2.people import KEYS, endpoint, issuer, password, post, said


def starlette() -> App:
    return Starlette(routes=[Route("/token", endpoint()), Mount("/below", routes=[Route("/jwks", JWKSEndpoint(KEYS))])])


def fastapi() -> App:
    app = FastAPI()
    app.router.routes.append(Route("/token", endpoint()))
    app.mount("/below/jwks", JWKSEndpoint(KEYS))
    return app


def litestar() -> App:
    token, keys = endpoint(), JWKSEndpoint(KEYS)

    @asgi("/token", copy_scope=True)
    async def tokens(scope: Any, receive: Any, send: Any) -> None:
        await token(scope, receive, send)

    @asgi("/below/jwks", copy_scope=True)
    async def jwks(scope: Any, receive: Any, send: Any) -> None:
        await keys(scope, receive, send)

    return Litestar([tokens, jwks], openapi_config=None)


def dispatched(inner: App) -> App:
    """Put the endpoints before an application that has no place for them, as one does with Quart."""
    endpoints: dict[str, App] = {"/token": endpoint(), "/below/jwks": JWKSEndpoint(KEYS)}

    async def app(scope: Message, receive: Any, send: Any) -> None:
        await endpoints.get(scope.get("path", ""), inner)(scope, receive, send)

    return app


def quart() -> App:
    app = Quart("tests.oauth2.test_mounted")
    app.asgi_app = dispatched(app.asgi_app)  # type: ignore[assignment, method-assign]  # as documented
    return app


async def nothing(scope: Message, receive: Any, send: Any) -> None:
    raise NotImplementedError


MAKERS: dict[str, Callable[[], App]] = {
    "starlette": starlette,
    "fastapi": fastapi,
    "litestar": litestar,
    "quart": quart,
    "bare": lambda: dispatched(nothing),
}


@pytest.fixture(params=MAKERS)
def app(request: pytest.FixtureRequest) -> App:
    return MAKERS[request.param]()


@pytest.fixture(params=["as it is", "installed"])
def dressed(request: pytest.FixtureRequest, app: App) -> App:
    return install(app, RequestID()) if request.param == "installed" else app


def test_a_login(dressed: App) -> None:
    answer = post(dressed, password(scope="orders:read"))
    assert (answer.status, said(answer)["scope"]) == (200, "orders:read")
    assert answer.values("cache-control") == ["no-store"]


def test_a_refusal_is_the_endpoints_own(dressed: App) -> None:
    answer = post(dressed, password(given="wrong"))
    assert (answer.status, said(answer)["error"]) == (400, "invalid_grant")
    assert answer.values("content-type") == ["application/json"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_other_methods_are_the_endpoints_to_refuse(dressed: App, method: str) -> None:
    answer = request(dressed, method, "/token")
    assert (answer.status, answer.values("allow")) == (405, ["POST"])
    assert (answer.body == b"") is (method == "HEAD")


def test_keys_below_a_path(dressed: App) -> None:
    # FastAPI's and Starlette's `mount` adds a slash, and says so.
    answer = request(dressed, "GET", "/below/jwks")
    if answer.status == 307:
        answer = request(dressed, "GET", "/below/jwks/")
    assert [key["kid"] for key in json.loads(answer.body)["keys"]] == ["k1"]


def test_a_websocket_is_refused(dressed: App) -> None:
    recorded = websocket(dressed, "/token")
    assert "websocket.accept" not in [message["type"] for message in recorded.messages]


def test_on_its_own_it_closes_its_store() -> None:
    closed: list[str] = []

    class Closing(MemoryStore):
        async def aclose(self) -> None:
            closed.append("store")

    tokens = issuer(store=Closing())
    for alone in (endpoint(tokens), RevocationEndpoint(tokens)):
        assert _lifespan(alone) == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert closed == ["store", "store"]


def _lifespan(app: App) -> list[str]:
    sent: list[str] = []

    async def run() -> None:
        incoming = iter(["startup", "shutdown"])

        async def receive() -> Message:
            return {"type": f"lifespan.{next(incoming)}"}

        async def send(message: Message) -> None:
            sent.append(message["type"])

        await app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    anyio.run(run)
    return sent
