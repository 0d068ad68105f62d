"""Each policy as a middleware class: its arguments, what can be read from it, and that neighbours are one pass."""

import inspect
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware as StarletteCORS
from starlette.middleware.trustedhost import TrustedHostMiddleware as StarletteHosts
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgisec import (
    CORS,
    CrossOriginProtection,
    Exchange,
    HTTPSOnly,
    RateLimit,
    RequestID,
    RequestLimits,
    Rule,
    SecurityHeaders,
    SecurityMiddleware,
    TrustedHosts,
    TrustedProxies,
    middleware,
)
from asgisec.auth import Authenticator
from asgisec.errors import ConfigError
from asgisec.middleware import (
    CORSMiddleware,
    CrossOriginMiddleware,
    HTTPSOnlyMiddleware,
    RateLimitMiddleware,
    RequestIDMiddleware,
    RequestLimitsMiddleware,
    SecurityHeadersMiddleware,
    TrustedHostMiddleware,
    TrustedProxyMiddleware,
)
from tests.asgi import answering, request

APP = "https://app.example.com"


@pytest.mark.parametrize(
    ("ours", "peer"),
    [
        pytest.param(CORSMiddleware, StarletteCORS, id="CORS"),
        pytest.param(TrustedHostMiddleware, StarletteHosts, id="trusted hosts"),
    ],
)
def test_arguments_and_defaults_begin_as_starlettes(ours: type, peer: type) -> None:
    """Moving over is one changed import, for calls by position and by name."""
    mine, theirs = (
        [(argument.name, argument.default) for argument in inspect.signature(kind).parameters.values()]
        for kind in (ours, peer)
    )
    assert mine[: len(theirs)] == theirs


@pytest.mark.parametrize(
    ("made", "policy"),
    [
        pytest.param(RequestIDMiddleware(answering()), RequestID(), id="RequestID"),
        pytest.param(
            RequestIDMiddleware(answering(), "X-Id", False), RequestID("X-Id", False), id="RequestID, by position"
        ),
        pytest.param(
            RequestIDMiddleware(answering(), header="X-Id", update_request_header=True),
            RequestID("X-Id", update_request_header=True),
            id="RequestID, by name",
        ),
        pytest.param(TrustedHostMiddleware(answering()), TrustedHosts(["*"]), id="TrustedHosts"),
        pytest.param(
            TrustedHostMiddleware(answering(), ["a.test"], False, ["/health"]),
            TrustedHosts(["a.test"], False, ["/health"]),
            id="TrustedHosts, by position",
        ),
        pytest.param(CORSMiddleware(answering()), CORS(), id="CORS"),
        pytest.param(
            CORSMiddleware(answering(), [APP], ["PUT"], ["X-A"], True, "https://a", True, ["X-B"], 5),
            CORS([APP], ["PUT"], ["X-A"], True, "https://a", True, ["X-B"], 5),
            id="CORS, by position",
        ),
        pytest.param(SecurityHeadersMiddleware(answering()), SecurityHeaders(), id="SecurityHeaders"),
        pytest.param(
            SecurityHeadersMiddleware(answering(), frame_options=None),
            SecurityHeaders(frame_options=None),
            id="SecurityHeaders, by name",
        ),
        pytest.param(
            TrustedProxyMiddleware(answering(), ["unix"], "forwarded"),
            TrustedProxies(["unix"], "forwarded"),
            id="TrustedProxies, by position",
        ),
        pytest.param(
            HTTPSOnlyMiddleware(answering(), "reject", ["/health"]), HTTPSOnly("reject", ["/health"]), id="HTTPSOnly"
        ),
        pytest.param(
            CrossOriginMiddleware(answering(), [APP], ["/hook"], dry_run=True),
            CrossOriginProtection([APP], ["/hook"], dry_run=True),
            id="CrossOriginProtection",
        ),
        pytest.param(
            RequestLimitsMiddleware(answering(), max_body_size=9), RequestLimits(max_body_size=9), id="RequestLimits"
        ),
        pytest.param(
            RateLimitMiddleware(answering(), "9/minute", "99/hour", name="api"),
            RateLimit("9/minute", "99/hour", name="api"),
            id="RateLimit",
        ),
    ],
)
def test_options_are_those_of_the_policy(made: SecurityMiddleware, policy: object) -> None:
    assert made.policies == (policy,)


