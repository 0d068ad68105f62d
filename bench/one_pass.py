"""Four policies in one pass, beside the same checks written by hand, and beside what is used today."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from asgi_correlation_id import CorrelationIdMiddleware
from fastapi_security_headers import Presets
from fastapi_security_headers import SecurityHeadersMiddleware as PeerSecurityHeaders
from secure import (
    CacheControl,
    ContentSecurityPolicy,
    CrossOriginOpenerPolicy,
    PermissionsPolicy,
    ReferrerPolicy,
    Secure,
    StrictTransportSecurity,
    XContentTypeOptions,
    XFrameOptions,
)
from secure.headers import CrossOriginResourcePolicy
from secure.middleware import SecureASGIMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from asgisec import CORS, Exchange, Policy, RequestID, SecurityHeaders, SecurityMiddleware, TrustedHosts
from asgisec._wire.headers import Pair
from bench.base_http import RateLimitHeaders, RequestIDHeader, StaticHeaders
from bench.chart import Bar, Chart, Panel
from bench.harness import ASGIApp, Expected, Goal, Group, Outcome, Variant
from bench.inlined import inlined
from bench.traffic import BROWSER, CORS_OPTIONS, HOSTS, ORIGINS, OTHER_HOST, OTHER_ORIGIN, SAME_ORIGIN, TIMED, bare

__all__ = ["GROUPS", "chart", "per_policy"]

_STARLETTE = f"Starlette {version('starlette')}"
_CORRELATION_ID = f"asgi-correlation-id {version('asgi-correlation-id')}"
_PEER_HEADERS = f"fastapi-security-headers {version('fastapi-security-headers')}"
_SECURE = f"secure {version('secure')}"

OURS = "asgisec: four policies, one pass"
BY_HAND = "the same, written by hand"
NESTED = "four pure ASGI packages, nested"
BASE_HTTP = "three BaseHTTPMiddleware, two of Starlette"

_ID = frozenset({b"x-request-id"})
_ALLOW_ORIGIN = frozenset({b"access-control-allow-origin"})
_GRANTED = frozenset(
    {b"access-control-allow-origin", b"access-control-allow-credentials", b"access-control-expose-headers"}
)
_CORS = frozenset({b"vary"})
_HEADERS = frozenset({b"strict-transport-security", *(name for name, _ in SecurityHeaders().response_headers)})
# That package sends the retired X-XSS-Protection where ours sends Cache-Control: nine headers over HTTPS in both.
_PEERS_HEADERS = _HEADERS - {b"cache-control"} | {b"x-xss-protection"}
_RATE_LIMIT = frozenset({b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset"})


def _everything(always: frozenset[bytes]) -> tuple[Expected, ...]:
    """What four concerns together answer, however they are built."""
    return (
        Expected(BROWSER, present=always | _CORS | _GRANTED),
        Expected(SAME_ORIGIN, present=always | _CORS, absent=_ALLOW_ORIGIN),
        Expected(OTHER_ORIGIN, present=always | _CORS, absent=_ALLOW_ORIGIN),
        Expected(OTHER_HOST, status=400),
    )


def _on_both(*names: frozenset[bytes]) -> tuple[Expected, ...]:
    return tuple(Expected(request, present=frozenset().union(*names)) for request in TIMED)


def _nested() -> ASGIApp:
    app: ASGIApp = CORSMiddleware(bare, **CORS_OPTIONS)
    app = TrustedHostMiddleware(app, allowed_hosts=HOSTS)
    app = PeerSecurityHeaders(app, config=Presets.api())
    return CorrelationIdMiddleware(app)


def _base_http() -> ASGIApp:
    app: ASGIApp = CORSMiddleware(bare, **CORS_OPTIONS)
    app = TrustedHostMiddleware(app, allowed_hosts=HOSTS)
    app = RateLimitHeaders(app)
    app = StaticHeaders(app)
    return RequestIDHeader(app)


def _four() -> ASGIApp:
    return SecurityMiddleware(bare, RequestID(), SecurityHeaders(), TrustedHosts(HOSTS), CORS(**CORS_OPTIONS))


FOUR = Group(
    "Four policies: request id, security headers, trusted hosts, CORS",
    bare,
    TIMED,
    [
        Variant(OURS, _four(), _everything(_ID | _HEADERS)),
        Variant(BY_HAND, inlined(bare, HOSTS), _everything(_ID | _HEADERS)),
        Variant(NESTED, _nested(), _everything(_ID | _PEERS_HEADERS)),
        Variant(BASE_HTTP, _base_http(), _everything(_ID | _HEADERS | _RATE_LIMIT)),
    ],
    [Goal(OURS, BY_HAND, 1.4), Goal(OURS, NESTED, 0.25), Goal(OURS, BASE_HTTP, 1 / 70)],
)


def _cors_rows() -> tuple[Expected, ...]:
    return _everything(frozenset())[:3]


def _hosts_rows() -> tuple[Expected, ...]:
    return (*_on_both(), Expected(OTHER_HOST, status=400))


# Built as that package's documentation builds them; the same nine headers as ours over HTTPS.
_secure = Secure(
    cache=CacheControl().no_store(),
    coop=CrossOriginOpenerPolicy().same_origin(),
    corp=CrossOriginResourcePolicy().same_origin(),
    csp=ContentSecurityPolicy().default_src("'none'").frame_ancestors("'none'"),
    hsts=StrictTransportSecurity().max_age(63_072_000).include_subdomains(),
    permissions=PermissionsPolicy().camera().microphone().geolocation(),
    referrer=ReferrerPolicy().no_referrer(),
    xcto=XContentTypeOptions().nosniff(),
    xfo=XFrameOptions().deny(),
)

ALONE = [
    Group(
        "CORS alone",
        bare,
        TIMED,
        [
            Variant("asgisec CORS", SecurityMiddleware(bare, CORS(**CORS_OPTIONS)), _cors_rows()),
            Variant(f"{_STARLETTE} CORS", CORSMiddleware(bare, **CORS_OPTIONS), _cors_rows()),
        ],
        [Goal("asgisec CORS", f"{_STARLETTE} CORS", 0.4)],
    ),
    Group(
        "Trusted hosts alone",
        bare,
        TIMED,
        [
            Variant("asgisec TrustedHosts", SecurityMiddleware(bare, TrustedHosts(HOSTS)), _hosts_rows()),
            Variant(f"{_STARLETTE} TrustedHost", TrustedHostMiddleware(bare, allowed_hosts=HOSTS), _hosts_rows()),
        ],
        [Goal("asgisec TrustedHosts", f"{_STARLETTE} TrustedHost", 0.6)],
    ),
    Group(
        "Request id alone",
        bare,
        TIMED,
        [
            Variant("asgisec RequestID", SecurityMiddleware(bare, RequestID()), _on_both(_ID)),
            Variant(_CORRELATION_ID, CorrelationIdMiddleware(bare), _on_both(_ID)),
        ],
        [Goal("asgisec RequestID", _CORRELATION_ID, 0.6)],
    ),
    Group(
        "Security headers alone, nine of them",
        bare,
        TIMED,
        [
            Variant("asgisec SecurityHeaders", SecurityMiddleware(bare, SecurityHeaders()), _on_both(_HEADERS)),
            Variant(_PEER_HEADERS, PeerSecurityHeaders(bare, config=Presets.api()), _on_both(_PEERS_HEADERS)),
            Variant(_SECURE, SecureASGIMiddleware(bare, secure=_secure), _on_both(_HEADERS)),
        ],
        [Goal("asgisec SecurityHeaders", _PEER_HEADERS, 1.0), Goal("asgisec SecurityHeaders", _SECURE, 1 / 5)],
    ),
]


class _Stamp(Policy):
    """A policy as cheap as one that looks at both request and response can be; no two are equal."""

    tracks_names = True

    def __init__(self, number: int) -> None:
        self._pair = (b"x-stamp-%d" % number, b"1")

    def on_request(self, exchange: Exchange) -> None:
        exchange.headers.get(b"host")

    def on_response(self, exchange: Exchange, headers: list[Pair]) -> None:
        exchange.names.add(self._pair[0])
        headers.append(self._pair)


def _stamped(count: int) -> Variant:
    names = frozenset(b"x-stamp-%d" % number for number in range(count))
    policies = (_Stamp(number) for number in range(count))
    return Variant(_policies(count), SecurityMiddleware(bare, *policies), [Expected(BROWSER, present=names)])


def _policies(count: int) -> str:
    return f"{count} policies" if count != 1 else "1 policy"


GROWTH = Group(
    "Growth with the number of policies",
    bare,
    [BROWSER],
    [_stamped(count) for count in range(9)],
    # A straight line with a cost of its own for the first policy stays below twice, and below four times.
    [Goal(_policies(8), _policies(4), 2.0), Goal(_policies(8), _policies(2), 4.0)],
)


def _many(kind: str, one: str) -> Iterable[tuple[int, list[str]]]:
    for count in (1, 100, 10_000):
        yield count, [*(f"{kind}{number}.example.com" for number in range(count - 1)), one]


FLAT = [
    Group(
        "Growth with the number of allowed hosts",
        bare,
        [BROWSER],
        [
            Variant(f"{count:,} hosts", SecurityMiddleware(bare, TrustedHosts(hosts)), [Expected(BROWSER)])
            for count, hosts in _many("api", HOSTS[0])
        ],
        [Goal("10,000 hosts", "1 hosts", 1.1)],
    ),
    Group(
        "Growth with the number of allowed origins",
        bare,
        [BROWSER],
        [
            Variant(
                f"{count:,} origins",
                SecurityMiddleware(bare, CORS(allow_origins=origins)),
                [Expected(BROWSER, present=_ALLOW_ORIGIN)],
            )
            for count, origins in _many("https://app", ORIGINS[0])
        ],
        [Goal("10,000 origins", "1 origins", 1.1)],
    ),
]

GROUPS: list[Group] = [FOUR, *ALONE, GROWTH, *FLAT]


def per_policy(outcomes: Sequence[Outcome]) -> float:
    """Return the µs that one more policy adds, over a pass of one to eight."""
    growth = _of(outcomes, GROWTH)
    return (growth.added(_policies(8), BROWSER.name) - growth.added(_policies(1), BROWSER.name)) / 7


def chart(outcomes: Sequence[Outcome], machine: Mapping[str, Any]) -> Chart:
    """Draw the four policies together and each alone, for the cross-origin request."""
    panels = [_panel(_of(outcomes, FOUR), cut_above=NESTED)]
    panels += [_panel(_of(outcomes, group)) for group in ALONE]
    peers = f"{_CORRELATION_ID}, {_STARLETTE}, {_PEER_HEADERS}"
    foot = f"{machine['python']}, {machine['processor']}. Nested: {peers}."
    return Chart(
        "What security middleware adds to a request",
        "Microseconds on top of the bare application; medians over interleaved rounds; shorter is better",
        panels,
        foot,
    )


def _panel(outcome: Outcome, *, cut_above: str | None = None) -> Panel:
    bars = [
        Bar(variant.name, outcome.added(variant.name, BROWSER.name), ours=variant.name.startswith("asgisec"))
        for variant in outcome.group.variants
    ]
    limit = None if cut_above is None else outcome.added(cut_above, BROWSER.name)
    return Panel(outcome.group.name, bars, limit)


def _of(outcomes: Sequence[Outcome], group: Group) -> Outcome:
    return next(outcome for outcome in outcomes if outcome.group is group)
