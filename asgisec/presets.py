"""Secure a whole application in one line: `secure`, the recommended policies; `install`, one's own.

    app = FastAPI()
    secure(app, hosts=["api.example.com"], origins=["https://app.example.com"])

For Starlette, FastAPI, Litestar and Quart the application stays the same object, and the pass goes around all that the
framework sends, error pages included. Around any other ASGI application a `SecurityMiddleware` is returned.
"""

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from inspect import isclass
from ipaddress import ip_address
from typing import Any, Literal, TypeVar

from asgisec._wire.origin import parse_origin
from asgisec.auth.authenticators import Authenticator
from asgisec.errors import ConfigError, unless_text
from asgisec.events import EventSink
from asgisec.integrations._check import applications_in
from asgisec.integrations.installation import Installation
from asgisec.policies.authentication import Authentication
from asgisec.policies.cors import CORS
from asgisec.policies.cross_origin import CrossOriginProtection
from asgisec.policies.https_only import HTTPSOnly
from asgisec.policies.rate_limit.keys import by_principal
from asgisec.policies.rate_limit.policy import RateLimit
from asgisec.policies.rate_limit.rules import Rule
from asgisec.policies.request_id import RequestID
from asgisec.policies.request_limits import RequestLimits
from asgisec.policies.security_headers import SecurityHeaders
from asgisec.policies.trusted_hosts import TrustedHosts
from asgisec.policies.trusted_proxies import TrustedProxies
from asgisec.policy import Exchange, Policy

__all__ = ["RECOMMENDED_ORDER", "install", "secure"]

App = TypeVar("App")

RECOMMENDED_ORDER: tuple[tuple[type[Policy], str], ...] = (
    (RequestID, "first, so that every answer and every log line has an id, refusals of all the others included"),
    (TrustedProxies, "next, so that all the others see who the client is and whether it came over HTTPS"),
    (SecurityHeaders, "then, so that refusals carry the headers, too"),
    (TrustedHosts, "before anything that believes the Host header"),
    (HTTPSOnly, "behind the hosts: it redirects to the one that was asked for"),
    (CORS, "outside of authentication and limits: preflights carry no credentials, and pages may read refusals"),
    (CrossOriginProtection, "behind the preflights, before anything acts on cookies"),
    (RequestLimits, "before what reads the body, and before what costs more than a look"),
    (RateLimit, "by client: before authentication, so that whoever guesses credentials is held back"),
    (Authentication, "behind the preflights, which carry no credentials, and behind all that costs less"),
    (RateLimit, "by principal: behind authentication, which finds out who calls, wherever from"),
)
"""The order of policies, outermost first, each with its reason."""

# Where each framework has its place for a pass; looked up only if the framework was imported, so nothing else is.
_FRAMEWORKS = (
    ("fastapi", "FastAPI", "asgisec.integrations.fastapi"),
    ("starlette.applications", "Starlette", "asgisec.integrations.starlette"),
    ("litestar", "Litestar", "asgisec.integrations.litestar"),
    ("quart", "Quart", "asgisec.integrations.quart"),
)

_LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")
_LOCAL_ORIGINS = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"

_API = SecurityHeaders.api()
_REQUEST_LIMITS = RequestLimits()


