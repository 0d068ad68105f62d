"""What the page on moving from slowapi says: its examples side by side, and every row of its table of differences."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket
from slowapi import Limiter, _rate_limit_exceeded_handler
from slowapi.errors import RateLimitExceeded
from slowapi.middleware import SlowAPIASGIMiddleware
from slowapi.util import get_remote_address
from starlette.routing import Router
from starlette.testclient import TestClient

from asgisec import RateLimit, RateLimitGuard, RequestID, Rule, install
from asgisec.errors import ConfigError
from asgisec.stores import RedisStore
from tests import valkey
from tests.docs.differences import programs
from tests.docs.pages import rows, section
from tests.docs.write import DOCS

PAGE = DOCS / "moving-from-slowapi.md"


def limiter(**options: Any) -> Limiter:
    return Limiter(key_func=get_remote_address, **options)


def theirs(made: Limiter, middleware: bool = False) -> FastAPI:
    """Make an application as their pages do."""
    app = FastAPI()
    app.state.limiter = made
    app.add_exception_handler(RateLimitExceeded, _rate_limit_exceeded_handler)  # type: ignore[arg-type]  # as there
    if middleware:
        app.add_middleware(SlowAPIASGIMiddleware)
    return app


def statuses(app: Any, path: str, count: int = 2) -> list[int]:
    client = TestClient(app, raise_server_exceptions=False)
    return [client.get(path).status_code for _ in range(count)]


def limited(app: Any, path: str) -> str:
    return "limited" if 429 in statuses(app, path) else "not limited"


def routed(app: FastAPI) -> FastAPI:
    router = APIRouter()
    router.add_api_route("/included", _hello)
    app.include_router(router)
    app.mount("/mounted", Router())
    app.add_api_websocket_route("/ws", _socket)
    return app


def _hello() -> dict[str, str]:
    return {"key": "value"}


async def _socket(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


def by_default() -> tuple[FastAPI, FastAPI]:
    before = routed(theirs(limiter(default_limits=["1/minute"]), middleware=True))
    return before, install(routed(FastAPI()), RateLimit("1/minute"))


def both(path: str) -> Callable[[], tuple[str, str]]:
    def case() -> tuple[str, str]:
        before, after = by_default()
        return limited(before, path), limited(after, path)

    return case


def _handshakes(app: FastAPI) -> str:
    client = TestClient(app)
    for _ in range(2):
        try:
            with client.websocket_connect("/ws"):
                pass
        except Exception:  # noqa: BLE001 - whatever the client makes of a refusal
            return "limited"
    return "not limited"


def a_handshake() -> tuple[str, str]:
    before, after = by_default()
    return _handshakes(before), _handshakes(after)


def a_dict_with_headers() -> tuple[str, str]:
    made = limiter(headers_enabled=True)
    before = theirs(made)

    @before.get("/mars")
    @made.limit("5/minute")
    async def mars(request: Request) -> dict[str, str]:
        return {"key": "value"}

    after = install(FastAPI(), RequestID())
    after.add_api_route("/mars", _hello, dependencies=[Depends(RateLimitGuard("5/minute"))])
    answer = TestClient(after).get("/mars")
    told = "with the headers" if '"5/minute";r=4' in answer.headers["ratelimit"] else "without"
    return str(statuses(before, "/mars", 1)[0]), f"{answer.status_code}, {told}"


def a_limit_that_is_none() -> tuple[str, str]:
    made = limiter(default_limits=["often"])  # says nothing
    before = theirs(made, middleware=True)
    before.add_api_route("/home", _hello)
    found = "found by a request" if statuses(before, "/home", 1) else ""
    with pytest.raises(ConfigError):
        RateLimit("often")
    return found, "a `ConfigError` at start"


def two_apps(*limits: str) -> tuple[FastAPI, FastAPI]:
    made = limiter()
    before = theirs(made)

    async def home(request: Request) -> dict[str, str]:
        return {"key": "value"}

    for limit in limits:
        home = made.limit(limit)(home)
    before.add_api_route("/home", home)
    after = install(FastAPI(), RequestID())
    after.add_api_route("/home", _hello, dependencies=[Depends(RateLimitGuard(*limits))])
    return before, after


def the_body() -> tuple[str, str]:
    before, after = (TestClient(app) for app in two_apps("5/minute"))
    answers = [[client.get("/home") for _ in range(6)][-1] for client in (before, after)]
    assert [answer.status_code for answer in answers] == [429, 429]
    document = json.loads(answers[1].content)
    assert document["type"].endswith("#quota-exceeded")
    return f"`{answers[0].text}`", "a problem document"


def two_limits() -> tuple[str, str]:
    before, after = (TestClient(app) for app in two_apps("9/hour", "1/minute"))
    for client in (before, after):
        assert [client.get("/home").status_code for _ in range(4)] == [200, 429, 429, 429]
    made: Any = before.app.state.limiter  # type: ignore[attr-defined]  # of Starlette
    spent = max(made.limiter.storage.storage.values())
    assert '"9/hour";r=8' in after.get("/home").headers["ratelimit"]
    return ("spends of the first" if spent > 1 else "spends nothing"), "spends nothing"


def a_parameter() -> tuple[str, str]:
    made = limiter()
    before, after = theirs(made), install(FastAPI(), RequestID())

    async def user(request: Request) -> dict[str, str]:
        return {"key": "value"}

    before.add_api_route("/users/{number}", made.limit("1/minute")(user))
    after.add_api_route("/users/{number}", _hello, dependencies=[Depends(RateLimitGuard("1/minute"))])
    said = {(200, 200): "one count for each value", (200, 429): "one count"}
    told = []
    for app in (before, after):
        client = TestClient(app)
        first, second = (client.get(f"/users/{number}").status_code for number in (1, 2))
        told.append(said[first, second])
    return told[0], told[1]


def a_redirect() -> tuple[str, str]:
    made = limiter()
    before, after = theirs(made), install(FastAPI(), RateLimit(rules=[Rule("/home", limits="1/minute")]))

    async def home(request: Request) -> dict[str, str]:
        return {"key": "value"}

    before.add_api_route("/home", made.limit("1/minute")(home))
    after.add_api_route("/home", _hello)
    told = []
    for app in (before, after):
        client = TestClient(app, follow_redirects=False)
        found = [client.get("/home/").status_code for _ in range(2)]
        assert found[0] == 307
        told.append("limited" if found[1] == 429 else "not limited")
    return told[0], told[1]


def the_counts_of_the_other() -> tuple[str, str]:
    with valkey.server() as url:
        made = limiter(storage_uri=f"redis+{url}" if url.startswith("unix") else url, strategy="fixed-window")
        before, after = theirs(made), install(FastAPI(), RateLimit("1/minute", store=RedisStore.from_url(url)))

        async def home(request: Request) -> dict[str, str]:
            return {"key": "value"}

        before.add_api_route("/home", made.limit("1/minute")(home))
        after.add_api_route("/home", _hello)
        told: list[str] = []
        for first, second in ((after, before), (before, after)):
            made.reset()
            with TestClient(first, client=(f"192.0.2.{len(told)}", 1)) as client:
                assert client.get("/home").status_code == 200
            with TestClient(second, client=(f"192.0.2.{len(told)}", 1)) as client:
                told.append("not seen" if client.get("/home").status_code == 200 else "seen")
    return told[0], told[1]


def a_header_twice() -> tuple[str, str]:
    told = []
    for names in programs(PAGE.name, "A whole application"):
        headers = TestClient(names["app"]).get("/search").headers
        found = headers.get_list("x-ratelimit-remaining", split_commas=True)
        told.append({2: "sent twice", 1: "sent once"}[len(found)])
    return told[0], told[1]


CASES: dict[str, Callable[[], tuple[str, str]]] = {
    "a route of an included router, with default limits": both("/included"),
    "a mounted application, with default limits": both("/mounted/it"),
    "what is not found, with default limits": both("/missing"),
    "a route with a parameter, asked for two values": a_parameter,
    "`/home/`, which is redirected to a limited `/home`": a_redirect,
    "a handler that returns a dict, with headers enabled": a_dict_with_headers,
    "`X-RateLimit-*` of a route with two limits": a_header_twice,
    "the handshake of a WebSocket": a_handshake,
    "a limit that is none, among the default limits": a_limit_that_is_none,
    "the body of a 429": the_body,
    "a refused request, of two limits": two_limits,
    "the counts of the other, in the same Redis": the_counts_of_the_other,
}


@pytest.mark.parametrize("what", CASES)
def test_a_difference(what: str) -> None:
    shown = {name: (before, after) for name, before, after in rows(section(PAGE, "What behaves differently"))}
    assert CASES[what]() == shown[what]


def test_every_difference_has_its_case() -> None:
    assert [name for name, *_ in rows(section(PAGE, "What behaves differently"))] == [*CASES]


def test_the_first_example_does_the_same() -> None:
    assert [statuses(app, "/home", 6) for app in two_apps("5/minute")] == [[200] * 5 + [429]] * 2


def test_several_limits_do_the_same() -> None:
    assert [statuses(app, "/home", 4) for app in two_apps("5/minute", "3/hour")] == [[200] * 3 + [429]] * 2


def test_a_shared_limit_does_the_same() -> None:
    made = limiter()
    before, after = theirs(made), install(FastAPI(), RequestID())
    shared, guard = made.shared_limit("3/minute", scope="both"), Depends(RateLimitGuard("3/minute"))
    for path in ("/a", "/b"):

        async def handler(request: Request) -> dict[str, str]:
            return {"key": "value"}

        handler.__name__ = path[1:]
        before.add_api_route(path, shared(handler))
        after.add_api_route(path, _hello, dependencies=[guard])
    asked = ["/a", "/b", "/a", "/b", "/a"]
    for app in (before, after):
        client = TestClient(app)
        assert [client.get(path).status_code for path in asked] == [200] * 3 + [429] * 2
