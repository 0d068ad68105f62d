"""What a caller presents, and what is answered, to the letter of RFC 6750: one row per case, by every way in."""

import json
from typing import Any

import pytest

from asgisec import Authentication, SecurityMiddleware
from asgisec.auth import Guard
from tests.asgi import App
from tests.auth.callers import (
    CHALLENGE_FOR_KEYS,
    NOW,
    Keys,
    Pair,
    api_key,
    ask,
    bearer,
    bearer_auth,
    events_of,
    guarded,
    key_auth,
    token,
)
from tests.tokens.minting import CLAIMS, KEYS, minted, sealed

BARE = "Bearer"
MALFORMED = 'Bearer error="invalid_request", error_description="The credentials are malformed."'
TWICE = 'Bearer error="invalid_request", error_description="Present the token in one way only."'
INVALID = 'Bearer error="invalid_token", error_description="This token is not valid."'
LACKING = (
    'Bearer error="insufficient_scope", error_description="The credential does not allow this.", '
    'scope="users:read users:write"'
)
GOOD = token("users:read users:write")
LONG = token("users:read users:write", padding="x" * 9000)
DETAILS = {
    BARE: "Authentication is required.",
    MALFORMED: "The credentials are malformed.",
    TWICE: "Present the token in one way only.",
    INVALID: "This token is not valid.",
    LACKING: "The credential does not allow this.",
}

# name: headers, query, status, challenge
CASES: dict[str, tuple[list[tuple[str, Any]], bytes, int, str | None]] = {
    "nothing presented": ([], b"", 401, BARE),
    "an empty header": ([("authorization", "")], b"", 401, BARE),
    "another scheme": ([("authorization", "Basic dTpw")], b"", 401, BARE),
    "the empty client of Swagger UI": ([("authorization", "Basic Og==")], b"", 401, BARE),
    "a scheme that begins the same": ([("authorization", f"Bearers {GOOD}")], b"", 401, BARE),
    "the token without a scheme": ([("authorization", GOOD)], b"", 401, BARE),
    "a good token": ([bearer(GOOD)], b"", 200, None),
    "a scheme in lower case": ([("authorization", f"bearer {GOOD}")], b"", 200, None),
    "a scheme in upper case": ([("authorization", f"BEARER {GOOD}")], b"", 200, None),
    "several spaces": ([("authorization", f"Bearer   {GOOD}")], b"", 200, None),
    "spaces around": ([("authorization", f" Bearer {GOOD} ")], b"", 200, None),
    "a wildcard": ([bearer(token("users:*"))], b"", 200, None),
    "no token": ([("authorization", "Bearer")], b"", 400, MALFORMED),
    "no token but spaces": ([("authorization", "Bearer   ")], b"", 400, MALFORMED),
    "only padding": ([bearer("==")], b"", 400, MALFORMED),
    "padding inside": ([bearer("a=b")], b"", 400, MALFORMED),
    "a tab": ([("authorization", f"Bearer\t{GOOD}")], b"", 400, MALFORMED),
    "a colon": ([("authorization", f"Bearer:{GOOD}")], b"", 400, MALFORMED),
    "two tokens": ([bearer(f"{GOOD} {GOOD}")], b"", 400, MALFORMED),
    "two tokens with a comma": ([bearer(f"{GOOD}, Bearer {GOOD}")], b"", 400, MALFORMED),
    "a parameter": ([bearer(f"{GOOD}, realm=x")], b"", 400, MALFORMED),
    "quotes": ([bearer(f'"{GOOD}"')], b"", 400, MALFORMED),
    "NUL": ([bearer(f"{GOOD}\0")], b"", 400, MALFORMED),
    "a line break": ([bearer(f"{GOOD}\r\nX-Admin: 1")], b"", 400, MALFORMED),
    "invalid UTF-8": ([("authorization", b"Bearer \xff\xfe")], b"", 400, MALFORMED),
    "other letters": ([("authorization", "Bearer ünï".encode())], b"", 400, MALFORMED),
    "in the header and in the URL": ([bearer(GOOD)], b"a=1&access_token=x", 400, TWICE),
    "in the URL only": ([], b"access_token=" + GOOD.encode(), 401, BARE),
    "a parameter of a similar name": ([bearer(GOOD)], b"my_access_token=x", 200, None),
    "no JWT": ([bearer("opaque")], b"", 401, INVALID),
    "an expired token": ([bearer(token("users:read users:write", exp=NOW - 1))], b"", 401, INVALID),
    "a signature that is wrong": ([bearer(f"{GOOD[:-8]}AAAAAAAA")], b"", 401, INVALID),
    "another audience": ([bearer(token(aud="other"))], b"", 401, INVALID),
    "another type": ([bearer(minted(CLAIMS, {"alg": "HS256", "typ": "JWT", "kid": "k1"}))], b"", 401, INVALID),
    "not signed": ([bearer(f"{GOOD.rpartition('.')[0]}.")], b"", 401, INVALID),
    "a token that is no object": ([bearer(sealed("e30.W10", KEYS))], b"", 401, INVALID),
    "a token that is too large": ([bearer(LONG)], b"", 401, INVALID),
    "one scope of two": ([bearer(token("users:read"))], b"", 403, LACKING),
    "no scope": ([bearer(token(""))], b"", 403, LACKING),
    "scopes that look alike": ([bearer(token("users users: users:reads USERS:READ user:*"))], b"", 403, LACKING),
    "everything is no scope": ([bearer(token("* *:* users*"))], b"", 403, LACKING),
}

