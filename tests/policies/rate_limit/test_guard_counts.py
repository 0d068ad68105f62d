"""What a guard counts together, where it counts, and what its key finds in a scope."""

import sys
from collections import UserDict
from typing import Any

import anyio
import pytest

from asgisec import Exchange, RateLimitGuard
from asgisec.policies.rate_limit.guard import _place
from asgisec.stores import MemoryStore
from tests.asgi import scope_of
from tests.policies.rate_limit.limited import Clock, by_hand, refused


def _two(store: MemoryStore, *names: str | None) -> tuple[RateLimitGuard, RateLimitGuard]:
    first = RateLimitGuard("1/minute", store=store, name=names[0])
    return first, RateLimitGuard("1/minute", store=store, name=names[1])


def test_two_guards_are_two_counts_and_one_is_one() -> None:
    first, second = _two(MemoryStore(), None, None)
    assert [by_hand(guard) for guard in (first, second, first)] == [None, None, "rate_limit"]
    assert by_hand(first, path="/elsewhere") == "rate_limit"


def test_of_one_name_they_are_one() -> None:
    assert [by_hand(guard) for guard in _two(MemoryStore(), "login", "login")] == [None, "rate_limit"]
    assert [by_hand(guard) for guard in _two(MemoryStore(), "login", "reset")] == [None, None]


def test_what_is_made_anew_for_each_request_is_one() -> None:
    store = MemoryStore()
    assert [by_hand(RateLimitGuard("1/minute", store=store)) for _ in range(2)] == [None, "rate_limit"]


def test_a_place_in_code_is_a_line_of_a_module() -> None:
    frame = sys._getframe()
    assert [_place(frame), _place(frame)] == [f"{__name__}:{frame.f_lineno}"] * 2


@pytest.mark.parametrize(("strategy", "wait"), [("fixed-window", "60"), ("gcra", "30")])
def test_it_counts_as_it_is_told(strategy: str, wait: str) -> None:
    guard = RateLimitGuard("2/minute", store=MemoryStore(clock=Clock()), strategy=strategy)
    assert [by_hand(guard) for _ in range(2)] == [None, None]
    error = anyio.run(refused, guard, scope_of())
    assert error is not None
    assert error.headers is not None
    assert error.headers["Retry-After"] == wait


@pytest.mark.parametrize("kind", [dict, UserDict])
def test_its_key_finds_a_plain_scope_whatever_the_framework_has(kind: Any) -> None:
    seen: list[Any] = []

    def by_path(exchange: Exchange) -> str:
        seen.append(exchange.scope)
        return str(exchange.scope["path"])

    scope = kind(scope_of(path="/a"))
    anyio.run(RateLimitGuard("1/minute", key=by_path), scope)
    assert type(seen[0]) is dict
    assert seen == [scope]


def test_what_its_key_leaves_in_the_state_the_application_finds() -> None:
    def by_tenant(exchange: Exchange) -> str:
        exchange.state["tenant"] = "acme"
        return "acme"

    scope = scope_of()
    anyio.run(RateLimitGuard("1/minute", key=by_tenant), scope)
    assert scope["state"]["tenant"] == "acme"
