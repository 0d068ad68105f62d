"""A limit at one place: on a bare scope, as a dependency of FastAPI's, and in every other framework."""

import inspect
import json
from collections.abc import Callable
from typing import Annotated, Any

import anyio
import pytest
from fastapi import APIRouter, Depends, FastAPI, WebSocket
from fastapi.testclient import TestClient
from litestar import Litestar, get
from litestar import Request as LitestarRequest
from quart import Quart
from quart import request as quart_request
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgisec import Exchange, RateLimitGuard, RequestID, SecurityEvent, SecurityMiddleware, install
from asgisec.errors import ConfigError, LimitUndecided, RateLimitExceeded
from asgisec.stores import MemoryStore
from tests.asgi import App, Message, Recorded, answering, request, scope_of, websocket
from tests.policies.rate_limit.limited import Clock, by_hand, fields, left, refused


def at_one_o_clock() -> MemoryStore:
    return MemoryStore(clock=Clock())


def asking(guard: RateLimitGuard) -> App:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await guard(scope)
        await answering()(scope, receive, send)

    return app


def test_without_a_pass() -> None:
    guard = RateLimitGuard("1/minute", store=at_one_o_clock(), strategy="fixed-window")

    async def run() -> list[RateLimitExceeded | None]:
        return [
            await refused(guard, scope_of(client=(client, 1))) for client in ("192.0.2.7", "192.0.2.8", "192.0.2.7")
        ]

    first, other, error = anyio.run(run)
    assert first is other is None
    assert error is not None
    assert error.headers is not None
    assert error.headers["Retry-After"] == "60"
    assert error.members == {"violated-policies": ["1/minute"]}


def test_without_a_pass_the_event_is_the_guard_s(caplog: pytest.LogCaptureFixture) -> None:
    guard = RateLimitGuard("1/minute")
    assert request(asking(guard)).status == 200
    assert isinstance(request(asking(guard)).error, RateLimitExceeded)
    (event,) = [record.event for record in caplog.records if record.name == "asgisec.events"]  # type: ignore[attr-defined]
    assert (event.name, event.reason, event.policy) == ("excess_rate_limit_exceeded", "rate_limit", "RateLimitGuard")
    assert event.client == "192.0.2.7"


def test_within_a_pass() -> None:
    events: list[SecurityEvent] = []
    guard = RateLimitGuard("1/minute", store=at_one_o_clock(), strategy="fixed-window")
    app = SecurityMiddleware(asking(guard), RequestID(), on_event=events.append)
    allowed, error = request(app), request(app)
    assert (allowed.status, left(allowed)) == (200, {"1/minute": 0})
    assert (error.status, left(error)) == (429, {"1/minute": 0})
    assert fields(error, "ratelimit-policy") == {"1/minute": {"q": 1, "w": 60}}
    assert error.values("retry-after") == ["60"]
    assert json.loads(error.body)["violated-policies"] == ["1/minute"]
    assert json.loads(error.body)["request_id"] == error.values("x-request-id")[0]
    assert [(event.name, event.reason) for event in events] == [("excess_rate_limit_exceeded", "rate_limit")]


def test_a_handshake_within_a_pass() -> None:
    guard = RateLimitGuard("1/minute")
    app = SecurityMiddleware(asking(guard), RequestID())
    assert [websocket(app).status for _ in range(2)] == [101, 429]


@pytest.mark.parametrize("headers", [None, "legacy"])
def test_which_headers_there_are(headers: Any) -> None:
    guard = RateLimitGuard("9/minute", headers=headers)
    answer = request(SecurityMiddleware(asking(guard), RequestID()))
    assert answer.values("ratelimit") == []
    assert answer.values("x-ratelimit-remaining") == ([] if headers is None else ["8"])