every_case = pytest.mark.parametrize("case", CASES)


def by_guard(guard: Guard) -> App:
    return SecurityMiddleware(guarded(guard), Authentication(bearer_auth(), required=False))


def by_wrap(guard: Guard) -> App:
    return guard.wrap(guarded(bearer_auth().require()))


def by_policy_and_guard(guard: Guard) -> App:
    return SecurityMiddleware(guarded(guard), Authentication(guard.authenticator))


WAYS = {"a guard": by_guard, "wrap": by_wrap, "the policy, and a guard": by_policy_and_guard}


@every_case
@pytest.mark.parametrize("way", WAYS)
def test_case(case: str, way: str) -> None:
    headers, query, status, challenge = CASES[case]
    app = WAYS[way](bearer_auth().require("users:read", "users:write"))
    answer = ask(app, *headers, query_string=query)
    assert answer.error is None
    assert (answer.status, answer.values("www-authenticate")) == (status, [challenge] if challenge else [])
    if challenge is None:
        assert json.loads(answer.body) == {"subject": "user-1"}
    else:
        assert answer.values("content-type") == ["application/problem+json"]
        document = json.loads(answer.body)
        assert (document["status"], document["detail"]) == (status, DETAILS[challenge])
        assert "eyJ" not in str(answer.messages)


BEARER_ERROR = f"{INVALID}, {CHALLENGE_FOR_KEYS}"
LACKS = 'error="insufficient_scope", scope="users:read"'
EITHER: dict[str, tuple[list[Pair], int, str | None]] = {
    "nothing": ([], 401, f"Bearer, {CHALLENGE_FOR_KEYS}"),
    "a token": ([bearer(GOOD)], 200, None),
    "a key": ([api_key("good")], 200, None),
    "a bad token": ([bearer("opaque")], 401, BEARER_ERROR),
    "a bad key": ([api_key("bad")], 401, f"Bearer, {CHALLENGE_FOR_KEYS}"),
    "a key of other letters": ([api_key("ÿ")], 401, f"Bearer, {CHALLENGE_FOR_KEYS}"),
    "an empty key": ([api_key("")], 401, f"Bearer, {CHALLENGE_FOR_KEYS}"),
    "a bad token is not saved by a good key": ([bearer("opaque"), api_key("good")], 401, BEARER_ERROR),
    "a malformed token is not saved by a good key": (
        [("authorization", "Bearer"), api_key("good")],
        400,
        f"{MALFORMED}, {CHALLENGE_FOR_KEYS}",
    ),
    "the first decides: a bad key behind a good token is not looked at": ([bearer(GOOD), api_key("bad")], 200, None),
    "a weak token is not helped by a strong key": (
        [bearer(token("")), api_key("good")],
        403,
        f"{LACKING.replace(' users:write', '')}, {CHALLENGE_FOR_KEYS}",
    ),
    "a weak key": ([api_key("weak")], 403, f"Bearer, {CHALLENGE_FOR_KEYS}, {LACKS}"),
    "another scheme and a key": ([("authorization", "Basic dTpw"), api_key("good")], 200, None),
}


@pytest.mark.parametrize("case", EITHER)
def test_either(case: str) -> None:
    headers, status, challenge = EITHER[case]
    auth = bearer_auth() | key_auth()
    answer = ask(SecurityMiddleware(guarded(auth.require("users:read")), Authentication(auth)), *headers)
    assert (answer.status, answer.values("www-authenticate")) == (status, [challenge] if challenge else [])


class TestParameters:
    def test_of_every_challenge(self) -> None:
        url = "https://api.example.com/.well-known/oauth-protected-resource"
        auth = bearer_auth(realm="shop", resource_metadata=url)
        assert auth.challenge() == f'Bearer realm="shop", resource_metadata="{url}"'
        answer = ask(auth.require("users:read").wrap(guarded(auth.require())), bearer("opaque"))
        (challenge,) = answer.values("www-authenticate")
        assert challenge.startswith(f'Bearer realm="shop", resource_metadata="{url}", error="invalid_token"')

    def test_of_an_api_key(self) -> None:
        auth = key_auth(Keys(), header="X-Shop-Key", realm="shop")
        assert auth.challenge() == 'APIKey realm="shop", header="X-Shop-Key"'


@pytest.mark.parametrize(
    ("headers", "query", "reason"),
    [
        pytest.param([], b"", "no_credential", id="nothing presented"),
        pytest.param([bearer("a=b")], b"", "malformed_credential", id="malformed"),
        pytest.param([bearer(GOOD)], b"access_token=x", "two_credentials", id="twice"),
        pytest.param([bearer(token("orders:read"))], b"", "insufficient_scope", id="lacking"),
    ],
)
def test_why_a_caller_is_refused_is_in_the_log(
    headers: list[tuple[str, Any]], query: bytes, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = SecurityMiddleware(guarded(bearer_auth().require("users:read")))
    ask(app, *headers, query_string=query)
    assert [event.reason for event in events_of(caplog)] == [reason]
