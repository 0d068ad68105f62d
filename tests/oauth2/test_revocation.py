"""Revocation (RFC 7009): what ends, what does not, and that nobody can tell the difference."""

from typing import Any

import anyio
import pytest

from asgisec.errors import ConfigError, InvalidToken, StoreUnavailable
from asgisec.oauth2 import RevocationEndpoint
from asgisec.stores import MemoryStore
from tests.asgi import Recorded
from tests.oauth2.people import (
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
    watched,
)

CALLERS = {"no client": [], "web": [WEB], "other": [OTHER], "spa": [SPA]}


class Service:
    """An issuer with its endpoints."""

    def __init__(self, **options: Any) -> None:
        self.issuer = issuer(**options)
        self.token = endpoint(self.issuer)
        self.revocation = RevocationEndpoint(self.issuer, clients=clients)

    def log_in(self, *headers: tuple[str, str]) -> dict[str, Any]:
        return said(post(self.token, password(), *headers))

    def revoke(self, form: dict[str, str] | str, *headers: tuple[str, str]) -> Recorded:
        return post(self.revocation, form, *headers, path="/revoke")

    def access(self, token: str) -> str:
        """Whether an access token is good, or why not."""
        try:
            anyio.run(self.issuer.verifier().authenticate, token)
        except InvalidToken as refusal:
            return refusal.reason
        return "good"

    def refresh(self, token: str, *headers: tuple[str, str]) -> str:
        answer = post(self.token, {"grant_type": "refresh_token", "refresh_token": token}, *headers)
        return str(said(answer).get("error", "good"))


def nothing(answer: Recorded) -> bool:
    """Whether an answer says that all is well, and nothing else."""
    assert answer.values("cache-control") == ["no-store"]
    return answer.status == 200 and answer.body == b""


@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token", "made-up", ""])
def test_a_refresh_token_takes_its_access_tokens_along(hint: str | None) -> None:
    service = Service()
    pair = service.log_in()
    form = {"token": pair["refresh_token"], **({} if hint is None else {"token_type_hint": hint})}
    assert nothing(service.revoke(form))
    assert service.access(pair["access_token"]) == "revoked"
    assert service.refresh(pair["refresh_token"]) == "invalid_grant"


@pytest.mark.parametrize("hint", [None, "refresh_token", "access_token", "made-up", ""])
def test_an_access_token_goes_alone(hint: str | None) -> None:
    service = Service()
    pair, other = service.log_in(), service.log_in()
    form = {"token": pair["access_token"], **({} if hint is None else {"token_type_hint": hint})}
    assert nothing(service.revoke(form))
    assert service.access(pair["access_token"]) == "revoked"
    assert service.access(other["access_token"]) == "good"
    assert service.refresh(pair["refresh_token"]) == "good"


def test_what_was_revoked_may_be_revoked_again() -> None:
    service = Service()
    pair = service.log_in()
    for token in (pair["refresh_token"], pair["refresh_token"], pair["access_token"], pair["access_token"]):
        assert nothing(service.revoke({"token": token}))
    assert service.access(pair["access_token"]) == "revoked"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("x", id="no token"),
        pytest.param("A" * 107, id="made up"),
        pytest.param("a.b.c", id="made up, with dots"),
        pytest.param("..", id="dots"),
        pytest.param("é🔑", id="no ASCII"),
        pytest.param("x" * 9000, id="long"),
    ],
)
@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
def test_what_is_no_token_is_answered_like_one(token: str, caller: list[tuple[str, str]]) -> None:
    assert nothing(Service().revoke({"token": token}, *caller))


def test_what_another_issuer_signed_is_left_alone() -> None:
    service, other = Service(), Service(issuer="https://other.example.com")
    pair = other.log_in()
    for token in (pair["access_token"], pair["refresh_token"]):
        assert nothing(service.revoke({"token": token}))
    assert other.access(pair["access_token"]) == "good"
    assert other.refresh(pair["refresh_token"]) == "good"


