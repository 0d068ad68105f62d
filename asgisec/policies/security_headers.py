"""The headers that tell browsers what to refuse, on every response, refusals and errors included.

- `SecurityHeaders()`, which is `.api()`: the OWASP REST Security Cheat Sheet's list, for answers that are data.
- `SecurityHeaders.web()`: for pages. Scripts need the request's nonce, frames are denied, nothing inline runs.
- Each header is an option; `None` drops it. A header that the application set itself stays, and is not sent twice.
- `Strict-Transport-Security` is sent over HTTPS only (RFC 6797 section 7.2).
- `Server` and `X-Powered-By` of the application are removed. What the server adds after us cannot be: uvicorn's
  `--no-server-header` does.

In a content security policy the source `'nonce'` stands for the request's nonce. It is made anew for each request; the
application reads it from `scope["state"]["csp_nonce"]`. A page with a nonce must not be stored, so HTML gets
`Cache-Control: no-store` then.

    SecurityHeaders(frame_options="SAMEORIGIN", content_security_policy="default-src 'self'")

This policy refuses nothing.
"""

import os
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, ClassVar, Literal, Self

from asgisec._wire.headers import Pair
from asgisec._wire.origin import parse_origin
from asgisec.errors import ConfigError
from asgisec.policies._options import a_bool, a_list, field_value, header_name, seconds
from asgisec.policies.csp import CSP, NONCE, checked_endpoints, rendered
from asgisec.policy import Exchange, Policy

__all__ = ["HSTS", "SecurityHeaders"]

_YEAR = 31_536_000  # seconds; the least that browsers' preload list accepts
_NONCE_BYTES = 16  # 128 bits: CSP3, section 7.1
_PAGES = (b"text/html", b"application/xhtml+xml")
_MEMO = "asgisec.csp_nonce"

# Features that no API answer needs and that a page must ask for by name (OWASP, HTTP Headers Cheat Sheet).
_NO_FEATURES: Mapping[str, Sequence[str]] = dict.fromkeys(
    ("accelerometer", "camera", "geolocation", "gyroscope", "magnetometer", "microphone", "payment", "usb"), ()
)

# A key that is not one (RFC 9651 section 3.1.2) makes browsers drop the whole header.
_FEATURE = re.compile(r"[a-z][a-z0-9-]*")
_WORDS = frozenset({"self", "src", "*"})

_CHOICES = {
    "content_type_options": ("nosniff",),
    "frame_options": ("DENY", "SAMEORIGIN"),
    "referrer_policy": (
        "no-referrer",
        "no-referrer-when-downgrade",
        "origin",
        "origin-when-cross-origin",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    ),
    "cross_origin_opener_policy": ("same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"),
    "cross_origin_embedder_policy": ("require-corp", "credentialless", "unsafe-none"),
    "cross_origin_resource_policy": ("same-origin", "same-site", "cross-origin"),
    "permitted_cross_domain_policies": ("none", "master-only", "by-content-type", "all"),
}


def _new_nonce() -> str:
    # What `secrets.token_urlsafe` does; to import that module loads OpenSSL, a tenth of what importing asgisec takes.
    return urlsafe_b64encode(os.urandom(_NONCE_BYTES)).rstrip(b"=").decode()


_SECURE = frozenset({"https", "wss"})

_NAMES = {
    "content_type_options": b"x-content-type-options",
    "frame_options": b"x-frame-options",
    "permitted_cross_domain_policies": b"x-permitted-cross-domain-policies",
}


@dataclass(frozen=True)
class HSTS:
    """`Strict-Transport-Security` (RFC 6797): browsers use HTTPS only from now on.

    Args:
        max_age: For how long: seconds, or a `timedelta`. 0 makes browsers forget it.
        include_subdomains: For every host below this one, too.
        preload: Agree to be put on browsers' preload list. It takes months to get off it.

    Raises:
        ConfigError: `preload` with less than the list asks for: a year, subdomains included.
    """

    max_age: int | timedelta = 2 * _YEAR
    include_subdomains: bool = True
    preload: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "max_age", seconds("HSTS(max_age=)", self.max_age))
        a_bool("HSTS(include_subdomains=)", self.include_subdomains)
        short = seconds("HSTS(max_age=)", self.max_age) < _YEAR
        if a_bool("HSTS(preload=)", self.preload) and (short or not self.include_subdomains):
            raise ConfigError("HSTS(preload=)", True, f"the list asks for max_age={_YEAR} and include_subdomains=True")

    def __str__(self) -> str:
        parts = [f"max-age={self.max_age}"]
        parts += ["includeSubDomains"] if self.include_subdomains else []
        parts += ["preload"] if self.preload else []
        return "; ".join(parts)


