"""What other limiters were seen to get wrong, each a request that is answered rightly here."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import StreamingResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, Router

from asgisec import CORS, RateLimit, RateLimitGuard, RequestID, SecurityMiddleware, install, secure
from asgisec.middleware import RateLimitMiddleware
from asgisec.stores import MemoryStore, RedisStore
from tests import valkey
from tests.asgi import App, Recorded, answering, linted, request, scope_of, websocket
from tests.policies.rate_limit.limited import Clock, left
from tests.servers.apps import BARE


def _api() -> FastAPI:
    app = FastAPI()
    router, inner = APIRouter(prefix="/router"), APIRouter(prefix="/inner")

    for owner in (app, router, inner):
        owner.add_api_route("/it", lambda: {"it": 1})
    router.include_router(inner)
    app.include_router(router)
    app.mount("/mounted", Router([Route("/it", _it)]))
    app.mount("/asgi", answering())
    return app


def _it(request: Request) -> PlainTextResponse:
    return PlainTextResponse("it")


def _nothing() -> dict[str, int]:
    return {}


def _by_install(app: FastAPI, limit: RateLimit) -> App:
    return install(app, limit)


def _by_add_middleware(app: FastAPI, limit: RateLimit) -> App:
    app.add_middleware(RateLimitMiddleware, *limit.limits, store=limit.store, strategy=limit.strategy)
    return app


def _by_hand(app: FastAPI, limit: RateLimit) -> App:
    return SecurityMiddleware(app, limit)


PATHS = ["/it", "/router/it", "/router/inner/it", "/mounted/it", "/asgi/it", "/missing", "/mounted/missing"]


@pytest.mark.parametrize("secured", [_by_install, _by_add_middleware, _by_hand])
@pytest.mark.parametrize("path", PATHS)
def test_p1_routers_mounts_and_404s_are_limited(secured: Callable[[FastAPI, RateLimit], App], path: str) -> None:
    app = secured(_api(), RateLimit("1/minute", store=MemoryStore(clock=Clock())))
    found = 404 if path.endswith("missing") else 200
    assert [request(app, path=path).status for _ in range(4)] == [found, 429, 429, 429]


@pytest.mark.parametrize("name", BARE)
@pytest.mark.parametrize(("path", "found"), [("/ok", 200), ("/missing", 404), ("/stream", 200)])
def test_p1_on_every_framework(name: str, path: str, found: int) -> None:
    # One made for the whole run: Django's is one per process, and has none of ours around it.
    app = SecurityMiddleware(BARE[name](), RateLimit("2/minute", store=MemoryStore(clock=Clock())))
    answers: list[Recorded] = [request(app, path=path, patient=True) for _ in range(3)]
    assert [answer.status for answer in answers] == [found, found, 429]
    assert [left(answer)["2/minute"] for answer in answers] == [1, 0, 0]


def test_p2_a_route_that_returns_a_dict_tells_where_its_client_stands() -> None:
    app = secure(_api(), hosts=["testserver"], limits=["2/minute"])
    answers = [request(app, path="/it") for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[0].body == b'{"it":1}'
    assert left(answers[0]) == {"2/minute": 1}


def test_p2_a_guard_leaves_what_the_route_returns_alone() -> None:
    app = FastAPI(dependencies=[Depends(RateLimitGuard("2/minute"))])
    app.add_api_route("/it", lambda: {"it": 1})
    install(app, RequestID())
    answer = request(app, path="/it")
    assert (answer.status, answer.body, left(answer)) == (200, b'{"it":1}', {"2/minute": 1})


@pytest.mark.parametrize(
    ("on_store_error", "statuses"), [("local", [200, 200, 429]), ("allow", [200, 200, 200]), ("deny", [503, 503, 503])]
)
def test_p3_without_redis_nothing_is_a_500(on_store_error: Any, statuses: list[int]) -> None:
    store = RedisStore.from_url(f"redis://127.0.0.1:{valkey.free_port()}/0", prefix=valkey.fresh_prefix())
    app = SecurityMiddleware(answering(), RateLimit("2/minute", store=store, on_store_error=on_store_error))
    answers = [request(app) for _ in range(3)]
    assert [answer.status for answer in answers] == statuses
    assert [answer.error for answer in answers] == [None] * 3


def test_p4_a_stream_starts_once_and_is_one_request() -> None:
    app = FastAPI()

    @app.get("/stream")
    def stream() -> StreamingResponse:
        return StreamingResponse(iter([b"a", b"b", b"c"]))

    limited = RateLimitMiddleware(linted(app), "2/minute")
    answers = [request(limited, path="/stream", patient=True) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [message["type"] for message in answers[0].messages].count("http.response.start") == 1
    assert answers[0].body == b"abc"


EVIL = [("host", "testserver"), ("origin", "https://evil.example")]


def test_p5_handshakes_are_limited_and_those_of_foreign_pages_refused() -> None:
    app = SecurityMiddleware(answering(), CORS(allow_origins=["https://app.example.com"]), RateLimit("1/minute"))
    assert [websocket(app, headers=EVIL).status for _ in range(5)] == [403] * 5
    own = [("host", "testserver"), ("origin", "https://app.example.com")]
    assert [websocket(app, headers=own).status for _ in range(3)] == [101, 429, 429]
    # Behind Starlette's CORS, which lets handshakes through, they are limited all the same.
    theirs = CORSMiddleware(RateLimitMiddleware(answering(), "1/minute"), allow_origins=["https://app.example.com"])
    assert [websocket(theirs, headers=EVIL).status for _ in range(3)] == [101, 429, 429]


def test_p6_each_client_has_a_count_of_its_own() -> None:
    app = FastAPI()
    app.add_api_route("/", _nothing, dependencies=[Depends(RateLimitGuard("2/minute"))])
    install(app, RequestID())
    clients = [f"192.0.2.{n}" for n in range(1, 5)] * 2
    assert [request(app, client=(client, 1)).status for client in clients] == [200] * 8
    refused = request(app, client=("192.0.2.1", 1))
    assert refused.status == 429
    assert int(refused.values("retry-after")[0]) >= 1


@pytest.fixture(scope="module")
def redis_url() -> Any:
    with valkey.server() as url:
        yield url


@pytest.mark.parametrize("strategy", ["fixed-window", "sliding-window-counter", "moving-window", "gcra"])
def test_p7_four_applications_on_one_store_admit_what_is_allowed(redis_url: str, strategy: str) -> None:
    prefix = valkey.fresh_prefix()

    async def run() -> list[int]:
        stores = [RedisStore.from_url(redis_url, prefix=prefix, timeout=10) for _ in range(4)]
        limits = [RateLimit("5/hour", "9/day", store=store, strategy=strategy) for store in stores]
        apps = [SecurityMiddleware(answering(), limit) for limit in limits]
        statuses: list[int] = []
        async with anyio.create_task_group() as group:
            for number in range(40):
                group.start_soon(_ask, apps[number % 4], statuses)
        for store in stores:
            await store.aclose()
        return statuses

    statuses = anyio.run(run)
    assert sorted(statuses) == [200] * 5 + [429] * 35


async def _ask(app: App, statuses: list[int]) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope_of(), receive, send)
