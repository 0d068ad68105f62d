"""What is made of bad answers, and of none: no keys are taken from them, and nobody waits for ever."""

import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, NoReturn

import anyio
import pytest

from asgisec.errors import KeysUnavailable
from asgisec.tokens import RemoteKeySet
from asgisec.tokens._fetch import MAX_ANSWER
from tests.tokens.minting import CLAIMS
from tests.tokens.providing import BACKENDS, OLD, Clock, Provider, ask, settled


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str, int]]:
    events = [record.event for record in caplog.records]  # type: ignore[attr-defined]  # ours
    return [(event.name, event.reason, event.policy, event.level) for event in events]


def padded(provider: Provider, size: int) -> bytes:
    return json.dumps(provider.answers["/keys"]).encode().ljust(size)


BAD_DAYS: dict[str, Callable[[Provider], dict[str, Any]]] = {
    "500": lambda p: {"/keys": 500},
    "404": lambda p: {"/keys": 404},
    "204": lambda p: {"/keys": 204},
    "no JSON": lambda p: {"/keys": b"<html>"},
    "a list": lambda p: {"/keys": []},
    "keys are text": lambda p: {"/keys": {"keys": "x"}},
    "no keys": lambda p: {"/keys": {"keys": []}},
    "no key that we can use": lambda p: {"/keys": {"keys": [{"kty": "EC", "crv": "secp256k1"}, "x", 1]}},
    "only a secret": lambda p: {"/keys": {"keys": [{"kty": "oct", "k": "A" * 64, "kid": "old"}]}},
    "65 keys": lambda p: {"/keys": {"keys": p.answers["/keys"]["keys"] * 65}},
    "huge": lambda p: {"/keys": padded(p, MAX_ANSWER + 1)},
    "members twice": lambda p: {"/keys": b'{"keys": [], "keys": []}'},
    "deep": lambda p: {"/keys": b'{"keys": ' + b"[" * 9000 + b"]" * 9000 + b"}"},
    "a redirect": lambda p: {"/keys": (302, {"Location": f"{p.url}/elsewhere"}), "/elsewhere": p.answers["/keys"]},
    "wrong issuer": lambda p: {
        "/.well-known/openid-configuration": {"issuer": p.url + "/", "jwks_uri": f"{p.url}/keys"}
    },
    "no issuer": lambda p: {"/.well-known/openid-configuration": {"jwks_uri": f"{p.url}/keys"}},
    "no keys named": lambda p: {"/.well-known/openid-configuration": {"issuer": p.url}},
    "keys in a file": lambda p: {
        "/.well-known/openid-configuration": {"issuer": p.url, "jwks_uri": "file:///etc/passwd"}
    },
    "keys over plain http elsewhere": lambda p: {
        "/.well-known/openid-configuration": {"issuer": p.url, "jwks_uri": "http://192.0.2.1/keys"}
    },
}

WHY = {
    "keys are text": "this is no set of keys, or too large a one",
    "no keys": "no key of this set can be used",
    "only a secret": "no key of this set can be used",
    "65 keys": "this is no set of keys, or too large a one",
    "wrong issuer": "the discovered document is another issuer's",
    "no issuer": "the discovered document is another issuer's",
    "no keys named": "names no URL of keys that we would fetch",
    "keys in a file": "names no URL of keys that we would fetch",
    "keys over plain http elsewhere": "names no URL of keys that we would fetch",
}