def test_messages_of_a_websocket_and_no_heap_of_headers() -> None:
    guard = RateLimitGuard("2/minute")
    exchanges = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        exchanges.append(scope["asgisec"])
        await send({"type": "websocket.accept"})
        for _ in range(4):
            said = "too often" if await refused(guard, scope) else "hello"
            await send({"type": "websocket.send", "text": said})
        await send({"type": "websocket.close", "code": 1000})

    events: list[SecurityEvent] = []
    answer = websocket(SecurityMiddleware(app, RequestID(), on_event=events.append))
    assert [message["text"] for message in answer.messages[1:-1]] == ["hello", "hello", "too often", "too often"]
    assert exchanges[0].added is None
    # Caught, they are events all the same.
    assert [(event.reason, event.policy, event.method) for event in events] == [
        ("rate_limit", "RateLimitGuard", "WEBSOCKET")
    ] * 2


def test_after_accept_a_refusal_closes() -> None:
    guard = RateLimitGuard("1/minute")

    async def app(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await guard(scope)
        await guard(scope)

    answer = websocket(SecurityMiddleware(app, RequestID()))
    assert answer.close is not None
    assert (answer.close["code"], answer.close["reason"]) == (1008, "Too many requests.")


def test_rehearsal() -> None:
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(asking(RateLimitGuard("1/minute", dry_run=True)), RequestID(), on_event=events.append)
    answers = [request(app) for _ in range(2)]
    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.values("ratelimit") for answer in answers] == [[], []]
    assert [(event.reason, event.rehearsed, event.policy) for event in events] == [
        ("rate_limit", True, "RateLimitGuard")
    ]


def test_a_function_that_fails_lets_nobody_pass() -> None:
    guard = RateLimitGuard("1/minute", key=lambda exchange: exchange.scope["path_params"]["user"])
    answer = request(SecurityMiddleware(asking(guard), RequestID()))
    assert answer.status == 500
    assert isinstance(request(asking(guard)).error, LimitUndecided)
    users = ["ada", "bob", "ada"]
    assert [by_hand(guard, path_params={"user": user}) for user in users] == [None, None, "rate_limit"]


def test_what_it_closes() -> None:
    store = MemoryStore()
    assert RateLimitGuard("1/minute", store=store).closes == (store,)
    assert RateLimitGuard("1/minute").closes == ()
    assert repr(RateLimitGuard("1/minute; 9/hour")) == "RateLimitGuard(1 per 1 minute, 9 per 1 hour)"


