"""The headers that tell browsers what to refuse: once each, on every response, the application's own first."""

import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec import CORS, HSTS, RequestID, SecurityHeaders, SecurityMiddleware, TrustedHosts
from asgisec.middleware import SecurityHeadersMiddleware
from tests.asgi import App, Headers, Message, Recorded, answering, request, websocket

FEATURES = ["accelerometer", "camera", "geolocation", "gyroscope", "magnetometer", "microphone", "payment", "usb"]
API = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": ", ".join(f"{feature}=()" for feature in FEATURES),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
WEB = "default-src 'self'; script-src 'self' {0}; style-src 'self' {0}; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"  # noqa: E501 - one header
HTML = [("content-type", "text/html; charset=utf-8")]


def get(policy: SecurityHeaders, own: Headers = (), **more: Any) -> Recorded:
    recorded = request(SecurityMiddleware(answering(headers=own), policy), **more)
    assert recorded.error is None
    return recorded


def test_the_api_preset() -> None:
    assert SecurityHeaders() == SecurityHeaders.api()
    assert dict(get(SecurityHeaders()).headers) == API
    assert dict(get(SecurityHeaders.api(frame_options=None)).headers).keys() == API.keys() - {"x-frame-options"}


def test_the_web_preset() -> None:
    recorded = get(SecurityHeaders.web(), HTML)
    sent = dict(recorded.headers)
    policy = sent.pop("content-security-policy")
    (nonce,) = set(re.findall(r"'nonce-([A-Za-z0-9_-]{22,})'", policy))
    assert policy == WEB.format(f"'nonce-{nonce}'")
    expected = API | {"referrer-policy": "strict-origin-when-cross-origin", **dict(HTML)}
    del expected["content-security-policy"]
    assert sent == expected
    assert SecurityHeaders.web(referrer_policy="no-referrer").referrer_policy == "no-referrer"


@pytest.mark.parametrize(
    ("hsts", "value"),
    [
        pytest.param(HSTS(), "max-age=63072000; includeSubDomains", id="default"),
        pytest.param(HSTS(60, include_subdomains=False), "max-age=60", id="a minute, this host only"),
        pytest.param(
            HSTS(timedelta(days=365), preload=True), "max-age=31536000; includeSubDomains; preload", id="preload"
        ),
        pytest.param(HSTS(0), "max-age=0; includeSubDomains", id="forget"),
    ],
)
def test_hsts(hsts: HSTS, value: str) -> None:
    recorded = get(SecurityHeaders(strict_transport_security=hsts), scheme="https")
    assert recorded.values("strict-transport-security") == [value]


@pytest.mark.parametrize(
    ("scheme", "options", "sent"),
    [
        pytest.param("https", {}, 1, id="https"),
        pytest.param("http", {}, 0, id="plain http: RFC 6797 section 7.2 forbids it"),
        pytest.param("HTTPS\r\n", {}, 0, id="what is no scheme"),
        pytest.param("https", {"strict_transport_security": None}, 0, id="dropped"),
    ],
)
def test_hsts_over_https_only(scheme: str, options: Any, sent: int) -> None:
    recorded = get(SecurityHeaders(**options), scheme=scheme)
    assert len(recorded.values("strict-transport-security")) == sent


@pytest.mark.parametrize(("scheme", "sent"), [("wss", 1), ("ws", 0)])
def test_headers_of_websockets(scheme: str, sent: int) -> None:
    recorded = websocket(SecurityMiddleware(answering(headers=()), SecurityHeaders()), scheme=scheme)
    assert recorded.status == 101
    assert len(recorded.values("strict-transport-security")) == sent
    assert {name: value for name, value in recorded.headers if name != "strict-transport-security"} == API


def test_a_scope_without_a_scheme_is_plain_http() -> None:
    app = SecurityMiddleware(answering(), SecurityHeaders())

    async def server(scope: Message, receive: Any, send: Any) -> None:
        del scope["scheme"]
        await app(scope, receive, send)

    assert request(server).values("strict-transport-security") == []


