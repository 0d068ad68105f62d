"""API security for FastAPI and every other ASGI framework: many policies, one pass."""

from asgisec.context import RequestIDFilter, add_request_id, request_id, trace_id, traceparent
from asgisec.events import SecurityEvent
from asgisec.policies.authentication import Authentication
from asgisec.policies.cors import CORS
from asgisec.policies.cross_origin import CrossOriginProtection
from asgisec.policies.csp import CSP
from asgisec.policies.https_only import HTTPSOnly
from asgisec.policies.rate_limit.guard import RateLimitGuard
from asgisec.policies.rate_limit.keys import by_api_key, by_client, by_principal
from asgisec.policies.rate_limit.limiter import RateLimiter
from asgisec.policies.rate_limit.policy import RateLimit
from asgisec.policies.rate_limit.rules import Rule
from asgisec.policies.request_id import RequestID
from asgisec.policies.request_limits import RequestLimits
from asgisec.policies.security_headers import HSTS, SecurityHeaders
from asgisec.policies.trusted_hosts import TrustedHosts
from asgisec.policies.trusted_proxies import TrustedProxies
from asgisec.policy import Answer, Exchange, Policy
from asgisec.presets import install, secure
from asgisec.stack import SecurityMiddleware

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
