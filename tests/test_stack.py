"""The pass over one request: order, refusals, what it leaves alone, and which passes are one."""

from functools import partial
from typing import Any

import anyio
import pytest

from asgisec import Answer, Exchange, Policy, RequestID, SecurityMiddleware, TrustedHosts
from asgisec.errors import ConfigError
from asgisec.middleware import RequestIDMiddleware
from asgisec.stack import not_starting
from tests.asgi import App, Message, answering, request, scope_of
from tests.made import TooMuch, constants, made, refusing, saying

HOST = ("host", "testserver")


def test_requests_meet_policies_in_order_and_responses_in_reverse() -> None:
    log: list[str] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        log.append("app")
        await answering()(scope, receive, send)

    request(SecurityMiddleware(app, saying(log, "outer"), saying(log, "inner")))
    assert log == [
        "outer on_request",
        "outer wrap_receive",
        "inner on_request",
        "inner wrap_receive",
        "app",
        "inner on_response 200",
        "outer on_response 200",
        "inner on_end NoneType",
        "outer on_end NoneType",
    ]


def _later(verdict: Any) -> Any:
    async def on_request(exchange: Exchange) -> Any:
        await anyio.lowlevel.checkpoint()
        return verdict

    return made(on_request=on_request)


@pytest.mark.parametrize(
    ("policy", "status", "content_type"),
    [
        pytest.param(refusing(TooMuch()), 413, "application/problem+json", id="a SecurityError"),
        pytest.param(refusing(Answer.plain(418, "tea")), 418, "text/plain; charset=utf-8", id="an Answer"),
        pytest.param(_later(TooMuch()), 413, "application/problem+json", id="a SecurityError, awaited"),
        pytest.param(_later(Answer.plain(418, "tea")), 418, "text/plain; charset=utf-8", id="an Answer, awaited"),
    ],
)
def test_a_refusal_is_dressed_by_the_policies_outside_only(policy: Policy, status: int, content_type: str) -> None:
    called: list[object] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        called.append(scope)

    inside = constants((b"x-inside", b"1"))
    outside = [constants((b"x-outermost", b"1")), RequestID(), made(on_response=_append(b"x-outside"))]
    response = request(SecurityMiddleware(app, *outside, policy, inside))
    assert response.status == status
    assert response.values("content-type") == [content_type]
    assert response.values("content-length") == [str(len(response.body))]
    assert len(response.values("x-request-id")) == len(response.values("x-outermost")) == 1
    assert response.values("x-outside") == ["1"]
    assert not response.values("x-inside")
    assert not called


def _append(name: bytes, value: bytes = b"1") -> Any:
    return lambda exchange, headers: headers.append((name, value))


def test_an_awaited_verdict_that_lets_pass_lets_pass() -> None:
    assert request(SecurityMiddleware(answering(), _later(None))).status == 200


def test_head_is_refused_without_a_body() -> None:
    response = request(SecurityMiddleware(answering(), refusing()), "HEAD")
    assert response.status == 413
    assert response.body == b""
    assert int(response.values("content-length")[0]) > 0


def _objects_seen(scope: Message, *policies: Policy) -> tuple[Any, ...]:
    seen: list[Any] = []

    async def app(*given: Any) -> None:
        seen.extend(given)

    async def receive() -> None: ...

    async def send(message: Message) -> None: ...

    async def run() -> None:
        await SecurityMiddleware(app, *policies)(scope, receive, send)

    anyio.run(run)
    return tuple(a is b for a, b in zip(seen, (scope, receive, send), strict=True))


@pytest.mark.parametrize(
    ("scope", "policies"),
    [
        pytest.param({"type": "lifespan", "asgi": {}}, [TrustedHosts(["a"]), refusing()], id="lifespan"),
        pytest.param({"type": "quic.datagram"}, [TrustedHosts(["a"]), refusing()], id="an unknown type"),
        pytest.param(scope_of("http"), [], id="http without policies"),
        pytest.param(scope_of("websocket"), [], id="websocket without policies"),
    ],
)
def test_what_passes_untouched(scope: Message, policies: list[Policy]) -> None:
    assert _objects_seen(scope, *policies) == (True, True, True)


@pytest.mark.parametrize(
    ("policy", "same_receive"),
    [
        pytest.param(TrustedHosts(["testserver"]), True, id="no policy wraps it: the server's own"),
        pytest.param(made(wrap_receive=lambda exchange, receive: partial(receive)), False, id="a policy wraps it"),
    ],
)
def test_receive_is_wrapped_only_where_a_policy_does(policy: Policy, same_receive: bool) -> None:
    scope = scope_of(headers=[HOST])
    assert _objects_seen(scope, policy)[1] is same_receive


def test_a_policy_may_put_something_around_the_application() -> None:
    wrapped: list[Any] = []

    def around(app: App) -> App:
        wrapped.append(app)
        return answering(203)

    def watch(exchange: Exchange) -> None:
        exchange.around = around

    app = answering()
    assert request(SecurityMiddleware(app, made(on_request=watch))).status == 203
    assert wrapped == [app]


def test_the_scope_of_the_server_is_not_changed() -> None:
    def judge(exchange: Exchange) -> None:
        exchange.scope["client"] = ("203.0.113.9", 1)
        exchange.scope["added"] = True

    async def app(scope: Message, receive: Any, send: Any) -> None:
        assert scope["client"] == ("203.0.113.9", 1)
        scope["app"] = "a framework's"

    scope = scope_of(headers=[HOST, ("cookie", "a"), ("cookie", "b")])
    before = {**scope, "headers": [*scope["headers"]]}
    _drive(SecurityMiddleware(app, RequestID(update_request_header=True), made(on_request=judge)), scope)
    assert scope == before


