"""Cross-origin resource sharing (Fetch Standard, section "CORS protocol"): which origins' pages may read your answers.

- An origin that is not allowed gets no CORS header at all; `null` is never an origin.
- A preflight (`OPTIONS` with `Origin` and `Access-Control-Request-Method`) is answered here, before any policy inside:
  200 `OK`, or 400 `Disallowed CORS ...`. Any other request goes on: CORS says what a browser may read, it does not keep
  requests out.
- `Vary` names `Origin` on every response, so that no cache gives one origin's answer to another.
- A WebSocket handshake from a page whose origin is neither allowed nor the application's own is refused with 403:
  browsers do not apply CORS to WebSockets. They send cookies with them, too: behind `*` never trust a cookie there.
- CORS headers that the application set itself stay as they are.

List `CORS` outside of authentication and limits, so that preflights are answered without and refusals can be read by
the page.

    CORS(allow_origins=["https://app.example.com"], allow_methods=["GET", "POST"], allow_credentials=True)
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import ClassVar

from asgisec._wire.headers import Pair, is_field_value, is_token, merge_vary
from asgisec._wire.origin import MAX_ORIGIN, is_own, parse_origin
from asgisec.errors import ConfigError, OriginNotAllowed
from asgisec.policies._options import a_bool, a_list, header_name, mend_origin, seconds
from asgisec.policy import Answer, Exchange, Policy

__all__ = ["CORS"]

_EVERY_METHOD = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY")
_SAFELISTED = frozenset({"Accept", "Accept-Language", "Content-Language", "Content-Type"})

_VARY = (b"vary", b"Origin")
_VARY_PREFLIGHT: Pair = (
    b"vary",
    b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers, Access-Control-Request-Private-Network",
)
_ALLOW_ORIGIN = b"access-control-allow-origin"
_ALLOW_HEADERS = b"access-control-allow-headers"
_CREDENTIALS: Pair = (b"access-control-allow-credentials", b"true")
_PRIVATE_NETWORK: Pair = (b"access-control-allow-private-network", b"true")

# A pattern that lets these in lets everybody in.
_STRANGERS = ("null", "https://stranger.invalid", "http://203.0.113.7:8080")

_EVENT = ("malicious_cors", "preflight_refused")
_REFUSED = OriginNotAllowed()


@dataclass(frozen=True)
class CORS(Policy):
    """Answer preflights, and say which origins may read responses.

    Args:
        allow_origins: Origins as browsers send them, `https://app.example.com`; or `*`, any.
        allow_methods: Methods that a preflight may ask for; `*` for all of the usual ones.
        allow_headers: Request headers that a preflight may ask for, besides those safelisted by the Fetch Standard;
            `*` for any.
        allow_credentials: Let pages send cookies and read the answer. Not together with `*` origins.
        allow_origin_regex: A pattern that a whole origin may match instead. Escape its dots.
        allow_private_network: Let public pages reach this application in a private network.
        expose_headers: Response headers that pages may read.
        max_age: How long a browser may remember a preflight's answer: seconds, or a `timedelta`.
        dry_run: Report what would be refused, and let it pass to the application.

    Raises:
        ConfigError: An origin that no browser would send, every origin together with credentials, a method or header
            that is no token.
    """

    allow_origins: Collection[str] = ()
    allow_methods: Collection[str] = ("GET",)
    allow_headers: Collection[str] = ()
    allow_credentials: bool = False
    allow_origin_regex: str | None = None
    allow_private_network: bool = False
    expose_headers: Collection[str] = ()
    max_age: int | timedelta = 600
    dry_run: bool = False
    _any_origin: bool = field(init=False, repr=False, compare=False)
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    _granted: Mapping[bytes, tuple[Pair, ...]] = field(init=False, repr=False, compare=False)
    _methods: frozenset[bytes] = field(init=False, repr=False, compare=False)
    _headers: frozenset[bytes] | None = field(init=False, repr=False, compare=False)
    _allowing: tuple[Pair, ...] = field(init=False, repr=False, compare=False)
    _granting: frozenset[bytes] = field(init=False, repr=False, compare=False)
    _preflight: tuple[Pair, ...] = field(init=False, repr=False, compare=False)

    tracks_names: ClassVar[bool] = True

    def __post_init__(self) -> None:
        origins = a_list("CORS(allow_origins=)", self.allow_origins)
        methods = a_list("CORS(allow_methods=)", self.allow_methods)
        headers = a_list("CORS(allow_headers=)", self.allow_headers)
        exposed = a_list("CORS(expose_headers=)", self.expose_headers)
        credentials = a_bool("CORS(allow_credentials=)", self.allow_credentials)
        a_bool("CORS(allow_private_network=)", self.allow_private_network)
        a_bool("CORS(dry_run=)", self.dry_run)
        max_age = seconds("CORS(max_age=)", self.max_age)
        _check_origins(origins, credentials=credentials)
        _check_methods(methods)
        _check_exposed(exposed, credentials=credentials)
        listed = methods if "*" not in methods else _EVERY_METHOD
        safe_or_listed = sorted(_SAFELISTED | set(headers))
        lowered = frozenset(header_name("CORS(allow_headers=)", name) for name in safe_or_listed)
        allowing = [_CREDENTIALS] if credentials else []
        if exposed:
            allowing.append((b"access-control-expose-headers", ", ".join(exposed).encode()))
        preflight = [
            _VARY_PREFLIGHT,
            (b"access-control-allow-methods", ", ".join(listed).encode()),
            (b"access-control-max-age", b"%d" % max_age),
            *([_CREDENTIALS] if credentials else []),
        ]
        if "*" not in headers:
            preflight.append((_ALLOW_HEADERS, ", ".join(safe_or_listed).encode()))
        for name, value in {
            "allow_origins": origins,
            "allow_methods": methods,
            "allow_headers": headers,
            "expose_headers": exposed,
            "max_age": max_age,
            "_any_origin": "*" in origins,
            "_pattern": _compile(self.allow_origin_regex, credentials=credentials),
            "_granted": {origin.encode(): ((_ALLOW_ORIGIN, origin.encode()), *allowing) for origin in origins},
            "_methods": frozenset(method.encode() for method in listed),
            "_headers": None if "*" in headers else lowered,
            "_allowing": tuple(allowing),
            "_granting": frozenset((_ALLOW_ORIGIN, *(name for name, _ in allowing))),
            "_preflight": tuple(preflight),
        }.items():
            object.__setattr__(self, name, value)

    def allows(self, origin: bytes) -> bool:
        """Tell whether pages of an origin may read responses."""
        if origin in self._granted or self._any_origin:
            return True
        if self._pattern is None or len(origin) > MAX_ORIGIN:
            return False
        return parse_origin(origin) is not None and self._pattern.fullmatch(origin.decode("latin-1")) is not None

    def on_request(self, exchange: Exchange) -> Answer | OriginNotAllowed | None:
        """Answer preflights; refuse WebSockets of other sites' pages."""
        headers = exchange.headers
        origin = headers.get(b"origin")
        if origin is None:
            return None
        scope = exchange.scope
        if scope["type"] == "websocket":
            # A plain-http page of the same host may have been put there by whoever sits on the network.
            crosses_scheme = scope.get("scheme") == "wss" and origin.startswith(b"http:")
            own = not crosses_scheme and is_own(origin, headers.get(b"host", b""))
            return None if own or self.allows(origin) else _REFUSED
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            return self._answer_preflight(origin, headers)
        return None

    def on_response(self, exchange: Exchange, headers: list[Pair]) -> None:
        """Name the origin, where it is allowed."""
        names = exchange.names
        if b"vary" in names:
            merge_vary(headers, (b"Origin",))
        else:
            names.add(b"vary")
            headers.append(_VARY)
        origin = exchange.headers.get(b"origin")
        if origin is None or _ALLOW_ORIGIN in names:
            return
        pairs = None if self._any_origin else self._granted.get(origin)
        if pairs is None:
            if not self.allows(origin):
                return
            pairs = ((_ALLOW_ORIGIN, b"*" if self._any_origin else origin), *self._allowing)
        headers.extend(pairs if self._granting.isdisjoint(names) else [pair for pair in pairs if pair[0] not in names])
        names |= self._granting

    def _answer_preflight(self, origin: bytes, request: dict[bytes, bytes]) -> Answer:
        if not self.allows(origin):
            failures = ["origin"]
            headers = [_VARY_PREFLIGHT]
        else:
            failures = []
            headers = [(_ALLOW_ORIGIN, b"*" if self._any_origin else origin), *self._preflight]
        if request[b"access-control-request-method"] not in self._methods:
            failures.append("method")
        requested = request.get(b"access-control-request-headers")
        if requested is not None:
            # RFC 9110 section 5.6.1.2: empty elements of a list are ignored.
            asked = [name for piece in requested.split(b",") if (name := piece.strip(b" \t"))]
            if not self._allows_headers(asked):
                failures.append("headers")
            elif asked and self._headers is None and "origin" not in failures:
                headers.append((_ALLOW_HEADERS, requested if is_field_value(requested) else b", ".join(asked)))
        if b"access-control-request-private-network" in request:
            if not self.allow_private_network:
                failures.append("private-network")
            elif "origin" not in failures:
                headers.append(_PRIVATE_NETWORK)
        if failures:
            return Answer.plain(400, "Disallowed CORS " + ", ".join(failures), headers, _EVENT)
        return Answer.plain(200, "OK", headers)

    def _allows_headers(self, asked: list[bytes]) -> bool:
        if self._headers is not None:
            return all(name.lower() in self._headers for name in asked)
        # They are sent back: nothing but names of headers may be.
        return all(is_token(name) for name in asked)


