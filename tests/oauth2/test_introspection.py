"""Introspection (RFC 7662): what a good token says, and that a bad one says nothing."""

from typing import Any

import anyio
import pytest

from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.oauth2 import IntrospectionEndpoint
from asgisec.tokens import TokenIssuer
from tests.asgi import Recorded
from tests.oauth2.people import (
    ISSUER,
    NO_CLIENT,
    NOW,
    OTHER,
    SPA,
    WEB,
    basic,
    clients,
    endpoint,
    events,
    issuer,
    password,
    post,
    said,
)


def log_in(tokens: TokenIssuer, *headers: tuple[str, str], **more: str) -> dict[str, Any]:
    return said(post(endpoint(tokens), password(**more), *headers))


def ask(tokens: TokenIssuer, form: dict[str, str] | str, *headers: tuple[str, str]) -> Recorded:
    return post(IntrospectionEndpoint(tokens, clients=clients), form, *headers, path="/introspect")


@pytest.mark.parametrize("hint", [{}, {"token_type_hint": "refresh_token"}, {"token_type_hint": "made-up"}])
@pytest.mark.parametrize(("headers", "client_id"), [([], "first-party"), ([WEB], "web"), ([SPA], "spa")])
def test_an_access_token(headers: list[tuple[str, str]], client_id: str, hint: dict[str, str]) -> None:
    tokens = issuer()
    token = log_in(tokens, *headers)["access_token"]
    claims = tokens.verifier().verify(token)
    answer = ask(tokens, {"token": token, **hint}, OTHER)
    assert answer.values("cache-control") == ["no-store"]
    assert said(answer) == {
        "active": True,
        "token_type": "Bearer",
        "scope": "orders:read users:*",
        "client_id": client_id,
        "sub": "user-1",
        "iss": ISSUER,
        "aud": "api",
        "exp": int(NOW) + 900,
        "iat": int(NOW),
        "jti": claims.token_id,
    }


def test_a_refresh_token_says_nothing_that_an_api_could_take_for_a_permission() -> None:
    tokens = issuer()
    answer = ask(tokens, {"token": log_in(tokens, SPA)["refresh_token"]}, WEB)
    assert said(answer) == {
        "active": True,
        "token_type": "refresh_token",
        "client_id": "spa",
        "sub": "user-1",
        "iss": ISSUER,
        "exp": int(NOW) + 7 * 86_400,
    }


def test_several_audiences() -> None:
    tokens = issuer(audience=["web", "api"])
    assert said(ask(tokens, {"token": log_in(tokens)["access_token"]}, WEB))["aud"] == ["api", "web"]


def _revoked(tokens: TokenIssuer, now: list[float]) -> str:
    token: str = log_in(tokens)["access_token"]
    anyio.run(tokens.revoke, token)
    return token


def _ended(tokens: TokenIssuer, now: list[float]) -> str:
    token: str = log_in(tokens)["refresh_token"]
    anyio.run(tokens.revoke, token)
    return token


def _of_an_ended_session(tokens: TokenIssuer, now: list[float]) -> str:
    pair = log_in(tokens)
    anyio.run(tokens.revoke, pair["refresh_token"])
    return str(pair["access_token"])


def _of_a_gone_subject(tokens: TokenIssuer, now: list[float]) -> str:
    token: str = log_in(tokens)["access_token"]
    anyio.run(tokens.revoke_subject, "user-1")
    return token


def _expired(tokens: TokenIssuer, now: list[float]) -> str:
    token: str = log_in(tokens)["access_token"]
    now[0] += 901
    return token


def _over(tokens: TokenIssuer, now: list[float]) -> str:
    token: str = log_in(tokens)["refresh_token"]
    now[0] += 8 * 86_400
    return token


def _used(tokens: TokenIssuer, now: list[float]) -> str:
    token: str = log_in(tokens)["refresh_token"]
    anyio.run(tokens.refresh, token)
    return token


