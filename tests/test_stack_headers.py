"""Headers through the pass: constants, `Vary`, what may come once only, and what is a list."""

from typing import Any

import pytest

from asgisec import Exchange, Policy, RequestID, SecurityHeaders, SecurityMiddleware
from asgisec.errors import SecurityError
from tests.asgi import Headers, Message, answering, request, websocket
from tests.made import TooMuch, constants, made, refusing

HOST = ("host", "testserver")


@pytest.mark.parametrize(
    ("own", "policies", "expected"),
    [
        pytest.param([], [constants((b"x-a", b"1"), (b"x-b", b"2"))], ["x-a: 1", "x-b: 2"], id="all are set"),
        pytest.param([(b"x-a", b"own")], [constants((b"x-a", b"1"))], ["x-a: own"], id="the application's own wins"),
        pytest.param([(b"X-A", b"own")], [constants((b"x-a", b"1"))], ["x-a: own"], id="in mixed case, as Django's"),
        pytest.param(
            [(b"x-a", b"own")], [constants((b"x-a", b"1"), (b"x-b", b"2"))], ["x-a: own", "x-b: 2"], id="one of two"
        ),
        pytest.param(
            [(b"x-a", b""), (b"X-a", b"two")], [constants((b"x-a", b"1"))], ["x-a: ", "x-a: two"], id="twice and empty"
        ),
        pytest.param(
            [], [constants((b"x-a", b"outer")), constants((b"x-a", b"inner"))], ["x-a: inner"], id="inner policy wins"
        ),
        pytest.param(
            [], [constants((b"x-a", b"1"), (b"x-a", b"2"))], ["x-a: 1", "x-a: 2"], id="one policy's own two lines"
        ),
        pytest.param(
            [],
            [
                constants((b"x-a", b"outer")),
                made(on_response=lambda exchange, headers: headers.append((b"X-A", b"inner"))),
            ],
            ["x-a: inner"],
            id="an inner policy's edit wins, in mixed case",
        ),
        pytest.param(
            [(b"x-a", b"own")],
            [constants((b"x-a", b"outer")), made(on_response=lambda exchange, headers: headers.clear())],
            ["x-a: outer"],
            id="what an inner policy removed is set again",
        ),
        pytest.param([(b"1", b"2")], [constants((b"x-a", b"1"))], ["1: 2", "x-a: 1"], id="a name without letters"),
    ],
)
def test_constant_headers(own: Headers, policies: list[Policy], expected: list[str]) -> None:
    response = request(SecurityMiddleware(answering(headers=own), *policies))
    assert [f"{name}: {value}" for name, value in response.headers] == expected


@pytest.mark.parametrize(
    ("own", "vary", "added", "expected"),
    [
        pytest.param([], b"Origin", [], ["Origin"], id="none of the application's"),
        pytest.param([(b"vary", b"Cookie")], b"Origin", [], ["Cookie, Origin"], id="merged"),
        pytest.param(
            [(b"Vary", b"cookie, ORIGIN")], b"Origin", [], ["cookie, ORIGIN"], id="never twice, whatever the case"
        ),
        pytest.param([(b"vary", b"A"), (b"vary", b"B,,A")], b"Origin", [], ["A, B, Origin"], id="two lines"),
        pytest.param([(b"vary", b"*")], b"Origin", [], ["*"], id="a star stays alone"),
        pytest.param([(b"vary", b"Cookie")], b"*", [], ["*"], id="a star takes over"),
        pytest.param(
            [(b"vary", b"Cookie")], b"Origin", ["Accept", "origin"], ["Cookie, Origin, Accept"], id="add_header"
        ),
        pytest.param([], None, ["Accept", "Accept"], ["Accept"], id="add_header alone"),
        pytest.param([(b"vary", b"")], b"Origin", [], ["Origin"], id="an empty one"),
    ],
)
def test_vary_is_merged(own: Headers, vary: bytes | None, added: list[str], expected: list[str]) -> None:
    def add(exchange: Exchange) -> None:
        for value in added:
            exchange.add_header("Vary", value)

    policies = [made(on_request=add), *([constants((b"vary", vary))] if vary else [])]
    assert request(SecurityMiddleware(answering(headers=own), *policies)).values("vary") == expected