def _check_origins(origins: tuple[str, ...], *, credentials: bool) -> None:
    option = "CORS(allow_origins=)"
    if "*" in origins and credentials:
        mend = "name the origins: with allow_credentials=True, '*' would let every site act as its visitors"
        raise ConfigError(option, origins, mend)
    for origin in origins:
        if origin != "*" and parse_origin(origin.encode("ascii", "replace")) is None:
            raise ConfigError(option, origin, mend_origin(origin, "use allow_origin_regex"))


def _check_methods(methods: tuple[str, ...]) -> None:
    for method in methods:
        if not is_token(method.encode("ascii", "replace")) or method != method.upper():
            raise ConfigError("CORS(allow_methods=)", method, "write methods such as 'GET', in capitals")


def _check_exposed(exposed: tuple[str, ...], *, credentials: bool) -> None:
    option = "CORS(expose_headers=)"
    for name in exposed:
        header_name(option, name)
    if "*" in exposed and credentials:
        raise ConfigError(option, exposed, "name the headers: browsers take '*' literally with allow_credentials=True")


def _compile(pattern: str | None, *, credentials: bool) -> re.Pattern[str] | None:
    option = "CORS(allow_origin_regex=)"
    if pattern is None:
        return None
    mend = r"write a pattern such as r'https://[a-z]+\.example\.com'"
    try:
        compiled = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ConfigError(option, pattern, mend) from error
    if not isinstance(compiled.pattern, str):
        raise ConfigError(option, pattern, mend)
    if credentials and any(compiled.fullmatch(stranger) for stranger in _STRANGERS):
        raise ConfigError(option, pattern, "narrow it: it matches every site's pages, and allow_credentials=True")
    return compiled
