"""One id per request: which inbound ids are kept, where the id shows, and that it does so once."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec import Answer, Exchange, Policy, RequestID, SecurityMiddleware, request_id
from asgisec.middleware import RequestIDMiddleware
from tests.asgi import App, Headers, Message, answering, request, websocket

SIGNS = "azAZ09._~+/=:@-"


def seen_by(secured: Callable[[App], App], headers: Headers) -> tuple[str, Message, list[str]]:
    """The id in the scope's state, the scope, and the ids on the response."""
    scopes: list[Message] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        scopes.append(scope)
        await answering()(scope, receive, send)

    recorded = request(secured(app), headers=headers)
    assert recorded.error is None
    return scopes[0]["state"]["request_id"], scopes[0], recorded.values("x-request-id")


@pytest.mark.parametrize(
    "inbound",
    [
        pytest.param(SIGNS, id="every sign"),
        pytest.param("a", id="one character"),
        pytest.param("x" * 128, id="128 characters"),
        pytest.param("0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b", id="UUID"),
        pytest.param("Root=1-67891233-abcdef012345678912345678", id="of an AWS load balancer"),
        pytest.param("7f3c9a2b/uvicorn+1", id="of another service"),
    ],
)
def test_a_well_formed_inbound_id_is_kept(inbound: str) -> None:
    made, _, sent = seen_by(RequestIDMiddleware, [("x-request-id", inbound)])
    assert (made, sent) == (inbound, [inbound])


@pytest.mark.parametrize(
    "inbound",
    [
        pytest.param([b""], id="empty"),
        pytest.param([b"x" * 129], id="129 characters"),
        pytest.param([b"x" * 1_000_000], id="a megabyte"),
        pytest.param([b"a\r\nSet-Cookie: session=stolen"], id="a second header"),
        pytest.param([b"abc\n"], id="line feed at the end"),
        pytest.param([b"abc\x00"], id="NUL"),
        pytest.param([b"\x1b[2Jabc"], id="terminal escape"),
        pytest.param([b"\xff\xfe\xfd"], id="invalid UTF-8"),
        pytest.param(["ïd".encode()], id="UTF-8"),
        pytest.param([b"a b"], id="space"),
        pytest.param([b"a\tb"], id="tab"),
        pytest.param([b"<script>alert(1)</script>"], id="markup"),
        pytest.param([b"a", b"b"], id="two ids"),
        pytest.param([b"same", b"same"], id="the same id twice"),
        pytest.param([b"a,b"], id="two ids on one line"),
    ],
)
def test_any_other_inbound_id_is_dropped(inbound: Sequence[bytes]) -> None:
    made, _, sent = seen_by(RequestIDMiddleware, [("x-request-id", value) for value in inbound])
    assert sent == [made]
    assert UUID(made).version == 7


def test_each_request_gets_an_id_of_its_own() -> None:
    first, second = (seen_by(RequestIDMiddleware, [])[0] for _ in range(2))
    assert first < second


@pytest.mark.parametrize(
    ("options", "inbound", "kept"),
    [
        pytest.param({"trust_inbound": False}, "abc", False, id="no inbound id is trusted"),
        pytest.param({"validator": str.isdigit}, "123", True, id="validator says yes"),
        pytest.param({"validator": str.isdigit}, "abc", False, id="validator says no"),
        pytest.param({"validator": UUID}, "abc", False, id="validator raises"),
        pytest.param(
            {"validator": UUID}, "0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b", True, id="validator returns an object"
        ),
        pytest.param({"validator": lambda value: None}, "abc", False, id="validator returns nothing"),
        pytest.param({"validator": lambda value: True}, "a b", False, id="validator cannot widen what is well-formed"),
    ],
)
def test_which_ids_are_kept(options: Any, inbound: str, *, kept: bool) -> None:
    made, _, sent = seen_by(lambda app: RequestIDMiddleware(app, **options), [("x-request-id", inbound)])
    assert (made == inbound) is kept
    assert sent == [made]


def test_the_validator_never_sees_an_id_that_is_not_well_formed() -> None:
    asked: list[str] = []

    def validator(value: str) -> bool:
        asked.append(value)
        return True

    for value in ("good", "bad one", "x" * 129):
        seen_by(lambda app: RequestIDMiddleware(app, validator=validator), [("x-request-id", value)])
    assert asked == ["good"]


def later(*made: object) -> Callable[[], Any]:
    """A generator that makes these, one after the other; exceptions are raised."""
    left = iter(made)

    def generator() -> object:
        one = next(left)
        if isinstance(one, Exception):
            raise one
        return one

    return generator


@pytest.mark.parametrize(
    ("second", "used"),
    [
        pytest.param("job-7", True, id="an id"),
        pytest.param("a\r\nSet-Cookie: session=stolen", False, id="a second header"),
        pytest.param("", False, id="empty"),
        pytest.param(7, False, id="a number"),
        pytest.param(None, False, id="nothing"),
        pytest.param("ïd", False, id="other letters"),
        pytest.param(OSError("no entropy"), False, id="an exception"),
    ],
)
def test_what_a_generator_makes_later(second: object, *, used: bool) -> None:
    policy = RequestID(generator=later("first", second))
    made, _, sent = seen_by(lambda app: SecurityMiddleware(app, policy), [])
    assert sent == [made]
    assert (made == second) is used
    assert used or UUID(made).version == 7


@pytest.mark.parametrize("header", ["X-Correlation-ID", "x-correlation-id", "Request-Id"])
def test_another_header(header: str) -> None:
    sent = [("x-request-id", "other"), (header, "mine")]
    recorded = request(RequestIDMiddleware(answering(), header=header), headers=sent)
    assert recorded.values(header) == ["mine"]
    assert recorded.values("x-request-id") == []