def test_a_policy_outside_sees_the_names_of_what_was_added_inside() -> None:
    seen: list[bool] = []
    outside = made(on_response=lambda exchange, headers: seen.extend(n in exchange.names for n in (b"vary", b"x-a")))
    request(SecurityMiddleware(answering(), outside, constants((b"vary", b"Origin"), (b"x-a", b"1"))))
    assert seen == [True, True]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "name",
    [
        "host",
        "authorization",
        "x-api-key",
        "content-length",
        "content-type",
        "transfer-encoding",
        "origin",
        "sec-fetch-site",
        "x-forwarded-proto",
    ],
)
@pytest.mark.parametrize("values", [pytest.param(("1", "2"), id="differing"), pytest.param(("1", "1"), id="the same")])
def test_a_header_that_may_come_once(kind: str, name: str, values: tuple[str, str]) -> None:
    reached: list[str] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        reached.append("app")

    def judge(exchange: Exchange) -> None:
        reached.append("policy")

    secured = SecurityMiddleware(
        app, RequestID(), SecurityHeaders(), made(on_request=judge), constants((b"x-in", b"1"))
    )
    headers = [("x-request-id", "mine"), *((name, value) for value in values)]
    response = request(secured, headers=headers) if kind == "http" else websocket(secured, headers=headers)
    assert response.status == 400
    assert response.values("x-request-id") == ["mine"]
    assert response.values("x-frame-options") == ["DENY"]
    assert not response.values("x-in")
    assert b'"request_id":"mine"' in response.body
    assert not reached


def test_a_repeated_header_is_refused_where_the_only_policy_never_refuses() -> None:
    response = request(SecurityMiddleware(answering(), RequestID()), headers=[HOST, HOST])
    assert response.status == 400
    assert len(response.values("x-request-id")) == 1


@pytest.mark.parametrize(
    ("name", "lines", "joined"),
    [
        pytest.param(
            "x-forwarded-for", ["192.0.2.1", "192.0.2.2, 192.0.2.3"], "192.0.2.1, 192.0.2.2, 192.0.2.3", id="XFF"
        ),
        pytest.param("forwarded", ["for=192.0.2.1", "for=192.0.2.2"], "for=192.0.2.1, for=192.0.2.2", id="Forwarded"),
        pytest.param("access-control-request-headers", ["x-a", "x-b"], "x-a, x-b", id="Access-Control-Request-Headers"),
        pytest.param("cookie", ["a=1", "b=2", "c=3"], "a=1; b=2; c=3", id="Cookie, as HTTP/2 splits it"),
        pytest.param("x-unknown", ["1", "", "2"], "1, , 2", id="any other"),
    ],
)
def test_a_header_that_is_a_list_is_joined_in_order(name: str, lines: list[str], joined: str) -> None:
    seen: list[Any] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen.append([value.decode() for key, value in scope["headers"] if key == name.encode()])

    policy = made(on_request=lambda exchange: seen.append(exchange.header(name)))
    request(SecurityMiddleware(app, policy), headers=[HOST, *((name, line) for line in lines)])
    assert seen == [joined, lines]


def test_headers_that_are_added_are_on_refusals_and_on_answers() -> None:
    def add(exchange: Exchange) -> None:
        exchange.add_header("RateLimit", '"a";r=1')
        exchange.add_header("X-Twice", "1")
        exchange.add_header("x-twice", "2")

    for inner, status in ((refusing(), 413), (constants(), 200)):
        response = request(SecurityMiddleware(answering(), made(on_request=add), inner))
        assert response.status == status
        assert response.values("ratelimit") == ['"a";r=1']
        assert response.values("x-twice") == ["1", "2"]


def test_a_policy_that_tracks_names_is_not_read_again() -> None:
    def on_response(exchange: Exchange, headers: list[Any]) -> None:
        headers.append((b"x-a", b"hidden"))

    tracking = made(on_response=on_response, tracks_names=True)
    response = request(SecurityMiddleware(answering(), constants((b"x-a", b"constant")), tracking))
    assert response.values("x-a") == ["hidden", "constant"]


def test_headers_may_be_any_iterable_of_pairs() -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": iter([[b"X-A", b"1"]])})
        await send({"type": "http.response.body"})

    assert request(SecurityMiddleware(app, RequestID())).headers[0] == ("x-a", "1")


def test_a_start_without_headers_is_dressed() -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    assert request(SecurityMiddleware(app, constants((b"x-a", b"1")))).headers == [("x-a", "1")]


def test_the_message_of_the_application_is_not_changed() -> None:
    kept: Message = {"type": "http.response.start", "status": 200, "headers": [(b"X-A", b"1")]}

    async def app(scope: Message, receive: Any, send: Any) -> None:
        await send(kept)
        await send({"type": "http.response.body"})

    response = request(SecurityMiddleware(app, constants((b"x-b", b"2"))))
    assert response.headers == [("x-a", "1"), ("x-b", "2")]
    assert kept == {"type": "http.response.start", "status": 200, "headers": [(b"X-A", b"1")]}


@pytest.mark.parametrize("error", [SecurityError("no"), TooMuch("no", headers={"Retry-After": "1"}, members={"a": 1})])
def test_a_refusal_is_a_problem_document(error: SecurityError) -> None:
    response = request(SecurityMiddleware(answering(), refusing(error)))
    assert response.status == error.status
    assert b'"detail":"no"' in response.body
    assert (b'"a":1' in response.body) is bool(error.members)
    assert response.values("retry-after") == (["1"] if error.headers else [])
