"""What the page on moving from python-jose says: every row of differences, and that both read what the other signs."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from jose import jwt  # type: ignore[import-untyped]
from jose.exceptions import JWTClaimsError  # type: ignore[import-untyped]
from starlette.testclient import TestClient

from asgisec.errors import ConfigError, InvalidToken
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer, TokenVerifier
from tests.docs.differences import programs
from tests.docs.pages import rows, section
from tests.docs.write import DOCS

PAGE = DOCS / "moving-from-python-jose.md"
SECRET = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"  # noqa: S105 - of the page
ISSUER = "https://api.example.com"

keys = KeySet.from_secret(SECRET)
verifier = TokenVerifier(
    keys, issuer=ISSUER, audience="api", token_types=["JWT", "at+jwt"], required_claims=["sub"], cache_size=0
)


def claims(*without: str, **others: Any) -> dict[str, Any]:
    good = {"sub": "ada", "iss": ISSUER, "aud": "api", "exp": int(time.time()) + 900, **others}
    return {name: value for name, value in good.items() if name not in without}


def signed(body: dict[str, Any], algorithm: str = "HS256", **headers: str) -> str:
    return str(jwt.encode(body, SECRET, algorithm=algorithm, headers=headers))


def theirs(token: str, **options: Any) -> str:
    try:
        jwt.decode(token, SECRET, **{"algorithms": ["HS256"], "audience": "api", **options})
    except JWTClaimsError:
        return "`JWTClaimsError`"
    return "good"


def ours(token: str) -> str:
    try:
        verifier.verify(token)
    except InvalidToken as refusal:
        return f"`{refusal.reason}`"
    return "good"


def both(token: Callable[[], str], **options: Any) -> Callable[[], tuple[str, str]]:
    def case() -> tuple[str, str]:
        made = token()
        return theirs(made, **options), ours(made)

    return case


def for_ever() -> tuple[str, str]:
    made = signed(claims("exp"))
    assert theirs(made) == "good"
    return "good for ever", ours(made)


def nobody_asked() -> tuple[str, str]:
    made = signed(claims())
    with pytest.raises(TypeError, match="audience"):
        TokenVerifier(keys, issuer=ISSUER)  # type: ignore[call-arg]  # the point
    return theirs(made, audience=None), "one is always asked for"


def encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def a_name_twice() -> tuple[str, str]:
    body = json.dumps(claims()).encode()[:-1] + b', "sub": "eve"}'
    text = encoded(b'{"alg":"HS256","typ":"JWT"}') + b"." + encoded(body)
    made = (text + b"." + encoded(hmac.new(SECRET.encode(), text, hashlib.sha256).digest())).decode()
    assert jwt.decode(made, SECRET, algorithms=["HS256"], audience="api")["sub"] == "eve"
    return "the second counts", ours(made)


def a_short_secret() -> tuple[str, str]:
    assert jwt.decode(jwt.encode({"sub": "ada"}, "short", "HS256"), "short", ["HS256"]) == {"sub": "ada"}
    with pytest.raises(ConfigError):
        KeySet.from_secret("short")
    return "signs", "`ConfigError`"


def logged_out() -> tuple[str, str]:
    async def run() -> tuple[str, str]:
        issuer = TokenIssuer(keys, issuer=ISSUER, audience="api", store=MemoryStore())
        pair = await issuer.issue("ada")
        await issuer.revoke(pair.refresh_token or "")
        with pytest.raises(InvalidToken) as refusal:
            await issuer.verifier().authenticate(pair.access_token)
        return theirs(pair.access_token), f"`{refusal.value.reason}`"

    return asyncio.run(run())


def a_wrong_password() -> tuple[str, str]:
    found = []
    for names in programs(PAGE.name, "The usual recipe"):
        client = TestClient(names["app"], base_url=ISSUER)
        answer = client.post("/auth/login", json={"username": "ada", "password": "wrong"})
        error = answer.json().get("error")
        found.append(f"{answer.status_code}, `{error}`" if error else str(answer.status_code))
    return found[0], found[1]


CASES: dict[str, Callable[[], tuple[str, str]]] = {
    "a token without `exp`": for_ever,
    'a token without `aud`, with `audience="api"`': both(lambda: signed(claims("aud"))),
    "a token with `aud`, where none is asked for": nobody_asked,
    "an id token, of `typ` `id+jwt`": both(lambda: signed(claims(), typ="id+jwt")),
    "a token that names another key, `kid`": both(lambda: signed(claims(), kid="other")),
    "a token of another algorithm, without `algorithms=`": both(lambda: signed(claims(), "HS512"), algorithms=None),
    "`exp` as text": both(lambda: signed(claims(exp=str(int(time.time()) + 900)))),
    "a token that was issued in the future": both(lambda: signed(claims(iat=int(time.time()) + 9000))),
    "JSON that names `sub` twice": a_name_twice,
    "a token of 20,000 characters": both(lambda: signed(claims(x="a" * 20_000))),
    "a secret of five characters": a_short_secret,
    "a token whose user has logged out": logged_out,
    "a wrong password, at the login of the recipe": a_wrong_password,
}


@pytest.mark.parametrize("what", CASES)
def test_a_difference(what: str) -> None:
    shown = {name: (before, after) for name, before, after in rows(section(PAGE, "What behaves differently"))}
    assert CASES[what]() == shown[what]


def test_every_difference_has_its_case() -> None:
    assert [name for name, *_ in rows(section(PAGE, "What behaves differently"))] == [*CASES]


@pytest.mark.parametrize(
    ("options", "bare", "full"),
    [
        pytest.param({"audience": None}, True, False, id="as it was"),
        pytest.param({}, True, True, id="after step 1"),
        pytest.param({"issuer": ISSUER}, False, True, id="after step 1, with an issuer"),
    ],
)
def test_the_steps_of_python_jose(options: dict[str, Any], bare: bool, full: bool) -> None:
    found = [theirs(signed(body), **options) == "good" for body in (claims("aud", "iss"), claims())]
    assert found == [bare, full]


def test_a_secret_is_replaced_before() -> None:
    made = jwt.encode(claims(), "short", "HS256")
    assert jwt.decode(made, [SECRET, "short"], ["HS256"], audience="api")["sub"] == "ada"