def _foreign(tokens: TokenIssuer, now: list[float]) -> str:
    return str(log_in(issuer(issuer="https://other.example.com"))["access_token"])


def _for_others(tokens: TokenIssuer, now: list[float]) -> str:
    return str(log_in(issuer(audience="other"))["access_token"])


def _changed(tokens: TokenIssuer, now: list[float]) -> str:
    return str(log_in(tokens)["access_token"])[:-4] + "AAAA"


def _id_token(tokens: TokenIssuer, now: list[float]) -> str:
    claims = tokens.verifier().verify(log_in(tokens)["access_token"])
    return tokens.keys.sign(dict(claims), typ="JWT")


MADE_UP = {"one letter": "x", "a form": "A" * 107, "dots": "a.b.c", "no ASCII": "é🔑", "long": "x" * 9000}
BAD: dict[str, Any] = {name: lambda tokens, now, token=token: token for name, token in MADE_UP.items()}
BAD |= {
    make.__name__: make
    for make in (
        _revoked,
        _ended,
        _of_an_ended_session,
        _of_a_gone_subject,
        _expired,
        _over,
        _used,
        _foreign,
        _for_others,
        _changed,
        _id_token,
    )
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD)
def test_whatever_is_not_good_is_inactive_and_that_is_all(make: Any) -> None:
    now = [NOW]
    tokens = issuer(clock=lambda: now[0])
    answer = ask(tokens, {"token": make(tokens, now)}, WEB)
    assert answer.status == 200
    assert answer.body == b'{"active":false}'


@pytest.mark.parametrize(
    ("form", "headers", "status", "error", "reason"),
    [
        pytest.param({"token": "x"}, [], 401, "invalid_client", "client_not_authenticated", id="nobody"),
        pytest.param({}, [], 401, "invalid_client", "client_not_authenticated", id="nobody, and no token"),
        pytest.param({"token": "x"}, [NO_CLIENT], 401, "invalid_client", "client_not_authenticated", id="empty Basic"),
        pytest.param({"token": "x"}, [SPA], 401, "invalid_client", "client_not_authenticated", id="a public client"),
        pytest.param({"token": "x"}, [basic("web:x")], 401, "invalid_client", "client_unknown", id="wrong secret"),
        pytest.param(
            {"token": "x"},
            [("authorization", "Bearer x")],
            401,
            "invalid_client",
            "client_not_authenticated",
            id="a token",
        ),
        pytest.param({}, [WEB], 400, "invalid_request", "parameter_missing", id="no token"),
        pytest.param("token=a&token=b", [WEB], 400, "invalid_request", "form_repeated", id="two tokens"),
    ],
)
def test_refusals(
    form: Any,
    headers: list[tuple[str, str]],
    status: int,
    error: str,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = ask(issuer(), form, *headers)
    assert (answer.status, said(answer)["error"]) == (status, error)
    assert bool(answer.values("www-authenticate")) is (status == 401 and bool(headers))
    assert [event.reason for event in events(caplog)] == [reason]


@pytest.mark.parametrize(("kind", "step"), [("access_token", "denied"), ("refresh_token", "find_family")])
def test_where_nobody_can_say_that_is_said(kind: str, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = issuer()
    token = log_in(tokens)[kind]

    async def down(*_: object) -> None:
        raise StoreUnavailable

    monkeypatch.setattr(tokens.closes[0], step, down)
    answer = ask(tokens, {"token": token}, WEB)
    assert answer.status == 503
    assert answer.values("retry-after") == ["1"]
    assert "active" not in said(answer)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"issuer": None}, r"IntrospectionEndpoint\(issuer=\) got None: write a TokenIssuer"),
        ({"clients": None}, r"IntrospectionEndpoint\(clients=\) got None: write a function of a client's id and sec"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        IntrospectionEndpoint(**{"issuer": issuer(), "clients": clients, **options})


def test_it_closes_what_the_issuer_uses() -> None:
    tokens = issuer()
    assert IntrospectionEndpoint(tokens, clients=clients).closes == tokens.closes
