"""What the page on moving from fastapi-limiter says: its examples side by side, and every row of differences."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import Depends, FastAPI, HTTPException, WebSocket
from fastapi_limiter.decorators import skip_limiter
from fastapi_limiter.depends import RateLimiter, WebSocketRateLimiter
from fastapi_limiter.identifier import default_identifier
from pyrate_limiter import Duration, Limiter, Rate
from starlette.testclient import TestClient

from asgisec import RateLimit, RateLimitGuard, RequestID, install
from asgisec.errors import RateLimitExceeded
from tests.docs.pages import rows, section
from tests.docs.write import DOCS

PAGE = DOCS / "moving-from-fastapi-limiter.md"
HOUR = Duration.HOUR  # long enough for the slowest machine


async def _hello() -> dict[str, str]:
    return {"msg": "Hello World"}


def theirs(*routes: str, rates: list[int]) -> FastAPI:
    app = FastAPI()
    limiters = [Depends(RateLimiter(limiter=Limiter(Rate(rate, HOUR)))) for rate in rates]
    for route in routes:
        app.add_api_route(route, _hello, dependencies=limiters)
    return app


def ours(*routes: str, rates: list[int]) -> FastAPI:
    app = install(FastAPI(), RequestID())
    guard = Depends(RateLimitGuard(*[f"{rate}/hour" for rate in rates]))
    for route in routes:
        app.add_api_route(route, _hello, dependencies=[guard])
    return app


MAKERS = (theirs, ours)


def asked(app: FastAPI, *paths: str, clients: list[str] | None = None) -> list[int]:
    found = []
    for n, path in enumerate(paths):
        client = TestClient(app, client=((clients or ["192.0.2.1"] * len(paths))[n], 1))
        found.append(client.get(path).status_code)
    return found


def test_the_first_example_does_the_same() -> None:
    assert [asked(make("/", rates=[2]), "/", "/", "/") for make in MAKERS] == [[200, 200, 429]] * 2


def test_several_limits_do_the_same() -> None:
    assert [asked(make("/multiple", rates=[1, 2]), *["/multiple"] * 2) for make in MAKERS] == [[200, 429]] * 2


def test_a_route_that_is_left_out_does_the_same() -> None:
    before = FastAPI()
    before.add_api_route(
        "/skip", skip_limiter(_hello), dependencies=[Depends(RateLimiter(limiter=Limiter(Rate(1, HOUR))))]
    )
    after = install(FastAPI(), RateLimit("1/hour", exempt=["/skip"]))
    after.add_api_route("/skip", _hello)
    assert [asked(app, "/skip", "/skip") for app in (before, after)] == [[200, 200]] * 2


def _socket(app: FastAPI, make: Callable[[], Any], refusal: type[Exception]) -> FastAPI:
    @app.websocket("/ws")
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        limit = make()
        async for _ in websocket.iter_text():
            try:
                await limit(websocket)
                await websocket.send_text("Hello, world")
            except refusal:
                await websocket.send_text("Hello again")

    return app


def test_a_websocket_does_the_same() -> None:
    before = _socket(FastAPI(), lambda: WebSocketRateLimiter(limiter=Limiter(Rate(1, HOUR))), HTTPException)
    guard = RateLimitGuard("1/hour")
    after = _socket(install(FastAPI(), RequestID()), lambda: guard, RateLimitExceeded)
    for app in (before, after):
        with TestClient(app).websocket_connect("/ws") as socket:
            heard = []
            for _ in range(3):
                socket.send_text("hi")
                heard.append(socket.receive_text())
        assert heard == ["Hello, world", "Hello again", "Hello again"]


def four_clients() -> tuple[str, str]:
    clients = [f"192.0.2.{n}" for n in range(1, 5)]
    said: dict[tuple[int, ...], str] = {
        (200, 200, 429, 429): "one count for all",
        (200, 200, 200, 200): "one count for each",
    }
    first, second = (said[tuple(asked(make("/", rates=[2]), *"////", clients=clients))] for make in MAKERS)
    return first, second


def two_routes() -> tuple[str, str]:
    paths, clients = ["/a", "/b", "/a"], ["192.0.2.1", "192.0.2.1", "192.0.2.2"]
    said: dict[tuple[int, ...], str] = {(200, 429, 429): "one count", (200, 429, 200): "one count for each client"}
    first, second = (said[tuple(asked(make("/a", "/b", rates=[1]), *paths, clients=clients))] for make in MAKERS)
    return first, second


def a_written_address() -> tuple[str, str]:
    seen: list[str] = []

    async def noted(request: Any) -> str:
        seen.append(await default_identifier(request))
        return seen[-1]

    before = FastAPI()
    limit = RateLimiter(limiter=Limiter(Rate(1, HOUR)), identifier=noted)
    before.add_api_route("/", _hello, dependencies=[Depends(limit)])
    after = ours("/", rates=[1])
    for app in (before, after):
        client = TestClient(app)
        statuses = [client.get("/", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in (1, 2)]
        assert statuses == [200, 429]  # there, one count is for all
    assert [address.partition(":")[0] for address in seen] == ["203.0.113.1", "203.0.113.2"]
    return "is whom it says", "is who it is"


def a_refusal() -> tuple[str, str]:
    told = []
    for make in MAKERS:
        client = TestClient(make("/", rates=[1]))
        client.get("/")
        told.append("`Retry-After`" if "retry-after" in client.get("/").headers else "no `Retry-After`")
    return told[0], told[1]


def an_answer() -> tuple[str, str]:
    told = []
    for make in MAKERS:
        headers = TestClient(make("/", rates=[1])).get("/").headers
        told.append(
            "`RateLimit`, `RateLimit-Policy`" if {"ratelimit", "ratelimit-policy"} <= {*headers} else "no headers"
        )
    return told[0], told[1]


CASES: dict[str, Callable[[], tuple[str, str]]] = {
    "four clients, one limiter": four_clients,
    "one limiter on two routes": two_routes,
    "a client that writes `X-Forwarded-For` itself": a_written_address,
    "a refused request": a_refusal,
    "what was let through": an_answer,
}


@pytest.mark.parametrize("what", CASES)
def test_a_difference(what: str) -> None:
    shown = {name: (before, after) for name, before, after in rows(section(PAGE, "What behaves differently"))}
    assert CASES[what]() == shown[what]


def test_every_difference_has_its_case() -> None:
    assert [name for name, *_ in rows(section(PAGE, "What behaves differently"))] == [*CASES]
