"""The two trees of errors: `ConfigError` for the developer, at start; `SecurityError` for the peer, per request.

A `ConfigError` names the option, shows the value and says what to write instead. It is raised where the object is
constructed, never by traffic, and by `raise`, never by `assert`, which `python -O` removes.

A `SecurityError` is a refusal. It derives from Starlette's `HTTPException`, so that FastAPI and Starlette answer with
its status even where nothing of asgisec is installed; the pass answers it as an RFC 9457 problem document. Its `detail`
is a fixed text that is safe to send; what a request contained never becomes part of it.
"""

from collections.abc import Mapping
from reprlib import Repr
from typing import ClassVar

from starlette.exceptions import HTTPException

__all__ = [
    "APIKeyChanged",
    "BadRequest",
    "ConfigError",
    "ContentTooLarge",
    "CrossOriginRequest",
    "HeadersTooLarge",
    "InsecureTransport",
    "InsufficientScope",
    "InvalidAPIKey",
    "InvalidScope",
    "InvalidToken",
    "KeysUnavailable",
    "LimitUndecided",
    "OriginNotAllowed",
    "Overloaded",
    "PathNotAllowed",
    "RateLimitExceeded",
    "RequestTimeout",
    "SecurityError",
    "StoreUnavailable",
    "URITooLong",
    "Unauthenticated",
    "UnsupportedMediaType",
]

_shown = Repr()
_shown.maxstring = _shown.maxother = 120


class ConfigError(ValueError):
    """A wrong configuration, found when the object is constructed or the application starts.

    Args:
        option: The option as the developer wrote it: `CORS(allow_origins=)`.
        value: The value found there; shown, shortened. Never pass a secret: pass `...`, which is shown as "(hidden)".
        mend: What to write instead.
    """

    def __init__(self, option: str, value: object, mend: str) -> None:
        super().__init__(option, value, mend)
        self.option = option
        self.value = value
        self.mend = mend

    def __str__(self) -> str:
        shown = "(hidden)" if self.value is ... else _shown.repr(self.value)
        return f"{self.option} got {shown}: {self.mend}"


def unless_text(value: object) -> object:
    """Return what to show of a value where an object belongs: a text there may be a secret, or hold one."""
    return ... if isinstance(value, str | bytes) else value


