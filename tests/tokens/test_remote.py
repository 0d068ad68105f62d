"""Keys that are fetched: when, how often, and for whom."""

from typing import Any

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from asgisec.errors import ConfigError, InvalidToken, KeysUnavailable
from asgisec.tokens import KeySet, RemoteKeySet
from tests.tokens.minting import CLAIMS, KEYS, minted, now
from tests.tokens.providing import BACKENDS, NEW, OLD, Clock, Provider, ask, checked_by, settled


@pytest.mark.parametrize("backend", BACKENDS)
def test_discovery(provider: Provider, backend: str) -> None:
    keys = RemoteKeySet(issuer=provider.url)
    for _ in range(3):
        assert ask(keys, OLD.sign(CLAIMS), backend).subject == "user-1"
    assert provider.asked == ["/.well-known/openid-configuration", "/keys"]
    assert repr(keys) == f"RemoteKeySet('{provider.url}')"


@pytest.mark.parametrize("path", ["/realms/a", "/realms/a/", "/realms/X"])
def test_discovery_below_a_path(provider: Provider, path: str) -> None:
    issuer = f"{provider.url}{path}"
    found = {"issuer": issuer, "jwks_uri": f"{provider.url}/keys"}
    provider.answers[f"{path.rstrip('/')}/.well-known/openid-configuration"] = found
    assert ask(RemoteKeySet(issuer=issuer), OLD.sign(CLAIMS))["tenant"] == "t1"


def test_a_url_of_keys(provider: Provider) -> None:
    keys = RemoteKeySet(jwks_url=f"{provider.url}/keys")
    assert ask(keys, OLD.sign(CLAIMS)).subject == "user-1"
    assert provider.asked == ["/keys"]


def test_keys_are_asked_for_after_five_minutes_and_believed_for_a_day(provider: Provider) -> None:
    """Where nothing else is said."""
    clock = Clock()
    keys = RemoteKeySet(issuer=provider.url, clock=clock)
    for at, fetches in ((0, 1), (299.9, 1), (300, 2)):
        clock.now = at
        ask(keys, OLD.sign(CLAIMS))
        settled(keys)
        assert provider.fetches() == fetches
    clock.now = 300 + 86_399.9
    assert [key.kid for key in keys.current().keys] == ["old"]
    clock.now = 300 + 86_400
    with pytest.raises(KeysUnavailable):
        keys.current()


def test_verify_is_pure(provider: Provider) -> None:
    keys = RemoteKeySet(issuer=provider.url)
    with pytest.raises(KeysUnavailable):
        checked_by(keys).verify(OLD.sign(CLAIMS))
    assert provider.asked == []
    ask(keys, OLD.sign(CLAIMS))
    assert checked_by(keys).verify(OLD.sign(CLAIMS)).subject == "user-1"


@pytest.mark.parametrize("backend", BACKENDS)
def test_many_callers_one_fetch(provider: Provider, backend: Any) -> None:
    keys = RemoteKeySet(issuer=provider.url)
    checked = checked_by(keys)
    found: list[str] = []
    provider.go.clear()

    async def call() -> None:
        found.append((await checked.authenticate(OLD.sign(CLAIMS))).subject)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(200):
                group.start_soon(call)
            with anyio.move_on_after(0):
                await checked.authenticate(OLD.sign(CLAIMS))  # cancelled while it waits, and nobody minds
            await anyio.lowlevel.checkpoint()
            provider.go.set()

    anyio.run(main, backend=backend)
    assert found == ["user-1"] * 200
    assert provider.fetches() == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_loop_that_ends_leaves_nothing_behind(provider: Provider, backend: Any) -> None:
    keys = RemoteKeySet(issuer=provider.url)
    provider.go.clear()

    async def cancelled() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(checked_by(keys).authenticate, OLD.sign(CLAIMS))
            await anyio.lowlevel.checkpoint()
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()

    anyio.run(cancelled, backend=backend)
    provider.go.set()
    settled(keys)
    assert ask(keys, OLD.sign(CLAIMS), backend).subject == "user-1"
    assert provider.fetches() == 1