@pytest.mark.parametrize(
    ("options", "name", "value"),
    [
        pytest.param(
            {"content_security_policy": "default-src 'self'"}, "content-security-policy", "default-src 'self'", id="CSP"
        ),
        pytest.param({"content_security_policy": None}, "content-security-policy", None, id="no CSP"),
        pytest.param(
            {"content_security_policy_report_only": "default-src 'none'; report-to csp"},
            "content-security-policy-report-only",
            "default-src 'none'; report-to csp",
            id="CSP that is reported only",
        ),
        pytest.param({}, "content-security-policy-report-only", None, id="no CSP that is reported only"),
        pytest.param({"cache_control": "private, max-age=60"}, "cache-control", "private, max-age=60", id="caching"),
        pytest.param({"cache_control": None}, "cache-control", None, id="caching is the application's"),
        pytest.param({"permissions_policy": None}, "permissions-policy", None, id="no permissions policy"),
        pytest.param(
            {
                "permissions_policy": {
                    "camera": (),
                    "fullscreen": ["*"],
                    "payment": ["self", "https://pay.example.com"],
                    "ch-ua": ["src", "https://*.example.com:8443"],
                }
            },
            "permissions-policy",
            'camera=(), fullscreen=(*), payment=(self "https://pay.example.com"), ch-ua=(src "https://*.example.com:8443")',
            id="permissions",
        ),
        pytest.param(
            {"permitted_cross_domain_policies": "none"}, "x-permitted-cross-domain-policies", "none", id="Flash"
        ),
        pytest.param(
            {"cross_origin_embedder_policy": "require-corp"},
            "cross-origin-embedder-policy",
            "require-corp",
            id="embedder",
        ),
    ],
)
def test_single_headers(options: Any, name: str, value: str | None) -> None:
    recorded = get(SecurityHeaders(**options))
    assert recorded.values(name) == ([] if value is None else [value])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        # fastapi-guard sends both, secure two policies, of which browsers enforce the intersection.
        pytest.param("x-frame-options", "SAMEORIGIN", id="frames"),
        pytest.param("Content-Security-Policy", "default-src 'self'", id="CSP, its name in capitals"),
        pytest.param("cache-control", "public, max-age=3600", id="caching"),
        pytest.param("strict-transport-security", "max-age=60", id="HSTS"),
    ],
)
@pytest.mark.parametrize("policy", [SecurityHeaders(), SecurityHeaders.web(cache_control="no-store")])
def test_what_the_application_set_stays_and_is_not_sent_twice(policy: SecurityHeaders, name: str, value: str) -> None:
    recorded = get(policy, [(name, value)], scheme="https")
    assert recorded.values(name) == [value]


async def _failing(scope: Message, receive: Any, send: Any) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("policy", [SecurityHeaders(), SecurityHeaders.web()])
@pytest.mark.parametrize(
    ("app", "status"),
    [
        pytest.param(answering(404), 404, id="404"),
        pytest.param(_failing, 500, id="an exception"),
        pytest.param(SecurityMiddleware(answering(), TrustedHosts(["a.example"])), 400, id="a refusal"),
    ],
)
def test_every_response_carries_each_header_once(app: App, status: int, policy: SecurityHeaders) -> None:
    recorded = request(SecurityMiddleware(app, policy), scheme="https")
    assert recorded.status == status
    counted = Counter(name for name, _ in recorded.headers)
    assert set(counted.values()) == {1}
    assert {"content-security-policy", "strict-transport-security", "x-frame-options"} <= counted.keys()


@pytest.mark.parametrize(
    ("options", "left"),
    [
        pytest.param({}, {"x-aspnet-version": "4"}, id="default"),
        pytest.param({"strip": ["X-AspNet-Version", "SERVER"]}, {"x-powered-by": "PHP"}, id="others"),
        pytest.param({"strip": ()}, {"server": "app", "x-powered-by": "PHP", "x-aspnet-version": "4"}, id="none"),
    ],
)
def test_headers_that_give_the_application_away(options: Any, left: dict[str, str]) -> None:
    """None is added in their place: `secure` sends an empty `Server` beside the server's own."""
    own = [("Server", "app"), ("X-Powered-By", "PHP"), ("x-aspnet-version", "4"), ("server", "app")]
    recorded = get(SecurityHeaders(**options), own)
    assert {name: value for name, value in recorded.headers if name not in API} == left


def test_no_server_header_is_added() -> None:
    assert get(SecurityHeaders()).values("server") == []


def test_the_middleware_takes_the_options_of_the_policy() -> None:
    app = SecurityHeadersMiddleware(answering(), frame_options="SAMEORIGIN")
    assert request(app).values("x-frame-options") == ["SAMEORIGIN"]
    assert app.policies == (SecurityHeaders(frame_options="SAMEORIGIN"),)


_ALL = SecurityMiddleware(
    answering(headers=HTML),
    RequestID(),
    SecurityHeaders.web(),
    CORS(allow_origins=["https://app.example.com"], allow_headers=["*"]),
    TrustedHosts(["testserver", "www.example.com"]),
)
_names = st.sampled_from([b"host", b"origin", b"x-request-id", b"traceparent", b"access-control-request-method"])
_values = st.binary(max_size=20) | st.sampled_from([b"testserver", b"example.com", b"https://app.example.com"])


@given(st.sampled_from(["GET", "OPTIONS", "HEAD"]), st.lists(st.tuples(_names, _values), max_size=6))
def test_no_request_makes_any_policy_raise_or_send_a_control_character(method: str, headers: Any) -> None:
    for recorded in (request(_ALL, method, headers=headers), websocket(_ALL, headers=headers)):
        assert recorded.error is None
        assert recorded.values("x-request-id")
        for _, value in recorded.headers:
            assert value.isascii()
            assert value.isprintable()
