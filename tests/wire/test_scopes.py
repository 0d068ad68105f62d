"""Scopes: what can be one, and what covers what."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec._wire.scopes import covers, is_scope, spellings


@pytest.mark.parametrize("scope", ["users:read", "!", "~", "[]", "*", ":"])
def test_what_is_a_scope(scope: str) -> None:
    assert is_scope(scope)


@pytest.mark.parametrize("text", ["", " ", "a b", 'a"', "a\\", "a\n", "a\0", "\x7f", "\u00fc"])
def test_what_is_none(text: str) -> None:
    assert not is_scope(text)


# name: granted, needed, covered
COVERS: dict[str, tuple[list[str], str, bool]] = {
    "itself": (["users:read"], "users:read", True),
    "a wildcard": (["users:*"], "users:read", True),
    "a wildcard, two levels up": (["users:*"], "users:read:own", True),
    "a wildcard below another": (["users:*"], "users:read:*", True),
    "a wildcard in the middle level": (["users:read:*"], "users:read:own", True),
    "a wildcard and itself": (["users:*"], "users:*", True),
    "not the level above": (["users:read:*"], "users:read", False),
    "not its own name": (["users:*"], "users", False),
    "not nothing behind the colon": (["users:*"], "users:", False),
    "not a name that begins the same": (["user:*"], "users:read", False),
    "what is needed is not widened": (["users:read", "users:write"], "users:*", False),
    "a star alone covers itself only": (["*"], "users:read", False),
    "a star without a colon": (["users*"], "users:read", False),
    "a star in front": (["*:read"], "users:read", False),
    "a star in the middle": (["users:*:own"], "users:read:own", False),
    "other case": (["Users:*"], "users:read", False),
    "nothing": ([], "users:read", False),
}


@pytest.mark.parametrize("case", COVERS)
def test_covers(case: str) -> None:
    granted, needed, covered = COVERS[case]
    assert covers(granted, [needed]) is covered


def test_all_that_is_needed_must_be_covered() -> None:
    assert covers(["users:*", "orders:read"], ["users:read", "orders:read"])
    assert not covers(["users:*", "orders:read"], ["users:read", "orders:write"])
    assert covers([], [])


names = st.text(alphabet="ab:*", min_size=1, max_size=8)


@given(granted=st.sets(names), needed=names)
def test_covers_what_the_rule_says(granted: set[str], needed: str) -> None:
    by_rule = needed in granted or any(
        scope.endswith(":*") and needed.startswith(scope[:-1]) and len(needed) > len(scope) - 1 for scope in granted
    )
    assert covers(granted, [needed]) is by_rule


def test_what_is_remembered_is_bounded() -> None:
    for number in range(3000):
        spellings(f"users:{number}")
    assert spellings.cache_info().currsize <= 1024
