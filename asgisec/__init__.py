"""API security for FastAPI and every other ASGI framework: many policies, one pass."""

from importlib import import_module
from typing import TYPE_CHECKING

from asgisec.context import RequestIDFilter, add_request_id, request_id, trace_id, traceparent
from asgisec.events import SecurityEvent
from asgisec.policies.cors import CORS
from asgisec.policies.cross_origin import CrossOriginProtection
from asgisec.policies.csp import CSP
from asgisec.policies.https_only import HTTPSOnly
from asgisec.policies.request_id import RequestID
from asgisec.policies.request_limits import RequestLimits
from asgisec.policies.security_headers import HSTS, SecurityHeaders
from asgisec.policies.trusted_hosts import TrustedHosts
from asgisec.policies.trusted_proxies import TrustedProxies
from asgisec.policy import Answer, Exchange, Policy
from asgisec.stack import SecurityMiddleware

if TYPE_CHECKING:
    from asgisec.policies.authentication import Authentication
    from asgisec.policies.rate_limit.guard import RateLimitGuard
    from asgisec.policies.rate_limit.keys import by_api_key, by_client, by_principal
    from asgisec.policies.rate_limit.limiter import RateLimiter
    from asgisec.policies.rate_limit.policy import RateLimit
    from asgisec.policies.rate_limit.rules import Rule
    from asgisec.presets import install, secure

__all__ = [
    "CORS",
    "CSP",
    "HSTS",
    "Answer",
    "Authentication",
    "CrossOriginProtection",
    "Exchange",
    "HTTPSOnly",
    "Policy",
    "RateLimit",
    "RateLimitGuard",
    "RateLimiter",
    "RequestID",
    "RequestIDFilter",
    "RequestLimits",
    "Rule",
    "SecurityEvent",
    "SecurityHeaders",
    "SecurityMiddleware",
    "TrustedHosts",
    "TrustedProxies",
    "add_request_id",
    "by_api_key",
    "by_client",
    "by_principal",
    "install",
    "request_id",
    "secure",
    "trace_id",
    "traceparent",
]

# Loaded when they are asked for: who takes a policy or two does not wait for guards, limits and their stores.
_LATER = {
    "Authentication": "asgisec.policies.authentication",
    "RateLimit": "asgisec.policies.rate_limit.policy",
    "RateLimitGuard": "asgisec.policies.rate_limit.guard",
    "RateLimiter": "asgisec.policies.rate_limit.limiter",
    "Rule": "asgisec.policies.rate_limit.rules",
    "by_api_key": "asgisec.policies.rate_limit.keys",
    "by_client": "asgisec.policies.rate_limit.keys",
    "by_principal": "asgisec.policies.rate_limit.keys",
    "install": "asgisec.presets",
    "secure": "asgisec.presets",
}


# Type checkers see the imports above, and that nothing else is here: a misspelled name is an error to them, too.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        place = _LATER.get(name)
        if place is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        # Kept, so that it is looked up once.
        found = globals()[name] = getattr(import_module(place), name)
        return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
