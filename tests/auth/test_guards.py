"""Guards: what they take, what they ask, what they tell; and endpoints that they protect."""

import inspect
import threading
from contextlib import suppress
from functools import partial
from typing import Any

import anyio
import pytest
from litestar.connection import ASGIConnection
from quart.wrappers import Request as QuartRequest
from starlette.requests import HTTPConnection, Request
from starlette.websockets import WebSocket
from werkzeug.datastructures import Headers

from asgisec import Authentication, RequestID, SecurityMiddleware
from asgisec.auth import Guard, Principal
from asgisec.errors import ConfigError, InsufficientScope, InvalidToken, Unauthenticated
from tests.apps import keep_in, no_message
from tests.asgi import Message, scope_of
from tests.auth.callers import (
    Counting,
    ask,
    bearer,
    bearer_auth,
    events_of,
    guarded,
    key_auth,
    token,
)


def scope(kind: str = "http", *headers: tuple[str, str]) -> dict[str, Any]:
    return dict(scope_of(kind, headers=headers or [("x-name", "ada")]))


def call(guard: Guard, connection: Any) -> Any:
    return anyio.run(guard, connection)


async def _nothing(*_: Any) -> Any: ...


def _quart(scope: Any) -> QuartRequest:
    return QuartRequest("GET", "http", "/", b"", Headers(), "", "1.1", scope, send_push_promise=_nothing)


class TestCall:
    @pytest.mark.parametrize("known", [False, True], ids=["for the first time", "known already"])
    @pytest.mark.parametrize(
        ("kind", "wrap"),
        [
            pytest.param("http", lambda scope: scope, id="scope of a request"),
            pytest.param("websocket", lambda scope: scope, id="scope of a WebSocket"),
            pytest.param("http", Request, id="starlette request"),
            pytest.param("http", HTTPConnection, id="starlette connection"),
            pytest.param("websocket", lambda scope: WebSocket(scope, _nothing, _nothing), id="starlette WebSocket"),
            pytest.param("http", ASGIConnection, id="litestar"),
            pytest.param("http", _quart, id="quart"),
        ],
    )
    def test_takes_every_connection(self, kind: str, wrap: Any, known: bool) -> None:
        auth = Counting()
        asked = scope(kind)
        if known:
            call(auth.require(), asked)
        assert call(auth.require("users:*"), wrap(asked)).subject == "ada"
        assert auth.looks == 1

    @pytest.mark.parametrize(
        "value",
        [None, "Bearer x", {}, {"type": "lifespan"}, {"authorization": "Bearer x"}, object(), 7, ["x"]],
        ids=["None", "a text", "no scope", "lifespan", "headers", "an object", "a number", "a list"],
    )
    def test_refuses_what_is_no_connection(self, value: Any) -> None:
        with pytest.raises(TypeError, match="pass a request, a WebSocket, or an ASGI scope of type http or websocket"):
            call(Counting().require(), value)

    def test_a_principal_that_lacks_a_scope_is_not_let_pass_because_it_is_known(self) -> None:
        auth = Counting()
        asked = scope()
        call(auth.require(), asked)
        with pytest.raises(InsufficientScope):
            call(auth.require("orders:read"), asked)
        assert call(auth.require("users:read"), asked).subject == "ada"

    def test_says_who_is_calling_unless_somebody_said_so_already(self) -> None:
        asked = scope()
        principal = call(Counting().require(), asked)
        assert asked["state"] == {"principal": principal}
        other = scope()
        other["state"] = {"principal": "somebody"}
        call(Counting().require(), other)
        assert other["state"] == {"principal": "somebody"}


class TestWhere:
    @pytest.mark.parametrize(
        ("where", "passes"),
        [
            pytest.param(lambda principal: principal.subject == "ada", True, id="True"),
            pytest.param(lambda principal: principal.subject == "eve", False, id="False"),
            pytest.param(lambda principal: principal.subject, False, id="what counts as true is not True"),
            pytest.param(lambda principal: 1, False, id="nor is one"),
            pytest.param(lambda principal: None, False, id="None"),
        ],
    )
    def test_must_return_true(self, where: Any, passes: bool) -> None:
        guard = Counting().require(where=where)
        if passes:
            assert call(guard, scope()).subject == "ada"
            return
        with pytest.raises(InsufficientScope) as refused:
            call(guard, scope())
        assert refused.value.reason == "not_allowed"

    def test_is_asked_also_of_who_is_known(self) -> None:
        auth = Counting()
        asked = scope()
        call(auth.require(), asked)
        with pytest.raises(InsufficientScope):
            call(auth.require(where=lambda principal: False), asked)

    def test_comes_behind_the_scopes(self) -> None:
        seen: Any = []
        with pytest.raises(InsufficientScope) as refused:
            call(Counting().require("orders:read", where=seen.append), scope())
        assert (refused.value.reason, seen) == ("insufficient_scope", [])

    def test_that_fails_lets_nobody_pass(self) -> None:
        with pytest.raises(KeyError):
            call(Counting().require(where=lambda principal: principal.claims["tenant"] == "t1"), scope())

    @pytest.mark.parametrize("where", ["admin", 7, _nothing], ids=["text", "a number", "a coroutine function"])
    def test_must_be_a_plain_function(self, where: Any) -> None:
        with pytest.raises(ConfigError, match=r"auth\.require\(where=\) got .*: write a"):
            Counting().require(where=where)


