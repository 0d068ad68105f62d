"""What an OAuth 2 endpoint refuses, and how that is written: RFC 6749 section 5.2, in JSON.

    HTTP/1.1 400 Bad Request
    cache-control: no-store

    {"error":"invalid_grant","error_description":"The username or the password is not right."}

The text is fixed. Why a request was refused, in one of a closed set of words, is for the event alone.
"""

import json
import re
from collections.abc import Mapping
from typing import ClassVar

from asgisec._answer import header_pair
from asgisec._wire.headers import Pair
from asgisec.errors import (
    ContentTooLarge,
    InsufficientScope,
    InvalidScope,
    RequestTimeout,
    SecurityError,
    Unauthenticated,
)
from asgisec.policy import Answer

__all__ = [
    "NOT_STORED",
    "InvalidClient",
    "InvalidGrant",
    "InvalidRequest",
    "MethodNotAllowed",
    "UnauthorizedClient",
    "UnsupportedGrantType",
    "json_answer",
    "refused",
]

# RFC 6749 section 5.1 asks for both; the second is for caches of HTTP/1.0.
NOT_STORED: tuple[Pair, ...] = ((b"cache-control", b"no-store"), (b"pragma", b"no-cache"))

_SOON = "1"  # seconds; a store that does not answer is left alone for as long
_DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")  # RFC 6749 section 5.2
_UNAVAILABLE = 503


class _OAuth2Error(SecurityError):
    status = 400
    event = "input_validation_fail"
    error: ClassVar[str]


class InvalidRequest(_OAuth2Error):
    error = "invalid_request"
    default_detail = "The request is malformed."
    default_reason = "malformed"


class MethodNotAllowed(InvalidRequest):
    status = 405
    default_detail = "This method is not allowed here."
    default_reason = "method"


class InvalidClient(_OAuth2Error):
    status = 401
    event = "authn_login_fail"
    error = "invalid_client"
    default_detail = "The client could not be authenticated."
    default_reason = "client_unknown"


class InvalidGrant(_OAuth2Error):
    event = "authn_login_fail"
    error = "invalid_grant"
    default_detail = "The username or the password is not right."
    default_reason = "bad_credentials"


class UnauthorizedClient(_OAuth2Error):
    event = "authz_fail"
    error = "unauthorized_client"
    default_detail = "The client may not use this grant type."
    default_reason = "grant_not_allowed"


class UnsupportedGrantType(_OAuth2Error):
    error = "unsupported_grant_type"
    default_detail = "This grant type is not supported."
    default_reason = "grant_unknown"


# What the parts underneath raise, and what RFC 6749 calls it; the first that fits. `None` is the error's own status.
_NAMES: tuple[tuple[type[SecurityError], int | None, str], ...] = (
    (InvalidScope, 400, "invalid_scope"),
    (InsufficientScope, 400, "invalid_scope"),
    # 401 would mean the client (section 5.2). Who is refused here is the user, or the refresh token.
    (Unauthenticated, 400, "invalid_grant"),
    (ContentTooLarge, None, "invalid_request"),
    (RequestTimeout, None, "invalid_request"),
)


def refused(error: SecurityError) -> Answer:
    """Return the answer that a refusal is."""
    status, name = _named(error)
    headers = dict(error.headers or {})
    if status == error.status_code == _UNAVAILABLE:
        headers.setdefault("Retry-After", _SOON)
    if isinstance(error, Unauthenticated):
        # Its challenge belongs to a 401, and asks for a token where there is none yet.
        headers = {key: value for key, value in headers.items() if key.lower() != "www-authenticate"}
    members = {"error": name}
    if _DESCRIPTION.fullmatch(error.detail):
        members["error_description"] = error.detail
    return json_answer(status, members, [header_pair(*item) for item in headers.items()])


def _named(error: SecurityError) -> tuple[int, str]:
    if isinstance(error, _OAuth2Error):
        return error.status_code, error.error
    for kind, status, name in _NAMES:
        if isinstance(error, kind):
            return status or error.status_code, name
    # RFC 6749 section 4.1.2.1 has these two for the authorization endpoint; none of section 5.2 says as much.
    unavailable = error.status_code in (429, _UNAVAILABLE)
    return error.status_code, "temporarily_unavailable" if unavailable else "access_denied"


def json_answer(status: int, members: Mapping[str, object], headers: list[Pair] | None = None) -> Answer:
    """Return an answer in JSON that no cache keeps."""
    typed = [*(headers or ()), (b"content-type", b"application/json"), *NOT_STORED]
    return Answer(status, typed, _encode(members).encode())


_encode = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` would make an encoder for each answer