@pytest.mark.parametrize(
    ("inbound", "update", "shown"),
    [
        pytest.param([], False, [], id="left alone"),
        pytest.param([b"bad one"], False, [b"bad one"], id="left alone, though it was dropped"),
        pytest.param([], True, None, id="added"),
        pytest.param([b"good"], True, [b"good"], id="kept"),
        pytest.param([b"bad one"], True, None, id="replaced"),
        pytest.param([b"one", b"two"], True, None, id="two replaced by one"),
    ],
)
def test_the_request_header_that_the_application_sees(inbound: Any, *, update: bool, shown: Any) -> None:
    headers = [("host", "testserver"), *(("x-request-id", value) for value in inbound)]
    made, scope, _ = seen_by(lambda app: RequestIDMiddleware(app, update_request_header=update), headers)
    lines = [value for name, value in scope["headers"] if name == b"x-request-id"]
    assert lines == (shown if shown is not None else [made.encode()])
    assert (b"host", b"testserver") in scope["headers"]


@pytest.mark.parametrize("state", [pytest.param({}, id="empty"), pytest.param({"database": 1}, id="of the lifespan")])
def test_the_state_that_the_server_brings_is_kept(state: dict[str, Any]) -> None:
    seen: list[Any] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen.append(scope["state"])
        await answering()(scope, receive, send)

    request(RequestIDMiddleware(app), headers=[("x-request-id", "abc")], state={**state})
    assert seen == [{**state, "request_id": "abc"}]


def test_the_scope_of_the_server_is_left_as_it_was() -> None:
    scopes: list[Message] = []
    app = RequestIDMiddleware(answering(), update_request_header=True)

    async def server(scope: Message, receive: Any, send: Any) -> None:
        scopes.append({**scope, "headers": [*scope["headers"]]})
        await app(scope, receive, send)
        scopes.append(scope)

    request(server)
    assert scopes[0] == scopes[1]


@pytest.mark.parametrize(
    ("own", "sent"),
    [
        pytest.param([], ["from-gateway"], id="none"),
        # asgi-correlation-id appends a second line here.
        pytest.param([("X-Request-ID", "of-app")], ["of-app"], id="one stays"),
        pytest.param([("x-request-id", "first"), ("x-request-id", "second")], ["first"], id="of two the first"),
        pytest.param([("x-request-id", "same"), ("X-Request-Id", "same")], ["same"], id="twice the same"),
    ],
)
def test_an_application_that_sets_the_header(own: Headers, sent: list[str]) -> None:
    app = RequestIDMiddleware(answering(headers=[*own, ("content-type", "text/plain")]))
    recorded = request(app, headers=[("x-request-id", "from-gateway")])
    assert recorded.values("x-request-id") == sent
    assert recorded.values("content-type") == ["text/plain"]


class _Refusing(Policy):
    def on_request(self, exchange: Exchange) -> Answer:
        return Answer.plain(418, "No.")


@pytest.mark.parametrize(
    ("app", "status"),
    [
        pytest.param(answering(404), 404, id="404"),
        pytest.param(answering(500), 500, id="500 of the application"),
        pytest.param(SecurityMiddleware(answering(), _Refusing()), 418, id="a policy inside refuses"),
    ],
)
def test_every_response_carries_the_id(app: App, status: int) -> None:
    recorded = request(RequestIDMiddleware(app))
    assert recorded.status == status
    assert len(recorded.values("x-request-id")) == 1


def test_an_exception_is_answered_with_the_id() -> None:
    """asgi-correlation-id has none on a 500: the framework answers outside of it."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        raise ZeroDivisionError

    recorded = request(RequestIDMiddleware(app), headers=[("x-request-id", "from-gateway")])
    assert recorded.status == 500
    assert recorded.values("x-request-id") == ["from-gateway"]
    assert isinstance(recorded.error, ZeroDivisionError)
    assert recorded.error.__notes__ == ["request id: from-gateway"]


@pytest.mark.parametrize("denial", [True, False])
def test_a_websocket_carries_the_id(*, denial: bool) -> None:
    recorded = websocket(RequestIDMiddleware(answering()), headers=[("x-request-id", "abc")], denial=denial)
    assert recorded.messages[0]["type"] == "websocket.accept"
    assert recorded.values("x-request-id") == ["abc"]


def test_a_request_has_one_id_however_many_policies_ask() -> None:
    seen: list[Any] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen.append((request_id(), scope["state"]["request_id"]))
        await answering()(scope, receive, send)

    inner = SecurityMiddleware(app, RequestID(header="X-Trace", trust_inbound=False))

    async def opaque(scope: Message, receive: Any, send: Any) -> None:
        await inner(scope, receive, send)
        seen.append((request_id(), scope["state"]["request_id"]))

    outer = SecurityMiddleware(opaque, RequestID(), RequestID(header="X-Correlation-ID"))
    recorded = request(outer, headers=[("x-request-id", "abc"), ("x-trace", "other")])
    assert seen == [("abc", "abc")] * 2
    for header in ("x-request-id", "x-correlation-id", "x-trace"):
        assert recorded.values(header) == ["abc"]


@given(st.lists(st.tuples(st.sampled_from([b"x-request-id", b"traceparent", b"a"]), st.binary()), max_size=4))
def test_whatever_comes_in_what_goes_out_is_well_formed(headers: list[tuple[bytes, bytes]]) -> None:
    made, _, sent = seen_by(RequestIDMiddleware, headers)
    assert sent == [made]
    assert 1 <= len(made) <= 128
    assert made.isascii()
    assert all(sign.isalnum() or sign in SIGNS for sign in made)