class SecurityError(HTTPException):
    """A refusal: what the peer is told, and in one word why.

    Args:
        detail: A fixed text for the peer; the class's own where none is given.
        reason: The closed, machine-readable reason that logs and metrics count; the class's own where none is given.
        headers: Headers that belong to the refusal, such as a challenge.
        members: Further members of the problem document (RFC 9457 section 3.2).

    Attributes:
        reported: Its event was emitted already, by who raised it.
        credential: What kind of credential was refused, where one was.
    """

    status: ClassVar[int] = 403
    problem_type: ClassVar[str] = "about:blank"
    event: ClassVar[str] = "authz_fail"
    close_code: ClassVar[int] = 1008
    default_detail: ClassVar[str] = "This request is not allowed."
    default_reason: ClassVar[str] = "refused"

    reported: bool = False
    credential: str | None = None

    def __init__(
        self,
        detail: str | None = None,
        *,
        reason: str | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(self.status, detail or self.default_detail, dict(headers) if headers else None)
        self.reason = reason or self.default_reason
        self.members = members or {}


class BadRequest(SecurityError):
    """400: the request contradicts itself, so that two readers could understand it differently."""

    status = 400
    event = "input_validation_fail"
    default_detail = "This request is malformed."
    default_reason = "bad_request"


class ContentTooLarge(SecurityError, ValueError):
    """413: the content is larger than what is accepted (RFC 9110 section 15.5.14); 1009 for a WebSocket's message.

    It is a `ValueError` too, so that a validation library counts it as a bad field where the content is one.
    """

    status = 413
    event = "input_validation_fail"
    close_code = 1009
    default_detail = "This content is too large."
    default_reason = "content_too_large"

    def __str__(self) -> str:
        return self.detail


class PathNotAllowed(SecurityError):
    """400: a path that could mean a place outside the directory it was meant for."""

    status = 400
    event = "malicious_direct_reference"
    default_detail = "This path is not allowed."
    default_reason = "path_not_allowed"


class OriginNotAllowed(SecurityError):
    """403: a page of an origin that is not allowed tried to open a WebSocket."""

    event = "malicious_cors"
    default_detail = "Connections from this origin are not allowed."
    default_reason = "origin_not_allowed"


class CrossOriginRequest(SecurityError):
    """403: a page of another site tried to change something."""

    default_detail = "Requests from other sites are not allowed."
    default_reason = "cross_origin"


class InsecureTransport(SecurityError):
    """403: the request came over plain HTTP."""

    default_detail = "Use HTTPS."
    default_reason = "insecure_transport"


class RequestTimeout(SecurityError):
    """408: the body did not arrive in time (RFC 9110 section 15.5.9)."""

    status = 408
    event = "input_validation_fail"
    default_detail = "The request took too long to arrive."
    default_reason = "body_too_slow"


class URITooLong(SecurityError):
    """414: the query is longer than allowed (RFC 9110 section 15.5.15)."""

    status = 414
    event = "input_validation_fail"
    default_detail = "The address is too long."
    default_reason = "query_too_long"


class UnsupportedMediaType(SecurityError):
    """415: the body is of a type that is not accepted (RFC 9110 section 15.5.16)."""

    status = 415
    event = "input_validation_fail"
    default_detail = "This content type is not accepted."
    default_reason = "content_type"


class HeadersTooLarge(SecurityError):
    """431: the headers are larger, or more, than allowed (RFC 6585 section 5)."""

    status = 431
    event = "input_validation_fail"
    default_detail = "The headers are too large."
    default_reason = "headers_too_large"


class Unauthenticated(SecurityError):
    """401: nobody knows who is calling (RFC 9110 section 15.5.2); the challenge says what to present."""

    status = 401
    event = "authn_login_fail"
    default_detail = "Authentication is required."
    default_reason = "no_credential"


class InvalidToken(Unauthenticated):
    """401: a token that is not, or no longer, good (RFC 6750 section 3.1)."""

    default_detail = "This token is not valid."
    default_reason = "invalid"


class InvalidAPIKey(Unauthenticated):
    """401: an API key that is not, or no longer, good."""

    default_detail = "This API key is not valid."
    default_reason = "invalid"


class APIKeyChanged(SecurityError):
    """409: somebody else gave the API key a new secret at the same moment, and that one holds."""

    status = 409
    event = "sequence_fail"
    default_detail = "This API key was changed at the same moment. Look at it, and try again."
    default_reason = "api_key_changed"


class InsufficientScope(SecurityError):
    """403: the caller is known, and may not do this (RFC 6750 section 3.1)."""

    default_detail = "The credential does not allow this."
    default_reason = "insufficient_scope"


class InvalidScope(SecurityError):
    """400: more was asked for than was granted, or something that is no scope (RFC 6749 section 5.2)."""

    status = 400
    default_detail = "The requested scope is not available."
    default_reason = "invalid_scope"


class RateLimitExceeded(SecurityError):
    """429: too many requests (RFC 6585 section 4); `Retry-After` says when the next one may come."""

    status = 429
    problem_type = "https://iana.org/assignments/http-problem-types#quota-exceeded"
    event = "excess_rate_limit_exceeded"
    default_detail = "Too many requests."
    default_reason = "rate_limit"


class LimitUndecided(SecurityError):
    """500: a function of the application, that says whom or how much to limit, failed: nobody passes unlimited."""

    status = 500
    event = "sys_crash"
    close_code = 1011
    default_detail = "The server could not answer this request."
    default_reason = "limit_undecided"


class Overloaded(SecurityError):
    """503: the work is bounded, and its queue is full."""

    status = 503
    event = "sys_overload"
    close_code = 1013
    default_detail = "The server is busy. Try again later."
    default_reason = "queue_full"


class StoreUnavailable(SecurityError):
    """503: a store cannot be reached, or cannot do what it was asked; its own error is the cause of this one."""

    status = 503
    event = "sys_store_unavailable"
    close_code = 1013
    default_detail = "The server cannot check this now. Try again later."
    default_reason = "store_unavailable"


class KeysUnavailable(SecurityError):
    """503: the keys of an issuer cannot be fetched, so nobody can say whether its tokens are good."""

    status = 503
    event = "sys_keys_unavailable"
    close_code = 1013
    default_detail = "The server cannot check this now. Try again later."
    default_reason = "keys_unavailable"