@pytest.mark.parametrize("day", BAD_DAYS)
def test_a_bad_answer_gives_no_keys_and_takes_none(
    provider: Provider, day: str, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    bad = BAD_DAYS[day]
    good = dict(provider.answers)
    provider.answers |= bad(provider)
    keys = RemoteKeySet(issuer=provider.url, ttl=60, max_stale=600, clock=clock)
    token = OLD.sign(CLAIMS)
    with pytest.raises(KeysUnavailable) as refusal:
        ask(keys, token)
    assert refusal.value.reason == "keys_unavailable"
    assert refusal.value.__cause__ is not None
    assert WHY.get(day, "") in str(refusal.value.__cause__)
    assert told(caplog) == [("sys_keys_unavailable", "fetch_failed", "RemoteKeySet", logging.ERROR)]
    provider.answers = good  # it is mended, and the next caller finds it so
    ask(keys, token)
    provider.answers |= bad(provider)
    clock.now += 61
    ask(keys, token)  # the keys at hand stay, and nobody waits
    settled(keys)
    assert told(caplog)[1:] == [("sys_keys_unavailable", "fetch_failed", "RemoteKeySet", logging.WARNING)]
    ask(keys, token)
    clock.now = 600
    with pytest.raises(KeysUnavailable):
        ask(keys, token)
    assert "/elsewhere" not in provider.asked


def test_as_many_keys_and_as_large_a_set_as_is_taken(provider: Provider) -> None:
    provider.answers["/keys"]["keys"] *= 64
    provider.answers["/keys"] = padded(provider, MAX_ANSWER)
    assert ask(RemoteKeySet(issuer=provider.url), OLD.sign(CLAIMS)).subject == "user-1"


@pytest.mark.parametrize("ttl", [60, 600])
def test_who_finds_keys_too_old_waits_for_new_ones(provider: Provider, ttl: int) -> None:
    clock = Clock()
    keys = RemoteKeySet(issuer=provider.url, ttl=ttl, max_stale=600, clock=clock)
    ask(keys, OLD.sign(CLAIMS))
    clock.now += 600
    assert ask(keys, OLD.sign(CLAIMS)).subject == "user-1"
    assert provider.fetches() == 2


def test_a_fetch_for_which_there_is_no_thread_is_tried_again(
    provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    keys = RemoteKeySet(issuer=provider.url)
    with monkeypatch.context() as patched:
        patched.setattr("asgisec.tokens._flight.Thread.start", start)
        with pytest.raises(KeysUnavailable) as refusal:
            ask(keys, OLD.sign(CLAIMS))
    assert isinstance(refusal.value.__cause__, RuntimeError)
    ask(keys, OLD.sign(CLAIMS))


def test_nobody_is_there() -> None:
    with pytest.raises(KeysUnavailable):
        ask(RemoteKeySet(issuer="http://127.0.0.1:9"), OLD.sign(CLAIMS))


def test_one_who_does_not_answer_is_asked_less_and_less(provider: Provider) -> None:
    clock = Clock()
    provider.answers["/keys"] = 500
    keys = RemoteKeySet(jwks_url=f"{provider.url}/keys", cooldown=3, clock=clock)
    for _ in range(100):
        with pytest.raises(KeysUnavailable):
            ask(keys, OLD.sign(CLAIMS))
    assert provider.fetches() == 2
    for fetches, pause in enumerate((0.4, 0.8, 1.6, 3.0, 3.0), 3):
        clock.now += pause - 0.001
        with pytest.raises(KeysUnavailable):
            ask(keys, OLD.sign(CLAIMS))
        assert provider.fetches() == fetches - 1
        clock.now += 0.001_001
        with pytest.raises(KeysUnavailable):
            ask(keys, OLD.sign(CLAIMS))
        assert provider.fetches() == fetches


def test_one_who_never_answers_is_asked_every_thirty_hours_however_long_the_cooldown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = Clock()
    keys = RemoteKeySet(jwks_url="http://127.0.0.1:9", cooldown=timedelta(days=9), clock=clock)

    async def main() -> None:
        for _ in range(25):
            await keys.prepare()
            clock.now += 104_858  # 0.1 seconds, doubled twenty times

    anyio.run(main)
    assert len(told(caplog)) == 25


def test_one_who_answers_again_is_asked_twice_at_once_when_he_fails_again(provider: Provider) -> None:
    clock = Clock()
    good = provider.answers["/keys"]
    keys = RemoteKeySet(jwks_url=f"{provider.url}/keys", max_stale=600, clock=clock)
    for fetches in (3, 6):
        provider.answers["/keys"] = 500
        for _ in range(10):
            with pytest.raises(KeysUnavailable):
                ask(keys, OLD.sign(CLAIMS))
        provider.answers["/keys"] = good
        clock.now += 30
        ask(keys, OLD.sign(CLAIMS))
        assert provider.fetches() == fetches
        clock.now += 600


def test_one_has_five_seconds_where_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    def connect(_: object, timeout: float, *__: object) -> NoReturn:
        given.append(timeout)
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises(KeysUnavailable):
        ask(RemoteKeySet(issuer="http://127.0.0.1:9"), OLD.sign(CLAIMS))
    assert given == [5]


@pytest.mark.parametrize("backend", BACKENDS)
def test_nobody_waits_longer_than_the_time_out(provider: Provider, backend: str) -> None:
    provider.go.clear()
    with pytest.raises(KeysUnavailable):
        ask(RemoteKeySet(issuer=provider.url, timeout=0.05), OLD.sign(CLAIMS), backend)


@pytest.mark.parametrize("wait", [RemoteKeySet.prepare, RemoteKeySet.learn])
def test_nobody_waits_longer_for_a_name_that_is_not_resolved(
    monkeypatch: pytest.MonkeyPatch, wait: Callable[[RemoteKeySet], Awaitable[object]]
) -> None:
    """The time-out of a socket begins when the address is known."""
    go = threading.Event()

    def resolve(*_: object, **__: object) -> NoReturn:
        go.wait(5)
        raise socket.gaierror

    keys = RemoteKeySet(issuer="https://id.example.com", timeout=0.001)
    with monkeypatch.context() as patched:
        patched.setattr("socket.getaddrinfo", resolve)
        anyio.run(wait, keys)
        assert keys._flights.under_way() is not None
        go.set()
        settled(keys)
