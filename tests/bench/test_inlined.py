"""What the pass is measured against must do what the pass does: the same answer, header by header."""

from collections.abc import Callable
from itertools import count
from typing import Any

import anyio
import pytest

from asgisec import CORS, RequestID, SecurityHeaders, SecurityMiddleware, TrustedHosts, request_id, trace_id
from asgisec.errors import BadRequest
from bench import inlined as by_hand
from bench.traffic import CORS_OPTIONS, HOSTS, ORIGINS
from tests.asgi import App, Headers, Recorded, answering, drive, request, scope_of, websocket

HOST = ("host", HOSTS[0])
ORIGIN = ("origin", ORIGINS[0])
EVIL = ("origin", "https://evil.example")
ASKS = ("access-control-request-method", "POST")


@pytest.fixture(autouse=True)
def _same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("asgisec.policies.request_id", "bench.inlined"):
        numbers = count(1)
        monkeypatch.setattr(f"{module}.new_id", lambda numbers=numbers: f"id-{next(numbers)}")


def _both(app: App, ask: Callable[[App], Recorded]) -> tuple[Recorded, Recorded]:
    policies = RequestID(), SecurityHeaders(), TrustedHosts(HOSTS), CORS(**CORS_OPTIONS)
    return ask(by_hand.inlined(app, HOSTS)), ask(SecurityMiddleware(app, *policies))


def _assert_same(inlined: Recorded, passed: Recorded) -> None:
    assert inlined.messages == passed.messages
    assert type(inlined.error) is type(passed.error)
    assert getattr(inlined.error, "__notes__", None) == getattr(passed.error, "__notes__", None)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        pytest.param(200, [HOST], id="ordinary"),
        pytest.param(200, [HOST, ORIGIN], id="allowed-origin"),
        pytest.param(200, [HOST, EVIL], id="origin-not-allowed"),
        pytest.param(200, [HOST, ("origin", "null")], id="null-origin"),
        pytest.param(200, [HOST, ("x-request-id", "from-the-gateway")], id="inbound-id-kept"),
        pytest.param(200, [HOST, ("x-request-id", "a b\tc")], id="inbound-id-malformed"),
        pytest.param(200, [HOST, ("x-request-id", "a" * 129)], id="inbound-id-too-long"),
        pytest.param(200, [("host", "API.Example.com.:8443")], id="host-in-another-spelling"),
        pytest.param(200, [HOST, ("accept", "a"), ("accept", "b")], id="list-header-repeated"),
        pytest.param(400, [HOST, HOST], id="host-repeated"),
        pytest.param(400, [HOST, ORIGIN, EVIL], id="origin-repeated"),
        pytest.param(400, [("host", "evil.example"), ORIGIN], id="host-not-allowed"),
        pytest.param(400, [("host", "api.example.com@evil.example")], id="host-malformed"),
        pytest.param(400, [], id="host-missing"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_requests(status: int, headers: Headers, scheme: str) -> None:
    inlined, passed = _both(answering(), lambda app: request(app, headers=headers, scheme=scheme))
    assert passed.status == status
    _assert_same(inlined, passed)


@pytest.mark.parametrize(
    ("status", "headers"),
    [
        pytest.param(200, [HOST, ORIGIN, ASKS], id="allowed"),
        pytest.param(
            200, [HOST, ORIGIN, ASKS, ("access-control-request-headers", "Authorization")], id="header-allowed"
        ),
        pytest.param(400, [HOST, ORIGIN, ASKS, ("access-control-request-headers", "x-other")], id="header-not-allowed"),
        pytest.param(400, [HOST, ORIGIN, ("access-control-request-method", "PATCH")], id="method-not-allowed"),
        pytest.param(400, [HOST, EVIL, ASKS], id="origin-not-allowed"),
        pytest.param(
            400, [HOST, ORIGIN, ASKS, ("access-control-request-private-network", "true")], id="private-network"
        ),
        pytest.param(400, [("host", "evil.example"), ORIGIN, ASKS], id="host-not-allowed"),
        pytest.param(200, [HOST, ORIGIN], id="options-but-no-preflight"),
    ],
)
def test_preflights(status: int, headers: Headers) -> None:
    inlined, passed = _both(answering(), lambda app: request(app, "OPTIONS", headers=headers))
    assert passed.status == status
    _assert_same(inlined, passed)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([("vary", "Accept-Encoding, Cookie")], id="vary"),
        pytest.param([("Content-Type", "text/html"), ("X-Own", "1")], id="capitals"),
        pytest.param([("content-security-policy", "default-src 'self'")], id="own-csp"),
        pytest.param([("strict-transport-security", "max-age=1")], id="own-hsts"),
        pytest.param([("access-control-allow-origin", "*")], id="own-cors"),
        pytest.param([("access-control-expose-headers", "ETag")], id="own-exposed-headers"),
        pytest.param([("x-request-id", "mine"), ("x-request-id", "twice")], id="own-id-twice"),
        pytest.param([("server", "app"), ("x-powered-by", "app")], id="gives-itself-away"),
        pytest.param([], id="no-headers"),
    ],
)
def test_answers_of_the_application(headers: Headers) -> None:
    app = answering(headers=headers)
    _assert_same(*_both(app, lambda app: request(app, headers=[HOST, ORIGIN], scheme="https")))


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param({}, id="outermost"),
        pytest.param({"method": "HEAD"}, id="head"),
        pytest.param({"app": object()}, id="inside-a-framework"),
    ],
)
@pytest.mark.parametrize("started", [pytest.param(False, id="before-start"), pytest.param(True, id="after-start")])
@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: RuntimeError("secret"), id="failure"),
        pytest.param(BadRequest, id="refusal"),
    ],
)
def test_what_the_application_raises(extra: dict[str, Any], started: bool, make: Callable[[], Exception]) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if started:
            await send({"type": "http.response.start", "status": 200, "headers": []})
        raise make()

    scope = {**scope_of(headers=[HOST, ORIGIN]), **extra}
    _assert_same(*_both(app, lambda app: drive(app, dict(scope))))


@pytest.mark.parametrize("denial", [pytest.param(True, id="response"), pytest.param(False, id="close")])
@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([HOST], id="no-origin"),
        pytest.param([HOST, ORIGIN], id="allowed-origin"),
        pytest.param([HOST, ("origin", f"https://{HOSTS[0]}")], id="own-origin"),
        pytest.param([HOST, EVIL], id="origin-not-allowed"),
        pytest.param([HOST, ("origin", f"capacitor://{HOSTS[0]}")], id="own-host-in-an-applications-scheme"),
        pytest.param([HOST, HOST], id="host-repeated"),
        pytest.param([("host", "evil.example")], id="host-not-allowed"),
    ],
)
def test_web_sockets(headers: Headers, denial: bool) -> None:
    _assert_same(*_both(answering(), lambda app: websocket(app, headers=headers, denial=denial, scheme="wss")))


def test_what_the_application_sees_of_the_ids() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["state"]["request_id"], request_id(), trace_id()))
        await answering()(scope, receive, send)

    _both(app, lambda app: request(app, headers=[HOST, ("traceparent", parent)]))
    assert seen == [("id-1", "id-1", "0af7651916cd43dd8448eb211c80319c")] * 2
    assert request_id() is None


def test_other_scopes_pass_untouched() -> None:
    scopes = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append((scope, receive, send))

    lifespan: dict[str, Any] = {"type": "lifespan"}
    anyio.run(by_hand.inlined(app, HOSTS), lifespan, None, None)
    assert scopes == [(lifespan, None, None)]