def _drive(app: App, scope: Message) -> None:
    async def run() -> None:
        async def nothing(*given: Any) -> None: ...

        await app(scope, nothing, nothing)

    anyio.run(run)


class Overriding(SecurityMiddleware):
    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["met"].append("overriding")
        await super().__call__(scope, receive, send)


class NotOverriding(SecurityMiddleware):
    """A subclass of a user's, of which nothing is known."""


@pytest.mark.parametrize(
    ("outer", "inner", "fused"),
    [
        pytest.param(SecurityMiddleware, SecurityMiddleware, True, id="ours around ours"),
        pytest.param(SecurityMiddleware, Overriding, False, id="around a subclass that overrides __call__"),
        pytest.param(SecurityMiddleware, NotOverriding, False, id="around a subclass that overrides nothing"),
        pytest.param(Overriding, SecurityMiddleware, True, id="a subclass around ours"),
        pytest.param(RequestIDMiddleware, SecurityMiddleware, True, id="one of asgisec.middleware around ours"),
        pytest.param(SecurityMiddleware, RequestIDMiddleware, True, id="ours around one of asgisec.middleware"),
        pytest.param(RequestIDMiddleware, NotOverriding, False, id="one of asgisec.middleware around a subclass"),
    ],
)
def test_which_neighbours_fuse(outer: Any, inner: Any, fused: bool) -> None:
    seen: list[Any] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen.append(scope["asgisec"].outer is None)
        await answering()(scope, receive, send)

    ask_inner = [] if inner is RequestIDMiddleware else [constants((b"x-inner", b"1"))]
    ask_outer = [] if outer is RequestIDMiddleware else [constants((b"x-outer", b"1"))]
    inside = inner(app, *ask_inner)
    secured = outer(inside, *ask_outer)
    met: list[str] = []
    response = request(secured, met=met)
    assert seen == [fused]
    assert secured.app is inside
    assert inside.app is app
    for name in [*["x-inner"] * len(ask_inner), *["x-outer"] * len(ask_outer)]:
        assert response.values(name) == ["1"]
    assert met == ["overriding"] * (Overriding in {outer, inner})


def test_three_neighbours_are_one_pass_whose_applications_stay_readable() -> None:
    bare = answering()
    first, second, third = constants((b"x-1", b"1")), constants((b"x-2", b"1")), constants((b"x-3", b"1"))
    innermost = SecurityMiddleware(bare, third)
    middle = SecurityMiddleware(innermost, second)
    secured = SecurityMiddleware(middle, first)
    assert secured.policies == (first, second, third)
    assert (secured.app, middle.app, innermost.app) == (middle, innermost, bare)
    with pytest.raises(AttributeError):
        secured.app = bare  # type: ignore[misc]  # what is shown here
    assert repr(middle) == f"SecurityMiddleware({innermost!r}, {second!r})"


def test_of_equal_policies_the_inner_one_is_left_out() -> None:
    outer, inner = TrustedHosts(["a"]), TrustedHosts(["a"])
    secured = SecurityMiddleware(SecurityMiddleware(answering(), inner), outer, TrustedHosts(["b"]))
    assert secured.policies == (outer, TrustedHosts(["b"]))
    assert secured.policies[0] is outer


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        pytest.param(RequestID, "SecurityMiddleware(*policies) got", id="a class"),
        pytest.param(answering(), ": pass objects such as RequestID() or CORS(...)", id="an application"),
        pytest.param(None, "SecurityMiddleware(*policies) got None", id="None"),
        pytest.param([RequestID()], "]: pass them one by one: RequestID(), CORS(...)", id="a list of policies"),
        pytest.param(constants((b"X-A", b"1")), "Made.response_headers got (b'X-A', b'1')", id="a name in capitals"),
        pytest.param(made(response_headers=[("x-a", "1")]), "write pairs of bytes", id="text"),
        pytest.param(made(response_headers=[b"x-a"]), "write pairs of bytes", id="no pair"),
        pytest.param(constants((b"x a", b"1")), "(b'x a', b'1')", id="a name that is no token"),
        pytest.param(constants((b"x-a", b"1\r\nx-b: 2")), "Made.response_headers", id="a value with a line break"),
        pytest.param(constants((b"x-a", b"")), "Made.response_headers", id="an empty value"),
        pytest.param(constants((b"x-a", b"1"), (b"x b", b"1")), "(b'x b', b'1')", id="the second of two"),
    ],
)
def test_what_is_no_policy_is_refused_at_construction(policy: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        SecurityMiddleware(answering(), policy)
    assert message in str(refused.value)


@pytest.mark.parametrize("kind", ["lifespan", "http"])
def test_an_application_that_must_not_start(kind: str) -> None:
    error = ConfigError("secure(hosts=)", ["*"], "name them")
    scope: Message = {"type": "lifespan"} if kind == "lifespan" else scope_of()
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "lifespan.startup"}

    async def send(message: Message) -> None:
        sent.append(message)

    coroutine: Any = not_starting(error)(scope, receive, send)
    with pytest.raises(StopIteration if kind == "lifespan" else ConfigError):
        coroutine.send(None)
    failed = [{"type": "lifespan.startup.failed", "message": "secure(hosts=) got ['*']: name them"}]
    assert sent == (failed if kind == "lifespan" else [])
