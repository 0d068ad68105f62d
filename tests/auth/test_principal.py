"""Who is calling: what a principal is, and what it never is."""

import dataclasses
from typing import Any

import pytest

from asgisec.auth import Principal
from tests.auth.callers import ask, bearer, bearer_auth, guarded, token

ADA = Principal("ada", frozenset({"users:*"}), "bearer", {"exp": 7.0, "secret": "sesame"}, "token-1")


def test_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        ADA.subject = "eve"  # type: ignore[misc]
    with pytest.raises(TypeError):
        ADA.claims["admin"] = True  # type: ignore[index]


def test_the_claims_are_a_copy() -> None:
    claims = {"exp": 7.0}
    principal = Principal("ada", claims=claims)
    claims["exp"] = 99.0
    assert principal.expires_at == 7.0
    assert Principal("ada").expires_at is None


def test_is_hashable_and_compared_by_value() -> None:
    assert {ADA: 1}[
        Principal("ada", frozenset({"users:*"}), "bearer", {"exp": 7.0, "secret": "sesame"}, "token-1")
    ] == 1
    assert Principal("ada") != Principal("eve")


def test_shows_no_claims() -> None:
    assert "sesame" not in repr(ADA)


def test_scopes_become_a_set() -> None:
    assert Principal("ada", ["a", "b"]).scopes == frozenset({"a", "b"})  # type: ignore[arg-type]  # from untyped code
    with pytest.raises(TypeError, match="not one text"):
        Principal("ada", "users:read")  # type: ignore[arg-type]  # a mistake that would grant letters


def test_allows_what_its_scopes_cover() -> None:
    assert ADA.allows("users:read", "users:write")
    assert not ADA.allows("users:read", "orders:read")
    assert ADA.allows()


def test_is_a_user_of_starlette() -> None:
    assert (ADA.is_authenticated, ADA.identity, ADA.display_name) == (True, "ada", "ada")


@pytest.mark.parametrize("show", [repr, str, lambda principal: repr(principal.claims)])
def test_never_carries_the_token(show: Any) -> None:
    presented = token(nickname="sesame")
    found: list[Principal] = []
    ask(guarded(bearer_auth().require(), found), bearer(presented))
    assert found[0].credential_id == "token-1"
    assert found[0].claims["tenant"] == "t1"
    assert presented.rpartition(".")[2] not in show(found[0])
    assert "sesame" not in show(found[0])
    assert presented not in str({name: found[0].claims[name] for name in found[0].claims})