@dataclass(frozen=True, kw_only=True)
class SecurityHeaders(Policy):
    """Set security headers on every response.

    Args:
        content_security_policy: What a page may load and run: a `CSP`, or its text. The source `'nonce'` is the
            request's nonce.
        content_security_policy_report_only: The same, reported and not enforced.
        strict_transport_security: An `HSTS`; sent over HTTPS only.
        content_type_options: `nosniff`: browsers believe `Content-Type`.
        frame_options: `DENY` or `SAMEORIGIN`, for browsers without `frame-ancestors`.
        referrer_policy: What other sites learn of the page a visitor comes from.
        permissions_policy: Feature names and the origins that may use them; `()` is nobody, `"self"` the page itself.
        cross_origin_opener_policy: Who shares a browsing context with a page.
        cross_origin_embedder_policy: Whether a page may embed what did not agree to it.
        cross_origin_resource_policy: Who may embed these answers.
        permitted_cross_domain_policies: For Flash and PDF readers.
        cache_control: `no-store` keeps answers out of every cache.
        reporting_endpoints: Names and https addresses to which browsers report; a `CSP` names one as `report_to`.
        strip: Headers of the application to remove.

    Raises:
        ConfigError: A value that the header does not know, or that cannot stand in one.
    """

    content_security_policy: CSP | str | None = "default-src 'none'; frame-ancestors 'none'"
    content_security_policy_report_only: CSP | str | None = None
    strict_transport_security: HSTS | None = HSTS()
    content_type_options: Literal["nosniff"] | None = "nosniff"
    frame_options: Literal["DENY", "SAMEORIGIN"] | None = "DENY"
    referrer_policy: str | None = "no-referrer"
    permissions_policy: Mapping[str, Sequence[str]] | None = field(default_factory=lambda: _NO_FEATURES)
    cross_origin_opener_policy: str | None = "same-origin"
    cross_origin_embedder_policy: str | None = None
    cross_origin_resource_policy: str | None = "same-origin"
    permitted_cross_domain_policies: str | None = None
    cache_control: str | None = "no-store"
    reporting_endpoints: Mapping[str, str] | None = None
    strip: Sequence[str] = ("Server", "X-Powered-By")
    response_headers: Sequence[Pair] = field(init=False, repr=False, compare=False, default=())
    _plain: tuple[tuple[Pair, ...], frozenset[bytes]] = field(init=False, repr=False, compare=False)
    _secure: tuple[tuple[Pair, ...], frozenset[bytes]] = field(init=False, repr=False, compare=False)
    _strip: frozenset[bytes] = field(init=False, repr=False, compare=False)
    _with_nonce: tuple[tuple[bytes, bytes], ...] = field(init=False, repr=False, compare=False)

    may_refuse: ClassVar[bool] = False
    tracks_names: ClassVar[bool] = True
    sets_constants: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for option, choices in _CHOICES.items():
            value = getattr(self, option)
            if value is not None and value not in choices:
                mend = f"write one of {', '.join(map(repr, choices))}, or None to leave the header out"
                raise ConfigError(f"SecurityHeaders({option}=)", value, mend)
        hsts = self.strict_transport_security
        if hsts is not None and not isinstance(hsts, HSTS):
            raise ConfigError("SecurityHeaders(strict_transport_security=)", hsts, "write HSTS(), or None")
        endpoints = checked_endpoints("SecurityHeaders(reporting_endpoints=)", self.reporting_endpoints or {})
        policies = []
        for option in ("content_security_policy", "content_security_policy_report_only"):
            policy, report_only = getattr(self, option), option.endswith("report_only")
            if policy is not None:
                value = rendered(f"SecurityHeaders({option}=)", policy, endpoints, report_only=report_only)
                policies.append((option.replace("_", "-").encode(), value))
        constants = [pair for pair in policies if NONCE.encode() not in pair[1]]
        constants += [
            (_NAMES.get(option) or option.replace("_", "-").encode(), value.encode())
            for option in _CHOICES
            if (value := getattr(self, option)) is not None
        ]
        if self.permissions_policy is not None:
            constants.append((b"permissions-policy", _permissions(self.permissions_policy)))
        if endpoints:
            listed = ", ".join(f'{name}="{url}"' for name, url in endpoints.items())
            constants.append((b"reporting-endpoints", listed.encode()))
        if self.cache_control is not None:
            constants.append((b"cache-control", field_value("SecurityHeaders(cache_control=)", self.cache_control)))
        option = "SecurityHeaders(strip=)"
        secure = constants if hsts is None else [*constants, (b"strict-transport-security", str(hsts).encode())]
        for name, compiled in {
            "response_headers": tuple(constants),
            # Either with its names, so that a response which has none of them is dressed in one step.
            "_plain": (tuple(constants), frozenset(name for name, _ in constants)),
            "_secure": (tuple(secure), frozenset(name for name, _ in secure)),
            "_strip": frozenset(header_name(option, header) for header in a_list(option, self.strip)),
            "_with_nonce": tuple(pair for pair in policies if NONCE.encode() in pair[1]),
        }.items():
            object.__setattr__(self, name, compiled)

    @classmethod
    def api(cls, **options: Any) -> Self:
        """Return the headers for answers that are data; `options` replace single ones."""
        return cls(**options)

    @classmethod
    def web(cls, **options: Any) -> Self:
        """Return the headers for pages; `options` replace single ones."""
        page: dict[str, Any] = {
            "content_security_policy": (
                "default-src 'self'; script-src 'self' 'nonce'; style-src 'self' 'nonce'; object-src 'none'; "
                "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            ),
            # Under `no-referrer`, Chromium sends `Origin: null` with a site's own form posts.
            "referrer_policy": "strict-origin-when-cross-origin",
            "cache_control": None,
        }
        return cls(**(page | options))

    def on_request(self, exchange: Exchange) -> None:
        """Make the nonce, where a policy names it."""
        if self._with_nonce:
            nonce = exchange.memo[_MEMO] = exchange.recall(_MEMO) or _new_nonce()
            exchange.state["csp_nonce"] = nonce

    def on_response(self, exchange: Exchange, headers: list[Pair]) -> None:
        """Add the headers, unless they are there; remove what gives the application away."""
        names = exchange.names
        if not self._strip.isdisjoint(names):
            headers[:] = [pair for pair in headers if pair[0] not in self._strip]
            names -= self._strip
        pairs, added = self._secure if exchange.scope.get("scheme") in _SECURE else self._plain
        headers += pairs if added.isdisjoint(names) else [pair for pair in pairs if pair[0] not in names]
        names |= added
        if self._with_nonce:
            self._add_policies(exchange, headers)

    def _add_policies(self, exchange: Exchange, headers: list[Pair]) -> None:
        names = exchange.names
        source = f"'nonce-{exchange.memo[_MEMO]}'".encode()
        for name, template in self._with_nonce:
            if name not in names:
                headers.append((name, template.replace(NONCE.encode(), source)))
                names.add(name)
        # A stored page would repeat its nonce, which then is none.
        is_page = any(name == b"content-type" and value.lower().startswith(_PAGES) for name, value in headers)
        if is_page and b"cache-control" not in names:
            headers.append((b"cache-control", b"no-store"))
            names.add(b"cache-control")


def _permissions(policy: object) -> bytes:
    option = "SecurityHeaders(permissions_policy=)"
    if not isinstance(policy, Mapping) or not policy:
        raise ConfigError(option, policy, "write a mapping: {'camera': (), 'geolocation': ('self',)}; or None")
    items = []
    for feature, origins in policy.items():
        if not isinstance(feature, str) or not _FEATURE.fullmatch(feature):
            raise ConfigError(option, feature, "write the name of a feature in lower case, such as 'camera'")
        allowed = a_list(option, origins)
        for origin in allowed:
            parsed = parse_origin(origin.replace("://*.", "://", 1).encode("ascii", "replace"))
            if origin not in _WORDS and parsed is None:
                mend = "write 'self', '*', or an origin such as 'https://maps.example.com'; () for nobody"
                raise ConfigError(option, origin, mend)
        written = (origin if origin in _WORDS else f'"{origin}"' for origin in allowed)
        items.append(f"{feature}=({' '.join(written)})")
    return field_value(option, ", ".join(items))
