"""How refusals are written: status, code, headers and text of RFC 6749 section 5.2."""

import json

import pytest

from asgisec import errors
from asgisec.errors import SecurityError
from asgisec.oauth2 import _errors
from asgisec.oauth2._errors import refused


class Quoted(SecurityError):
    status = 418
    default_detail = 'Say "please".'


class ComeLater(SecurityError):
    status = 503
    default_detail = "Later."


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        pytest.param(_errors.InvalidRequest(), 400, "invalid_request", id="request"),
        pytest.param(_errors.MethodNotAllowed(), 405, "invalid_request", id="method"),
        pytest.param(_errors.InvalidClient(), 401, "invalid_client", id="client"),
        pytest.param(_errors.InvalidGrant(), 400, "invalid_grant", id="grant"),
        pytest.param(_errors.UnauthorizedClient(), 400, "unauthorized_client", id="not for this client"),
        pytest.param(_errors.UnsupportedGrantType(), 400, "unsupported_grant_type", id="grant type"),
        pytest.param(errors.InvalidScope(), 400, "invalid_scope", id="scope"),
        pytest.param(errors.InsufficientScope(), 400, "invalid_scope", id="scope, of a guard"),
        pytest.param(errors.InvalidToken(), 400, "invalid_grant", id="refresh token"),
        pytest.param(errors.Unauthenticated(), 400, "invalid_grant", id="login that refuses"),
        pytest.param(errors.ContentTooLarge(), 413, "invalid_request", id="size"),
        pytest.param(errors.RequestTimeout(), 408, "invalid_request", id="time"),
        pytest.param(errors.RateLimitExceeded(), 429, "temporarily_unavailable", id="throttle"),
        pytest.param(errors.StoreUnavailable(), 503, "temporarily_unavailable", id="store"),
        pytest.param(errors.KeysUnavailable(), 503, "temporarily_unavailable", id="keys"),
        pytest.param(errors.Overloaded(), 503, "temporarily_unavailable", id="queue"),
        pytest.param(ComeLater(), 503, "temporarily_unavailable", id="another 503"),
        pytest.param(SecurityError(), 403, "access_denied", id="any other"),
    ],
)
def test_refusals(error: SecurityError, status: int, code: str) -> None:
    answer = refused(error)
    assert answer.status == status
    assert json.loads(answer.body) == {"error": code, "error_description": error.detail}
    headers = dict(answer.headers)
    assert headers[b"content-type"] == b"application/json"
    assert headers[b"cache-control"] == b"no-store"
    assert headers[b"pragma"] == b"no-cache"
    assert headers.get(b"retry-after") == (b"1" if status == 503 else None)


def test_headers_of_the_refusal_are_sent() -> None:
    assert (b"retry-after", b"30") in refused(errors.RateLimitExceeded(headers={"Retry-After": "30"})).headers
    waits = dict(refused(errors.StoreUnavailable(headers={"Retry-After": "9"})).headers)
    assert waits[b"retry-after"] == b"9"


def test_a_challenge_for_a_token_is_not() -> None:
    error = errors.InvalidToken(headers={"WWW-Authenticate": "Bearer", "X-Why": "a"})
    headers = dict(refused(error).headers)
    assert b"www-authenticate" not in headers
    assert headers[b"x-why"] == b"a"


@pytest.mark.parametrize("detail", ['Say "please".', "a\\b", "ü", "two\nlines"])
def test_a_text_that_cannot_stand_there_is_left_out(detail: str) -> None:
    assert json.loads(refused(Quoted(detail)).body) == {"error": "access_denied"}


@pytest.mark.parametrize("name", _errors.__all__)
def test_every_text_of_ours_can_stand_there(name: str) -> None:
    kind = getattr(_errors, name)
    if isinstance(kind, type):
        assert "error_description" in json.loads(refused(kind()).body)