def test_what_has_expired_is_answered_like_the_rest() -> None:
    now = [NOW]
    service = Service(clock=lambda: now[0])
    pair = service.log_in()
    now[0] += 8 * 86_400
    for token in (pair["access_token"], pair["refresh_token"]):
        assert nothing(service.revoke({"token": token}))


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("owner", CALLERS.values(), ids=CALLERS)
@pytest.mark.parametrize("caller", CALLERS.values(), ids=CALLERS)
def test_only_the_client_it_was_issued_to_revokes_a_token(
    caller: list[tuple[str, str]], owner: list[tuple[str, str]], kind: str
) -> None:
    service = Service()
    pair = service.log_in(*owner)
    assert nothing(service.revoke({"token": pair[kind]}, *caller))
    assert service.access(pair["access_token"]) == ("revoked" if caller == owner else "good")


def test_without_clients_whoever_has_a_token_revokes_it() -> None:
    service = Service()
    pair = service.log_in(WEB)
    service.revocation = RevocationEndpoint(service.issuer)
    assert nothing(service.revoke({"token": pair["access_token"], "client_id": "web"}))
    assert service.access(pair["access_token"]) == "revoked"


def test_who_is_nobody_by_swagger_ui_logs_out() -> None:
    service = Service()
    pair = service.log_in(NO_CLIENT)
    assert nothing(service.revoke({"token": pair["refresh_token"]}, NO_CLIENT))
    assert service.access(pair["access_token"]) == "revoked"


@pytest.mark.parametrize(
    ("form", "headers", "status", "error", "reason"),
    [
        pytest.param({}, [], 400, "invalid_request", "parameter_missing", id="no token"),
        pytest.param({"token": ""}, [WEB], 400, "invalid_request", "parameter_missing", id="empty"),
        pytest.param("token=a&token=b", [], 400, "invalid_request", "form_repeated", id="two tokens"),
        pytest.param({"token": "x"}, [basic("web:x")], 401, "invalid_client", "client_unknown", id="wrong secret"),
        pytest.param({"token": "x", "client_id": "web"}, [], 401, "invalid_client", "client_unknown", id="no secret"),
        pytest.param(
            {"token": "x", "client_secret": "s3cret"}, [WEB], 400, "invalid_request", "client_twice", id="two ways"
        ),
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
    answer = Service().revoke(form, *headers)
    assert (answer.status, said(answer)["error"]) == (status, error)
    assert [event.reason for event in events(caplog)] == [reason]


def test_a_revocation_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    service = Service()
    pair = service.log_in()
    watched(caplog).clear()
    service.revoke({"token": pair["refresh_token"]})
    (event,) = events(caplog)
    assert (event.name, event.reason, event.principal) == ("token_revoked", "session", "user-1")


class Failing(MemoryStore):
    """A store that goes down, in the middle of it where it is told so."""

    fails: frozenset[str] = frozenset()

    async def deny(self, owner: str, key: str, not_before: float, expires_at: float) -> None:
        self._check("deny")
        await super().deny(owner, key, not_before, expires_at)

    async def end_family(self, family_id: str) -> None:
        self._check("end_family")
        await super().end_family(family_id)

    def _check(self, step: str) -> None:
        if step in self.fails:
            raise StoreUnavailable


@pytest.mark.parametrize(
    ("kind", "step"), [("access_token", "deny"), ("refresh_token", "deny"), ("refresh_token", "end_family")]
)
def test_a_store_that_is_down_is_no_success_and_the_next_attempt_ends_all(kind: str, step: str) -> None:
    store = Failing(clock=lambda: NOW)
    service = Service(store=store)
    pair = service.log_in()
    store.fails = frozenset({step})
    answer = service.revoke({"token": pair[kind]})
    assert answer.status == 503
    assert answer.values("retry-after") == ["1"]
    assert said(answer)["error"] == "temporarily_unavailable"
    store.fails = frozenset()
    assert nothing(service.revoke({"token": pair[kind]}))
    assert service.access(pair["access_token"]) == "revoked"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"issuer": None}, r"RevocationEndpoint\(issuer=\) got None: write a TokenIssuer"),
        ({"clients": {}}, r"RevocationEndpoint\(clients=\) got {}: write a function of a client's id and secret"),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        RevocationEndpoint(**{"issuer": issuer(), **options})


def test_it_closes_what_the_issuer_uses() -> None:
    service = Service()
    assert service.revocation.closes == service.issuer.closes
