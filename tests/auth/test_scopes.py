"""Scopes: how they are written, what covers what, and what roles are worth."""

from typing import Any

import pytest

from asgisec.auth import ScopePolicy
from asgisec.auth.scopes import GrantedScopes, check_known, check_scopes
from asgisec.errors import ConfigError
from tests.auth.callers import bearer_auth, key_auth


@pytest.mark.parametrize(
    ("granted", "needed", "has"),
    [
        pytest.param(["users:*"], "users:read", True, id="a wildcard"),
        pytest.param(["users:*"], "users:*", True, id="itself"),
        pytest.param(["users:read"], "users:*", False, id="what is needed is not widened"),
        pytest.param([], "users:read", False, id="nothing"),
    ],
)
def test_granted_scopes_have_what_a_wildcard_covers(granted: list[str], needed: str, *, has: bool) -> None:
    assert (needed in GrantedScopes(granted)) is has


def test_granted_scopes_are_listed_as_they_are() -> None:
    granted = GrantedScopes(["users:*"])
    assert [*granted] == ["users:*"]
    other: Any = 7
    assert other not in granted


# name: scopes, the beginning of what is said
BAD: dict[str, tuple[Any, str]] = {
    "a space": (["users read"], "option got 'users read': write visible ASCII without spaces"),
    "nothing": ([""], "option got '': write visible ASCII"),
    "a quote": (['users:"read"'], "option got 'users:\"read\"': write visible ASCII"),
    "a backslash": (["users\\read"], "option got 'users\\\\read': write visible ASCII"),
    "a line break": (["users\r\nX-Admin: 1"], "option got 'users\\r\\nX-Admin: 1': write visible ASCII"),
    "NUL": (["users\0"], "option got 'users\\x00': write visible ASCII"),
    "other letters": (["bücher:read"], "option got 'bücher:read': write visible ASCII"),
    "no text": ([7], "option got 7: write visible ASCII"),
    "a star alone": (["*"], "option got '*': write a wildcard at the end, behind a colon"),
    "a star without a colon": (["users*"], "option got 'users*': write a wildcard at the end"),
    "a star in front": (["*:read"], "option got '*:read': write a wildcard at the end"),
    "two stars": (["users:*:*"], "option got 'users:*:*': write a wildcard at the end"),
    "a star of nothing": ([":*"], "option got ':*': write a wildcard at the end"),
    "one text": ("users:read", "option got 'users:read': write a list: ['users:read']"),
    "no list": (7, "option got 7: write a list of scopes"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_written_in_a_token(case: str) -> None:
    scopes, said = BAD[case]
    with pytest.raises(ConfigError) as wrong:
        check_scopes("option", scopes)
    assert str(wrong.value).startswith(said)


def test_each_is_kept_once_in_order() -> None:
    assert check_scopes("option", ["b", "a", "b"]) == ("b", "a")


class TestKnown:
    def test_where_nothing_is_declared_all_is_known(self) -> None:
        check_known("option", ["anything"], None)

    def test_a_declared_wildcard_covers(self) -> None:
        check_known("option", ["users:read"], frozenset({"users:*"}))

    @pytest.mark.parametrize(
        ("scope", "said"),
        [
            ("usres:read", "option got 'usres:read': write 'users:read', or declare it"),
            ("nothing-like-it", "option got 'nothing-like-it': declare it; there are ['users:read']"),
        ],
    )
    def test_what_nobody_can_be_granted(self, scope: str, said: str) -> None:
        with pytest.raises(ConfigError) as wrong:
            check_known("option", [scope], frozenset({"users:read"}))
        assert str(wrong.value) == said

    def test_by_an_authenticator(self) -> None:
        policy = ScopePolicy({"admin": ["users:*"], "viewer": ["orders:read"]})
        auth = bearer_auth(scopes=policy)
        assert auth.require("users:read", "orders:read").scopes == ("users:read", "orders:read")
        with pytest.raises(ConfigError, match=r"auth\.require\(\*scopes\) got 'orders:reda': write 'orders:read'"):
            auth.require("orders:reda")

    def test_of_several_authenticators_what_any_declares(self) -> None:
        auth = bearer_auth(scopes=["users:read"]) | key_auth(scopes=["orders:read"])
        auth.require("users:read", "orders:read")
        with pytest.raises(ConfigError):
            auth.require("admin")

    def test_one_that_declares_nothing_may_grant_anything(self) -> None:
        (bearer_auth(scopes=["users:read"]) | key_auth()).require("admin")


class TestRoles:
    POLICY = ScopePolicy({"admin": ["users:*", "orders:*"], "viewer": ("users:read", "orders:read"), "nobody": []})

    @pytest.mark.parametrize(
        ("roles", "scopes"),
        [
            pytest.param("viewer", {"users:read", "orders:read"}, id="one, as text"),
            pytest.param(["viewer"], {"users:read", "orders:read"}, id="one, in a list"),
            pytest.param(["nobody", "admin"], {"users:*", "orders:*"}, id="several"),
            pytest.param(["stranger"], set(), id="one that is not known"),
            pytest.param([], set(), id="none"),
        ],
    )
    def test_are_worth(self, roles: Any, scopes: set[str]) -> None:
        assert self.POLICY.scopes_of(roles) == scopes

    def test_can_be_read_and_not_changed(self) -> None:
        assert self.POLICY.roles["nobody"] == frozenset()
        assert self.POLICY.scopes == {"users:*", "orders:*", "users:read", "orders:read"}
        with pytest.raises(TypeError):
            self.POLICY.roles["nobody"] = frozenset({"users:*"})  # type: ignore[index]
        assert repr(ScopePolicy({"a": ["y", "x"]})) == "ScopePolicy({'a': ['x', 'y']})"

    @pytest.mark.parametrize("roles", [None, ["admin"], {7: ["users:read"]}, {"": ["users:read"]}])
    def test_other_values_are_refused(self, roles: Any) -> None:
        with pytest.raises(ConfigError, match=r"ScopePolicy\(roles\) got .*: write {"):
            ScopePolicy(roles)

    def test_scopes_that_cannot_be_written_are_refused(self) -> None:
        with pytest.raises(ConfigError, match=r"ScopePolicy\(roles\) got 'users read'"):
            ScopePolicy({"admin": ["users read"]})
