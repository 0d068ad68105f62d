"""The middleware of most tutorials: one `BaseHTTPMiddleware` per concern.

Each is as short as it gets. The rate limit counts nothing and only sets its three headers: what is measured is the
base class.
"""

from uuid import uuid4

from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint  # noqa: TID251 - it is what costs
from starlette.requests import Request
from starlette.responses import Response

from asgisec import SecurityHeaders

__all__ = ["RateLimitHeaders", "RequestIDHeader", "StaticHeaders"]

_HEADERS = [
    *((name.decode(), value.decode()) for name, value in SecurityHeaders().response_headers),
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
]


class RequestIDHeader(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        request_id = request.headers.get("x-request-id") or uuid4().hex
        request.state.request_id = request_id
        response = await call_next(request)
        response.headers["x-request-id"] = request_id
        return response


class StaticHeaders(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        for name, value in _HEADERS:
            response.headers.setdefault(name, value)
        return response


class RateLimitHeaders(BaseHTTPMiddleware):
    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        response = await call_next(request)
        response.headers["x-ratelimit-limit"] = "100"
        response.headers["x-ratelimit-remaining"] = "99"
        response.headers["x-ratelimit-reset"] = "60"
        return response