def test_the_allowed_hosts_can_be_read_as_with_starlette() -> None:
    assert TrustedHostMiddleware(answering()).allowed_hosts == ["*"]
    assert TrustedHostMiddleware(answering(), ("Example.com", "*.a.test")).allowed_hosts == ["example.com", "*.a.test"]


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        pytest.param(RequestIDMiddleware, {"header": ""}, id="RequestID"),
        pytest.param(TrustedHostMiddleware, {"allowed_hosts": []}, id="TrustedHosts"),
        pytest.param(CORSMiddleware, {"allow_origins": "*"}, id="CORS"),
        pytest.param(SecurityHeadersMiddleware, {"frame_options": "deny"}, id="SecurityHeaders"),
        pytest.param(TrustedProxyMiddleware, {"trusted": ["*"]}, id="TrustedProxies"),
        pytest.param(HTTPSOnlyMiddleware, {"mode": "refuse"}, id="HTTPSOnly"),
        pytest.param(CrossOriginMiddleware, {"trusted_origins": ["*"]}, id="CrossOriginProtection"),
        pytest.param(RequestLimitsMiddleware, {"max_body_size": 0}, id="RequestLimits"),
        pytest.param(RateLimitMiddleware, {"rules": "/a"}, id="RateLimit"),
    ],
)
def test_wrong_options_are_found_when_the_middleware_is_made(kind: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        kind(answering(), **options)


@pytest.mark.parametrize("name", middleware.__all__)
def test_an_option_that_there_is_not_is_a_type_error(name: str) -> None:
    with pytest.raises(TypeError):
        getattr(middleware, name)(answering(), no_such_option=1)


def test_neighbours_are_one_pass() -> None:
    app = answering()
    made = RequestIDMiddleware(CORSMiddleware(SecurityHeadersMiddleware(TrustedHostMiddleware(app))))
    assert [type(policy) for policy in made.policies] == [RequestID, CORS, SecurityHeaders, TrustedHosts]
    inner = made.app
    assert isinstance(inner, CORSMiddleware)
    assert isinstance(inner.app, SecurityHeadersMiddleware)


class Nobody(Authenticator):
    """Finds nobody."""

    async def authenticate(self, exchange: Exchange) -> None:
        """Return nobody."""


_REQUIRED: dict[str, dict[str, Any]] = {
    "AuthenticationMiddleware": {"authenticator": Nobody()},
    "RateLimitMiddleware": {"rules": [Rule("/", limits="9/minute")]},
    "TrustedProxyMiddleware": {"trusted": ["10.0.0.0/8"]},
}


@pytest.mark.parametrize("name", middleware.__all__)
def test_a_subclass_is_not_skipped(name: str) -> None:
    """It may do more than its policies say."""
    called: list[object] = []

    async def call(self: SecurityMiddleware, scope: Any, receive: Any, send: Any) -> None:
        called.append(scope)
        await SecurityMiddleware.__call__(self, scope, receive, send)

    mine = type("Mine", (getattr(middleware, name),), {"__call__": call})
    required: dict[str, Any] = _REQUIRED.get(name, {})
    # Over HTTPS, so that none of them answers in the application's place.
    request(RequestIDMiddleware(mine(answering(), **required)), scheme="https")
    assert len(called) == 1


def test_in_a_frameworks_stack() -> None:
    app = Starlette(
        routes=[Route("/", lambda request: PlainTextResponse("hello"))],
        middleware=[
            Middleware(RequestIDMiddleware),
            Middleware(SecurityHeadersMiddleware, frame_options="SAMEORIGIN"),
            Middleware(CORSMiddleware, allow_origins=[APP]),
            Middleware(TrustedHostMiddleware, allowed_hosts=["testserver"]),
        ],
    )
    recorded = request(app, headers=[("host", "testserver"), ("origin", APP), ("x-request-id", "abc")])
    assert recorded.status == 200
    for name, value in {
        "x-request-id": "abc",
        "x-frame-options": "SAMEORIGIN",
        "access-control-allow-origin": APP,
        "vary": "Origin",
    }.items():
        assert recorded.values(name) == [value]
    refused = request(app, headers=[("host", "evil.test"), ("origin", APP)])
    assert refused.status == 400
    assert refused.values("access-control-allow-origin") == [APP]