@pytest.mark.parametrize(
    ("limits", "options", "message"),
    [
        pytest.param(
            [], {}, "RateLimitGuard(*limits) got (): name at least one limit, such as '5/minute'", id="nothing"
        ),
        pytest.param(
            ["often"],
            {},
            "RateLimitGuard(*limits) got 'often': write limits such as '100/minute', or items of the limits package",
            id="no limit",
        ),
        pytest.param(
            ["1/minute"],
            {"name": 'a"b'},
            "RateLimitGuard(name=) got 'a\"b': "
            "write a short name in visible ASCII, without quotes, backslashes and commas",
            id="no name",
        ),
        pytest.param(
            ["1/minute"],
            {"cost": 0},
            "RateLimitGuard(cost=) got 0: write a whole number of 1 or more, or a function of the exchange",
            id="no cost",
        ),
        pytest.param(
            ["1/minute"],
            {"headers": "IETF"},
            "RateLimitGuard(headers=) got 'IETF': write 'ietf', 'legacy', 'both', or None",
            id="no headers",
        ),
        pytest.param(
            ["1/minute"], {"dry_run": "no"}, "RateLimitGuard(dry_run=) got 'no': write True or False", id="no bool"
        ),
    ],
)
def test_what_is_no_guard(limits: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        RateLimitGuard(*limits, **options)
    assert str(raised.value) == message


def test_what_is_no_connection() -> None:
    with pytest.raises(TypeError, match="pass a request, a WebSocket, or an ASGI scope"):
        anyio.run(RateLimitGuard("1/minute"), object())


def test_headers_that_stand_in_several_lines_are_one() -> None:
    seen: list[str | None] = []

    def by_accept(exchange: Exchange) -> str:
        seen.append(exchange.header("accept"))
        return "anybody"

    guard = RateLimitGuard("9/minute", key=by_accept)
    request(asking(guard), headers=[("host", "testserver"), ("accept", "a"), ("accept", "b")])
    assert seen == ["a, b"]


def test_the_signature_of_the_class_is_that_of_its_options() -> None:
    """For whoever writes documentation of it, or completes code: it raised a `TypeError`."""
    assert {"limits", "key", "cost"} <= inspect.signature(RateLimitGuard).parameters.keys()


def test_its_signature_is_what_fastapi_asks_for() -> None:
    (parameter,) = inspect.signature(RateLimitGuard("1/minute")).parameters.values()
    assert parameter.annotation is HTTPConnection


def in_fastapi(guard: RateLimitGuard) -> FastAPI:
    app = FastAPI()
    router = APIRouter(dependencies=[Depends(guard)])

    @router.get("/a")
    def a() -> dict[str, str]:
        return {"said": "a"}

    @app.get("/b")
    async def b(limited: Annotated[None, Depends(guard)]) -> dict[str, str]:
        return {"said": "b"}

    @router.websocket("/ws")
    async def ws(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    app.include_router(router)
    return app


def test_as_a_dependency() -> None:
    app = install(in_fastapi(RateLimitGuard("3/minute")), RequestID())
    answers = [request(app, path=path) for path in ("/a", "/b", "/a", "/a", "/b")]
    assert [answer.status for answer in answers] == [200, 200, 200, 429, 429]
    assert [left(answer)["3/minute"] for answer in answers] == [2, 1, 0, 0, 0]
    assert answers[0].body == b'{"said":"a"}'
    assert answers[3].values("content-type") == ["application/problem+json"]
    assert websocket(app, path="/ws").status == 429


def test_as_a_dependency_without_a_pass() -> None:
    client = TestClient(in_fastapi(RateLimitGuard("1/minute", store=at_one_o_clock(), strategy="fixed-window")))
    assert client.get("/a").status_code == 200
    answer = client.get("/b")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert answer.headers["ratelimit"] == '"1/minute";r=0;t=60'


def test_it_is_no_part_of_the_api_s_description() -> None:
    description = in_fastapi(RateLimitGuard("1/minute")).openapi()
    assert "parameters" not in description["paths"]["/a"]["get"]
    assert "requestBody" not in description["paths"]["/b"]["get"]


def _starlette(guard: RateLimitGuard) -> App:
    async def here(request: Request) -> PlainTextResponse:
        await guard(request)
        return PlainTextResponse("here")

    return Starlette(routes=[Route("/here", here)])


def _litestar(guard: RateLimitGuard) -> App:
    async def limit(request: LitestarRequest[Any, Any, Any]) -> None:
        await guard(request)

    @get("/here", before_request=limit)
    async def here() -> str:
        return "here"

    return Litestar([here], openapi_config=None)


def _quart(guard: RateLimitGuard) -> App:
    app = Quart(__name__)

    @app.get("/here")
    async def here() -> str:
        await guard(quart_request)
        return "here"

    return app


def _litestar_guards(guard: RateLimitGuard) -> App:
    @get("/here", guards=[guard])
    async def here() -> str:
        return "here"

    return Litestar([here], openapi_config=None)


@pytest.mark.parametrize("make", [_starlette, _litestar, _litestar_guards, _quart])
def test_in_other_frameworks(make: Callable[[RateLimitGuard], App]) -> None:
    app = install(make(RateLimitGuard("2/minute", store=at_one_o_clock(), strategy="fixed-window")), RequestID())
    answers: list[Recorded] = [request(app, path="/here", patient=True) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert [left(answer)["2/minute"] for answer in answers] == [1, 0, 0]
    assert answers[2].values("retry-after") == ["60"]
    assert json.loads(answers[2].body)["violated-policies"] == ["2/minute"]


def test_its_key_sees_what_the_framework_knows() -> None:
    def by_user(exchange: Exchange) -> str:
        return str(exchange.scope["path_params"]["user"])

    guard = RateLimitGuard("1/minute", key=by_user)
    app = install(FastAPI(), RequestID())

    @app.get("/users/{user}", dependencies=[Depends(guard)])
    def user(user: str) -> str:
        return user

    assert [request(app, path=f"/users/{name}").status for name in ("ada", "bob", "ada")] == [200, 200, 429]