def secure(
    app: App,
    *,
    hosts: Sequence[str] | TrustedHosts,
    origins: Sequence[str] = (),
    auth: Authenticator | Authentication | None = None,
    headers: SecurityHeaders | None = _API,
    request_limits: RequestLimits = _REQUEST_LIMITS,
    limits: Sequence[Any] = (),
    proxies: Sequence[str] | TrustedProxies = (),
    store: Any = None,
    on_event: EventSink | Sequence[EventSink] = (),
    environment: Literal["production", "development"] = "production",
) -> App:
    """Put the recommended policies around an application, in the recommended order.

    Args:
        app: A Starlette, FastAPI, Litestar or Quart application, or any ASGI callable.
        hosts: The hosts it serves; or a `TrustedHosts` of your own, where a probe asks for another.
        origins: The origins whose pages may use it; see `CORS`. Pages may not send cookies: for that, `install` a
            `CORS` of your own.
        auth: Who may call: an authenticator, such as `BearerAuth(issuer)`, and then nobody else is let in; or an
            `Authentication` of your own.
        headers: The security headers; `SecurityHeaders.web()` for an application that serves pages.
        request_limits: How large and how slow a request may be: a body of 1 MiB, in 60 seconds, where left out.
        limits: How often a client may ask, `100/minute`, and rules for single paths; see `RateLimit`. With `auth`, how
            often each principal may, too.
        proxies: The proxies in front of it; or a `TrustedProxies` of your own, where they set `Forwarded`.
        store: Where requests are counted; in each process apart where left out.
        on_event: A callable, or several, to be told of every security event besides the logger `asgisec.events`.
        environment: `production` refuses what must not ship: any host, any origin, plain-http and local origins, a
            framework's debug mode. `development` adds the local host and its origins on any port, and sends no
            `Strict-Transport-Security`.

    Returns:
        The application itself where its framework has a place for the pass, else a `SecurityMiddleware` around it.

    Raises:
        ConfigError: An option is wrong, or must not go to production. A debug mode that is switched on later stops the
            application when it starts.
    """
    if environment not in ("production", "development"):
        raise ConfigError("secure(environment=)", environment, "write 'production' or 'development'")
    local = environment == "development"
    if headers is not None and not isinstance(headers, SecurityHeaders):
        raise ConfigError("secure(headers=)", headers, "write SecurityHeaders.api(), SecurityHeaders.web(), or None")
    if not isinstance(request_limits, RequestLimits):
        raise ConfigError("secure(request_limits=)", request_limits, "write RequestLimits(max_body_size=...)")
    if auth is not None and not isinstance(auth, Authenticator | Authentication):
        mend = "write an authenticator, such as BearerAuth(issuer), or an Authentication"
        raise ConfigError("secure(auth=)", unless_text(auth), mend)
    if headers is not None and local:
        headers = replace(headers, strict_transport_security=None)
    cors = CORS(
        allow_origins=origins,
        allow_methods=["*"],
        allow_headers=["Authorization", "X-API-Key", "X-Request-ID", "traceparent"],
        allow_origin_regex=_LOCAL_ORIGINS if local else None,
        expose_headers=["X-Request-ID", "Retry-After", "RateLimit", "RateLimit-Policy"],
    )
    trusted = hosts if isinstance(hosts, TrustedHosts) else TrustedHosts(hosts)
    if local:
        trusted = replace(trusted, allowed_hosts=[*trusted.allowed_hosts, *_LOCAL_HOSTS])
    else:
        _check_hosts(trusted.allowed_hosts)
        _check_origins(cors.allow_origins)
    policies: dict[type[Policy], Policy | None] = {
        RequestID: RequestID(),
        TrustedProxies: _trusted(proxies),
        SecurityHeaders: headers,
        TrustedHosts: trusted,
        CORS: cors,
        CrossOriginProtection: CrossOriginProtection(
            trusted_origins=(lambda origin: cors.allows(origin.encode())) if local else origins
        ),
        RequestLimits: request_limits,
        Authentication: Authentication(auth) if isinstance(auth, Authenticator) else auth,
    }
    if store is not None and not callable(getattr(store, "spending", None)):
        raise ConfigError("secure(store=)", unless_text(store), "write a store that counts, such as MemoryStore()")
    limited = _limits(limits, store, authenticated=auth is not None)
    kinds = [kind for kind, _ in RECOMMENDED_ORDER]
    found = [next(limited, None) if kind is RateLimit else policies.get(kind) for kind in kinds]
    ordered = [policy for policy in found if policy is not None]
    check = (lambda: None) if local else partial(_check_debug, app)
    return _install("secure", app, Installation(ordered, on_event, check))