def test_a_new_key_is_learned_at_once(provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeySet(issuer=provider.url, cooldown=30, clock=clock)
    ask(keys, OLD.sign(CLAIMS))
    provider.publish(OLD, NEW)
    assert ask(keys, NEW.sign(CLAIMS)).subject == "user-1"
    assert provider.fetches() == 2


def test_who_asks_for_new_keys_is_told_whether_there_may_be_some(provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeySet(issuer=provider.url, clock=clock)  # once in 30 seconds, where nothing else is said
    assert anyio.run(keys.learn) is True
    clock.now += 29
    assert anyio.run(keys.learn) is False
    clock.now += 1
    assert anyio.run(keys.learn) is True


def test_a_flood_of_unknown_keys_asks_once_per_cooldown(provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeySet(issuer=provider.url, cooldown=30, clock=clock)
    ask(keys, OLD.sign(CLAIMS))
    for number in range(100):
        with pytest.raises(InvalidToken) as refusal:
            ask(keys, KeySet.generate("ES256", kid=f"made-up-{number}").sign(CLAIMS))
        assert refusal.value.reason == "unknown_key"
    assert provider.fetches() == 2
    provider.publish(NEW)
    clock.now += 30
    ask(keys, NEW.sign(CLAIMS))
    assert provider.fetches() == 3


def test_who_names_a_new_key_while_it_is_fetched_waits_for_it(provider: Provider) -> None:
    keys = RemoteKeySet(issuer=provider.url)
    ask(keys, OLD.sign(CLAIMS))
    provider.publish(NEW)
    provider.go.clear()
    checked = checked_by(keys)

    async def main() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(checked.authenticate, NEW.sign(CLAIMS))
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            provider.go.set()

    anyio.run(main)
    assert provider.fetches() == 2


def test_a_refused_token_of_another_kind_fetches_nothing(provider: Provider) -> None:
    keys = RemoteKeySet(issuer=provider.url)
    ask(keys, OLD.sign(CLAIMS))
    for token in ("x", minted(keys=KEYS), OLD.sign({**CLAIMS, "exp": 1})):
        with pytest.raises(InvalidToken):
            ask(keys, token)
    assert provider.fetches() == 1


def test_a_withdrawn_key_is_forgotten_with_what_it_signed(provider: Provider) -> None:
    clock = Clock()
    keys = RemoteKeySet(issuer=provider.url, ttl=60, clock=clock)
    checked = checked_by(keys)
    found = anyio.run(checked.authenticate, OLD.sign(CLAIMS))
    ring = keys.current()
    clock.now += 60
    anyio.run(checked.authenticate, OLD.sign(CLAIMS))
    settled(keys)
    assert provider.fetches() == 2
    assert keys.current() is ring  # what was verified with them stays so
    provider.publish(NEW)
    clock.now += 60
    anyio.run(checked.authenticate, OLD.sign(CLAIMS))
    settled(keys)
    assert keys.current() is not ring
    with pytest.raises(InvalidToken) as refusal:
        anyio.run(checked.authenticate, OLD.sign(CLAIMS))
    assert refusal.value.reason == "unknown_key"
    assert found.subject == "user-1"


def test_what_is_not_understood_is_passed_over(provider: Provider) -> None:
    private = OKPAlgorithm.to_jwk(Ed25519PrivateKey.generate(), as_dict=True)
    others = [{"kty": "RSA", "use": "enc"}, {"kty": "AKP"}, "x", {"kty": "oct", "k": "A" * 64}, private]
    provider.publish(OLD, extra=others)
    keys = RemoteKeySet(issuer=provider.url)
    ask(keys, OLD.sign(CLAIMS))
    assert [key.kid for key in keys.current().keys] == ["old"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "neither": ({}, "RemoteKeySet(issuer=) got None: write either issuer= or jwks_url="),
    "both": (
        {"issuer": "https://a.example", "jwks_url": "https://a.example"},
        "RemoteKeySet(issuer=) got 'https://a.example': write either issuer= or jwks_url=",
    ),
    "plain http": ({"issuer": "http://a.example"}, "RemoteKeySet(issuer=) got 'http://a.example': write an https://"),
    "plain http keys": (
        {"jwks_url": "http://a.example"},
        "RemoteKeySet(jwks_url=) got 'http://a.example': write an https://",
    ),
    "a query": (
        {"issuer": "https://a.example?x"},
        "RemoteKeySet(issuer=) got 'https://a.example?x': write an https://",
    ),
    "ttl": ({"issuer": "https://a.example", "ttl": 0}, "RemoteKeySet(ttl=) got 0: write seconds or a timedelta, more"),
    "cooldown": (
        {"issuer": "https://a.example", "cooldown": "x"},
        "RemoteKeySet(cooldown=) got 'x': write seconds or a timedelta, 0 or more",
    ),
    "timeout": (
        {"issuer": "https://a.example", "timeout": 0},
        "RemoteKeySet(timeout=) got 0: write seconds or a timedelta, more than 0",
    ),
    "max_stale is nothing": (
        {"issuer": "https://a.example", "max_stale": 0},
        "RemoteKeySet(max_stale=) got 0: write seconds",
    ),
    "max_stale": (
        {"issuer": "https://a.example", "ttl": 60, "max_stale": 59},
        "RemoteKeySet(max_stale=) got 59: write no less than ttl=",
    ),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        RemoteKeySet(**options)
    assert str(wrong.value).startswith(message)
    assert now()
