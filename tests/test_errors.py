"""The two trees of errors: what the developer reads at start, and what the peer is told."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.exceptions import HTTPException

from asgisec import Authentication, RateLimit, errors, secure
from asgisec.auth import AnyOf, APIKeyAuth, BearerAuth
from asgisec.credentials import APIKeys, LoginThrottle
from asgisec.errors import BadRequest, ConfigError, OriginNotAllowed, SecurityError
from asgisec.integrations.fastapi import SecurityGuard
from asgisec.stores import SQLStore
from asgisec.tokens import KeySet, TokenIssuer


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("x", "'x'", id="text"),
        pytest.param(None, "None", id="None"),
        pytest.param(timedelta(days=1), "datetime.timedelta(days=1)", id="object"),
        pytest.param("a\r\nb\x1b[31m", r"'a\r\nb\x1b[31m'", id="control characters are escaped"),
        pytest.param(..., "(hidden)", id="a secret"),
        pytest.param(list(range(9)), "[0, 1, 2, 3, 4, 5, ...]", id="a long list"),
    ],
)
def test_a_config_error_names_the_option_shows_the_value_and_says_the_mend(value: object, shown: str) -> None:
    error = ConfigError("CORS(max_age=)", value, "write seconds")
    assert str(error) == f"CORS(max_age=) got {shown}: write seconds"
    assert (error.option, error.value, error.mend) == ("CORS(max_age=)", value, "write seconds")
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(APIKeyAuth, id="APIKeyAuth"),
        pytest.param(APIKeys, id="APIKeys"),
        pytest.param(AnyOf, id="AnyOf"),
        pytest.param(Authentication, id="Authentication"),
        pytest.param(BearerAuth, id="BearerAuth"),
        pytest.param(LoginThrottle, id="LoginThrottle"),
        pytest.param(lambda text: RateLimit("5/minute", store=text), id="RateLimit"),
        pytest.param(lambda text: RateLimit(max_concurrent=5, store=text), id="RateLimit, of places"),
        pytest.param(SQLStore, id="SQLStore"),
        pytest.param(SecurityGuard, id="SecurityGuard"),
        pytest.param(lambda text: secure(FastAPI(), hosts=["a.example"], auth=text), id="secure"),
        pytest.param(lambda text: secure(FastAPI(), hosts=["a.example"], store=text), id="secure, of a store"),
        pytest.param(
            lambda text: TokenIssuer(KeySet.generate(), issuer="https://a.example", audience="a", store=text),
            id="TokenIssuer",
        ),
    ],
)
@pytest.mark.parametrize("written", ["redis://:s3cret@localhost", b"s3cret"])
def test_a_text_that_stands_where_an_object_belongs_is_not_shown(
    wrong: Callable[[Any], object], written: str | bytes
) -> None:
    with pytest.raises(ConfigError, match=r"got \(hidden\): write") as refused:
        wrong(written)
    assert "s3cret" not in repr(refused.value)


def test_a_huge_value_is_shortened() -> None:
    assert len(str(ConfigError("option", "x" * 1_000_000, "mend"))) < 200


@pytest.mark.parametrize(
    ("error", "status", "reason", "detail"),
    [
        pytest.param(SecurityError(), 403, "refused", "This request is not allowed.", id="refused"),
        pytest.param(BadRequest(), 400, "bad_request", "This request is malformed.", id="malformed"),
        pytest.param(
            OriginNotAllowed(), 403, "origin_not_allowed", "Connections from this origin are not allowed.", id="origin"
        ),
        pytest.param(SecurityError("No.", reason="because"), 403, "because", "No.", id="own words"),
    ],
)
def test_a_refusal_is_an_exception_that_frameworks_answer(
    error: SecurityError, status: int, reason: str, detail: str
) -> None:
    assert isinstance(error, HTTPException)
    assert (error.status_code, error.reason, error.detail) == (status, reason, detail)
    assert error.headers is None
    assert error.members == {}


@pytest.mark.parametrize(
    ("kind", "status", "reason", "event", "close_code"),
    [
        (errors.Unauthenticated, 401, "no_credential", "authn_login_fail", 1008),
        (errors.InvalidToken, 401, "invalid", "authn_login_fail", 1008),
        (errors.InvalidAPIKey, 401, "invalid", "authn_login_fail", 1008),
        (errors.APIKeyChanged, 409, "api_key_changed", "sequence_fail", 1008),
        (errors.InsufficientScope, 403, "insufficient_scope", "authz_fail", 1008),
        (errors.RateLimitExceeded, 429, "rate_limit", "excess_rate_limit_exceeded", 1008),
        (errors.Overloaded, 503, "queue_full", "sys_overload", 1013),
        (errors.StoreUnavailable, 503, "store_unavailable", "sys_store_unavailable", 1013),
        (errors.KeysUnavailable, 503, "keys_unavailable", "sys_keys_unavailable", 1013),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_refusals_of_credentials_limits_and_stores(
    kind: type[SecurityError], status: int, reason: str, event: str, close_code: int
) -> None:
    error = kind()
    assert (error.status_code, error.reason, error.event, error.close_code) == (status, reason, event, close_code)
    # The text is fixed, and says neither which of many checks failed nor what was presented.
    assert error.detail == kind.default_detail


def test_headers_and_members_of_a_refusal_are_copied() -> None:
    headers = {"Retry-After": "1"}
    error = SecurityError(headers=headers, members={"wait": 1})
    headers.clear()
    assert error.headers == {"Retry-After": "1"}
    assert error.members == {"wait": 1}