def test_says_what_it_is() -> None:
    guard = bearer_auth().require("b", "a", "b")
    assert guard.scopes == ("b", "a")
    assert repr(guard) == "<Guard BearerAuth(...) b a>"


def test_scopes_are_checked_when_it_is_made() -> None:
    for scopes in (["users read"], ['a"b'], ["a\r\nX-Admin: 1"], [["users:read"]], [None]):
        with pytest.raises((ConfigError, TypeError)):
            bearer_auth().require(*scopes)


def test_is_read_by_frameworks_as_a_function_of_a_connection() -> None:
    signature = inspect.signature(Counting().require())
    assert [parameter.annotation for parameter in signature.parameters.values()] == [HTTPConnection]
    assert signature.return_annotation is Principal
    assert [*inspect.signature(Guard).parameters] == ["authenticator", "scopes", "where"]


class TestEvents:
    @pytest.mark.parametrize(
        ("headers", "event"),
        [
            pytest.param([], ("authn_login_fail", "no_credential"), id="nothing"),
            pytest.param(
                [("authorization", "Bearer")], ("input_validation_fail", "malformed_credential"), id="malformed"
            ),
            pytest.param([bearer("opaque")], ("authn_login_fail", "malformed"), id="a bad token"),
            pytest.param([bearer(token("other"))], ("authz_fail", "insufficient_scope"), id="a scope that lacks"),
        ],
    )
    @pytest.mark.parametrize("way", ["bare", "a pass", "wrap"])
    def test_every_refusal_is_one(self, headers: Any, event: Any, way: str, caplog: Any) -> None:
        guard = bearer_auth().require("users:read")
        app = guarded(guard)
        if way == "a pass":
            app = SecurityMiddleware(app, RequestID())
        elif way == "wrap":
            app = guard.wrap(app)
        ask(app, *headers)
        told = events_of(caplog)
        assert [(one.name, one.reason) for one in told] == [event]
        assert told[0].policy == ("Admission" if way == "wrap" else "Guard")
        assert "eyJ" not in str(told[0])
        if event[0] == "authz_fail" and way != "wrap":
            assert told[0].principal == "user-1"

    def test_a_bad_credential_is_one_however_many_guards_ask(self, caplog: Any) -> None:
        guard = bearer_auth().require()

        async def app(scope: Message, receive: Any, send: Any) -> None:
            with suppress(InvalidToken):
                await guard(scope)
            await guarded(guard)(scope, receive, send)

        assert isinstance(ask(app, bearer("opaque")).error, InvalidToken)
        assert [event.reason for event in events_of(caplog)] == ["malformed"]

    def test_an_honest_caller_is_none(self, caplog: Any) -> None:
        assert ask(SecurityMiddleware(guarded(bearer_auth().require()), RequestID()), bearer(token())).status == 200
        assert events_of(caplog) == []


class Inbox:
    """An endpoint as a method."""

    guard = Counting().require("users:read")

    @guard.protect
    async def read(self, request: Request) -> str:
        return "read"


