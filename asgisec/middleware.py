"""Each policy as a middleware class of its own, for `app.add_middleware(...)` and for moving over by one import.

    app.add_middleware(CORSMiddleware, allow_origins=["https://app.example.com"])

Two of them next to each other are one pass. `CORSMiddleware` and `TrustedHostMiddleware` take Starlette's arguments.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

from asgisec.policies.authentication import Authentication
from asgisec.policies.cors import CORS
from asgisec.policies.cross_origin import CrossOriginProtection
from asgisec.policies.https_only import HTTPSOnly
from asgisec.policies.rate_limit.policy import RateLimit
from asgisec.policies.request_id import RequestID
from asgisec.policies.request_limits import RequestLimits
from asgisec.policies.security_headers import SecurityHeaders
from asgisec.policies.trusted_hosts import TrustedHosts
from asgisec.policies.trusted_proxies import TrustedProxies
from asgisec.policy import Exchange
from asgisec.stack import ASGIApp, SecurityMiddleware

__all__ = [
    "AuthenticationMiddleware",
    "CORSMiddleware",
    "CrossOriginMiddleware",
    "HTTPSOnlyMiddleware",
    "RateLimitMiddleware",
    "RequestIDMiddleware",
    "RequestLimitsMiddleware",
    "SecurityHeadersMiddleware",
    "TrustedHostMiddleware",
    "TrustedProxyMiddleware",
]


class RequestIDMiddleware(SecurityMiddleware):
    """`RequestID` as middleware; its options are the policy's."""

    _fuses = True

    def __init__(self, app: ASGIApp, *args: Any, **options: Any) -> None:
        super().__init__(app, RequestID(*args, **options))


class TrustedHostMiddleware(SecurityMiddleware):
    """`TrustedHosts` as middleware, with the arguments of Starlette's: any host where none is named."""

    _fuses = True

    def __init__(
        self,
        app: ASGIApp,
        allowed_hosts: Sequence[str] | None = None,
        www_redirect: bool = True,
        exempt: Sequence[str] | Callable[[Exchange], bool] = (),
    ) -> None:
        policy = TrustedHosts(["*"] if allowed_hosts is None else allowed_hosts, www_redirect, exempt)
        super().__init__(app, policy)
        self.allowed_hosts = list(policy.allowed_hosts)


class CORSMiddleware(SecurityMiddleware):
    """`CORS` as middleware, with the arguments of Starlette's."""

    _fuses = True

    def __init__(
        self,
        app: ASGIApp,
        allow_origins: Collection[str] = (),
        allow_methods: Collection[str] = ("GET",),
        allow_headers: Collection[str] = (),
        allow_credentials: bool = False,
        allow_origin_regex: str | None = None,
        allow_private_network: bool = False,
        expose_headers: Collection[str] = (),
        max_age: int = 600,
    ) -> None:
        policy = CORS(
            allow_origins=allow_origins,
            allow_methods=allow_methods,
            allow_headers=allow_headers,
            allow_credentials=allow_credentials,
            allow_origin_regex=allow_origin_regex,
            allow_private_network=allow_private_network,
            expose_headers=expose_headers,
            max_age=max_age,
        )
        super().__init__(app, policy)


class SecurityHeadersMiddleware(SecurityMiddleware):
    """`SecurityHeaders` as middleware; its options are the policy's."""

    _fuses = True

    def __init__(self, app: ASGIApp, *args: Any, **options: Any) -> None:
        super().__init__(app, SecurityHeaders(*args, **options))


class TrustedProxyMiddleware(SecurityMiddleware):
    """`TrustedProxies` as middleware; its options are the policy's."""

    _fuses = True

    def __init__(self, app: ASGIApp, *args: Any, **options: Any) -> None:
        super().__init__(app, TrustedProxies(*args, **options))


class HTTPSOnlyMiddleware(SecurityMiddleware):
    """`HTTPSOnly` as middleware; its options are the policy's."""

    _fuses = True

    def __init__(self, app: ASGIApp, *args: Any, **options: Any) -> None:
        super().__init__(app, HTTPSOnly(*args, **options))


class CrossOriginMiddleware(SecurityMiddleware):
    """`CrossOriginProtection` as middleware; its options are the policy's."""

    _fuses = True

    def __init__(self, app: ASGIApp, *args: Any, **options: Any) -> None:
        super().__init__(app, CrossOriginProtection(*args, **options))


class RequestLimitsMiddleware(SecurityMiddleware):
    """`RequestLimits` as middleware; its options are the policy's."""

    _fuses = True

    def __init__(self, app: ASGIApp, **options: Any) -> None:
        super().__init__(app, RequestLimits(**options))


class AuthenticationMiddleware(SecurityMiddleware):
    """`Authentication` as middleware; its options are the policy's."""

    _fuses = True

    def __init__(self, app: ASGIApp, *args: Any, **options: Any) -> None:
        super().__init__(app, Authentication(*args, **options))


class RateLimitMiddleware(SecurityMiddleware):
    """`RateLimit` as middleware; its options are the policy's.

    The limits stand behind the application, or in a list as `limits=`.
    """

    _fuses = True

    def __init__(self, app: ASGIApp, *args: Any, **options: Any) -> None:
        # Not an argument of its own: type checkers would refuse what stands behind the application in `add_middleware`.
        limits = options.pop("limits", ())
        more = limits if isinstance(limits, list | tuple) else (limits,)
        super().__init__(app, RateLimit(*args, *more, **options))