def install(app: App, *policies: Policy, on_event: EventSink | Sequence[EventSink] = ()) -> App:
    """Put a list of policies around an application, outermost first.

    Around a framework's application the pass also answers a `SecurityError` that a handler raises.

    Returns:
        The application itself where its framework has a place for the pass, else a `SecurityMiddleware` around it.

    Raises:
        ConfigError: There is no policy, or the application serves already.
    """
    if not policies:
        raise ConfigError("install(*policies)", policies, "name the policies, such as RequestID()")
    return _install("install", app, Installation(policies, on_event, lambda: None))


def _install(option: str, app: App, installation: Installation) -> App:
    if not callable(app) or isclass(app):
        raise ConfigError(f"{option}(app)", app, "write an application: FastAPI(), or an ASGI callable")
    # Frameworks build their stack later; what is no policy is said here.
    installation.around(app)
    installation.check()
    for module, name, integration in _FRAMEWORKS:
        framework = getattr(sys.modules.get(module), name, None)
        if framework is not None and isinstance(app, framework):
            import_module(integration).install(app, installation)
            return app
    # To type checkers the application stays what it was: an ASGI callable.
    return installation.around(app)  # type: ignore[return-value]


def _limits(limits: Sequence[Any], store: Any, *, authenticated: bool) -> Iterator[RateLimit]:
    """Return the limits by client, and those by principal where somebody finds out who that is."""
    option = "secure(limits=)"
    if isinstance(limits, str) or not isinstance(limits, Collection):
        raise ConfigError(option, limits, "write a list of limits and rules, such as ['100/minute']")
    rules = [limit for limit in limits if isinstance(limit, Rule)]
    general = [limit for limit in limits if not isinstance(limit, Rule)]
    made = [RateLimit(*general, rules=rules, store=store)] if limits else []
    if limits and authenticated:
        # Who is nobody was counted as a client already.
        made.append(RateLimit(*general, rules=rules, store=store, key=by_principal, exempt=_is_nobody))
    return iter(made)


def _is_nobody(exchange: Exchange) -> bool:
    return exchange.state.get("principal") is None


def _trusted(proxies: Sequence[str] | TrustedProxies) -> TrustedProxies | None:
    if isinstance(proxies, TrustedProxies):
        return proxies
    return TrustedProxies(proxies) if proxies else None


def _check_hosts(hosts: Sequence[str]) -> None:
    if "*" in hosts:
        raise ConfigError("secure(hosts=)", hosts, "name the hosts you serve; '*' is for environment='development'")


def _check_origins(origins: Any) -> None:
    option = "secure(origins=)"
    for written in origins:
        if written == "*":
            raise ConfigError(option, written, "name the origins; to answer every page, install a CORS of your own")
        origin = parse_origin(written.encode())
        if origin is not None and _is_local(origin.host):
            raise ConfigError(option, written, "a local origin is for environment='development'")
        if origin is not None and origin.scheme == "http":
            raise ConfigError(option, written, f"write 'https{written[4:]}', or say environment='development'")


def _is_local(host: str) -> bool:
    # RFC 6761 section 6.3: every name below `localhost` is the local host, too.
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def _check_debug(app: object) -> None:
    debug = getattr(app, "debug", False)
    if any(kind.__module__.startswith("django.") for kind in type(app).__mro__):
        debug = sys.modules["django.conf"].settings.DEBUG
    if debug:
        raise _debugged(app, debug)
    for one in applications_in(app):
        # Of what is mounted nothing is known: `debug` may be the name of something else.
        if getattr(one, "debug", False) is True:
            raise _debugged(one, debug=True)


def _debugged(app: object, debug: object) -> ConfigError:
    mend = "switch it off: error pages show code and settings; or say environment='development'"
    return ConfigError(f"{type(app).__name__}(debug=)", debug, mend)