class TestProtect:
    guard = Counting().require("users:read")

    def run(self, endpoint: Any, *args: Any, **options: Any) -> Any:
        return anyio.run(partial(endpoint, *args, **options))

    def test_a_coroutine_function(self) -> None:
        @self.guard.protect
        async def endpoint(request: Request, item: int) -> int:
            """Read it."""
            return item

        assert self.run(endpoint, Request(scope()), 7) == 7
        assert self.run(endpoint, item=7, request=Request(scope())) == 7
        assert endpoint.__doc__ == "Read it."
        assert [*inspect.signature(endpoint).parameters] == ["request", "item"]
        with pytest.raises(Unauthenticated):
            self.run(endpoint, Request(scope("http", ("x-other", "x"))), 7)

    def test_a_plain_function_runs_in_a_thread(self) -> None:
        @self.guard.protect
        def endpoint(request: Request) -> int:
            return threading.get_ident()

        assert self.run(endpoint, Request(scope())) != threading.get_ident()
        with pytest.raises(Unauthenticated):
            self.run(endpoint, Request(scope("http", ("x-other", "x"))))

    def test_a_method(self) -> None:
        assert self.run(Inbox().read, Request(scope())) == "read"
        with pytest.raises(Unauthenticated):
            self.run(Inbox().read, Request(scope("http", ("x-other", "x"))))

    def test_a_callable_object_and_a_partial(self) -> None:
        class Endpoint:
            async def __call__(self, request: Request) -> str:
                return "called"

        async def two(first: int, request: Request) -> int:
            return first

        assert self.run(self.guard.protect(partial(two, 7)), Request(scope())) == 7
        endpoint = Endpoint()
        assert self.run(self.guard.protect(endpoint), Request(scope())) == "called"

    def test_a_bare_application(self) -> None:
        @self.guard.protect
        async def app(scope: Message, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 204, "headers": []})

        sent: list[Any] = []
        self.run(app, scope(), no_message, keep_in(sent))
        assert sent[0]["status"] == 204
        with pytest.raises(Unauthenticated):
            self.run(app, scope("http", ("x-other", "x")), no_message, keep_in(sent))

    @pytest.mark.parametrize(
        "body",
        [
            pytest.param({"type": "http", "headers": [[b"x-name", b"root"]]}, id="a body like a scope"),
            pytest.param(type("Model", (), {"scope": scope("http", ("x-name", "root"))})(), id="a model with a scope"),
        ],
    )
    def test_what_a_caller_sends_is_never_taken_for_the_connection(self, body: Any) -> None:
        seen: list[str] = []

        @self.guard.protect
        async def endpoint(body: Any, request: Any = None) -> None:
            seen.append("called")

        with pytest.raises(Unauthenticated):
            self.run(endpoint, body, request=Request(scope("http", ("x-other", "x"))))
        with pytest.raises(TypeError, match="let the endpoint take a request"):
            self.run(endpoint, body)
        with pytest.raises(TypeError, match="let the endpoint take a request"):
            self.run(endpoint, body=body)
        assert seen == []

    def test_what_is_no_function_is_refused(self) -> None:
        class Endpoint:
            pass

        def generator() -> Any:
            yield

        async def asynchronous() -> Any:
            yield

        for wrong in (Endpoint, generator, asynchronous, partial(generator), None, "endpoint"):
            with pytest.raises(ConfigError, match=r"guard\.protect\(endpoint\) got .*: (write it above|let the)"):
                self.guard.protect(wrong)  # type: ignore[arg-type]


class TestWrap:
    def test_what_is_inside_sees_who_is_calling(self) -> None:
        seen: list[Any] = []

        async def app(scope: Message, receive: Any, send: Any) -> None:
            seen.append((scope["state"]["principal"], scope["user"], [*scope["auth"].scopes]))
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body"})

        assert ask(bearer_auth().require().wrap(app), bearer(token("a"))).status == 200
        ((principal, user, scopes),) = seen
        assert principal is user
        assert sorted(scopes) == ["a", "authenticated"]

    def test_is_a_pass_like_others(self) -> None:
        auth = key_auth()
        app = auth.require().wrap(guarded(auth.require()))
        answer = ask(SecurityMiddleware(app, RequestID()))
        assert (answer.status, len(answer.values("x-request-id"))) == (401, 1)
        assert app.closes == ()

    def test_another_scope_type_passes(self) -> None:
        seen: list[str] = []

        async def app(scope: Message, receive: Any, send: Any) -> None:
            seen.append(scope["type"])

        anyio.run(bearer_auth().require().wrap(app), {"type": "lifespan"}, no_message, keep_in([]))
        assert seen == ["lifespan"]

    def test_two_around_one_both_ask(self) -> None:
        auth = bearer_auth()
        app = auth.require("a").wrap(auth.require("b").wrap(guarded(auth.require())))
        assert ask(app, bearer(token("a b"))).status == 200
        assert ask(app, bearer(token("a"))).status == 403
        assert ask(app, bearer(token("b"))).status == 403


def test_a_refusal_that_a_handler_mends_is_not_the_answer() -> None:
    optional = bearer_auth().require()

    async def app(scope: Message, receive: Any, send: Any) -> None:
        try:
            await optional(scope)
        except InvalidToken:
            raise
        except Unauthenticated:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"for everybody"})

    secured = SecurityMiddleware(app, Authentication(key_auth(), required=False))
    assert ask(secured).body == b"for everybody"
    assert ask(secured, bearer("opaque")).status == 401


def test_a_token_in_two_ways_is_told_as_such(caplog: Any) -> None:
    app = bearer_auth().require().wrap(guarded(bearer_auth().require()))
    assert ask(app, bearer(token()), query_string=b"access_token=x").status == 400
    assert [(event.name, event.reason) for event in events_of(caplog)] == [("input_validation_fail", "two_credentials")]
