"""Keys of a real HTTP server on this machine, which does what providers do on bad days."""

import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NoReturn

import anyio
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm

from asgisec.errors import ConfigError, InvalidToken, KeysUnavailable
from asgisec.tokens import KeySet, RemoteKeySet, TokenVerifier
from asgisec.tokens._fetch import MAX_ANSWER
from tests.tokens.minting import CLAIMS, KEYS, minted, now, verifier

OLD = KeySet.generate("ES256", kid="old")
NEW = KeySet.generate("ES256", kid="new")
BACKENDS = ["asyncio", "trio"]


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Provider:
    """An identity provider: what it answers is a bytes, a status or a call that makes them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[str] = []
        self.answers: dict[str, Any] = {}
        self.go = threading.Event()
        self.go.set()
        self.publish(OLD)

    def publish(self, *keys: KeySet, extra: Any = ()) -> None:
        self.answers = {
            "/.well-known/openid-configuration": {"issuer": self.url, "jwks_uri": f"{self.url}/keys"},
            "/keys": {"keys": [*extra, *(jwk for one in keys for jwk in one.public_jwks()["keys"])]},
        }

    def fetches(self) -> int:
        return self.asked.count("/keys")


@pytest.fixture
def provider() -> Iterator[Provider]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            made.go.wait(10)
            answer = made.answers.get(self.path, 404)
            status, headers, body = 200, {}, b""
            if isinstance(answer, tuple):
                status, headers = answer
            elif isinstance(answer, int):
                status = answer
            else:
                body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            try:
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                return  # who asked has hung up, as it may

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    made = Provider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.go.set()
    server.shutdown()
    thread.join()
    server.server_close()


def settled(keys: RemoteKeySet) -> None:
    """Wait for what goes on behind the requests."""
    flight = keys._flights.under_way()
    if flight is not None:
        flight.result(10)


def ask(keys: RemoteKeySet, token: str, backend: Any = "asyncio", **options: Any) -> Any:
    # A new loop each time, as test clients do it.
    return anyio.run(checked_by(keys, **options).authenticate, token, backend=backend)


def checked_by(keys: RemoteKeySet, **options: Any) -> TokenVerifier:
    return verifier(keys, **options)


@pytest.mark.parametrize("backend", BACKENDS)
def test_discovery(provider: Provider, backend: str) -> None:
    keys = RemoteKeySet(issuer=provider.url)
    for _ in range(3):
        assert ask(keys, OLD.sign(CLAIMS), backend).subject == "user-1"
    assert provider.asked == ["/.well-known/openid-configuration", "/keys"]
    assert repr(keys) == f"RemoteKeySet('{provider.url}')"


def test_discovery_below_a_path(provider: Provider) -> None:
    issuer = f"{provider.url}/realms/a/"
    found = {"issuer": issuer, "jwks_uri": f"{provider.url}/keys"}
    provider.answers["/realms/a/.well-known/openid-configuration"] = found
    assert ask(RemoteKeySet(issuer=issuer), OLD.sign(CLAIMS))["tenant"] == "t1"


def test_a_url_of_keys(provider: Provider) -> None:
    keys = RemoteKeySet(jwks_url=f"{provider.url}/keys")
    assert ask(keys, OLD.sign(CLAIMS)).subject == "user-1"
    assert provider.asked == ["/keys"]


def test_verify_is_pure(provider: Provider) -> None:
    keys = RemoteKeySet(issuer=provider.url)
    with pytest.raises(KeysUnavailable):
        checked_by(keys).verify(OLD.sign(CLAIMS))
    assert provider.asked == []
    ask(keys, OLD.sign(CLAIMS))
    assert checked_by(keys).verify(OLD.sign(CLAIMS)).subject == "user-1"


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, str, int]]:
    events = [record.event for record in caplog.records]  # type: ignore[attr-defined]  # ours
    return [(event.name, event.reason, event.policy, event.level) for event in events]


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
    "a thousand keys": lambda p: {"/keys": {"keys": [{}] * 1000}},
    "huge": lambda p: {"/keys": b" " * (MAX_ANSWER + 1)},
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


@pytest.mark.parametrize("bad", BAD_DAYS.values(), ids=BAD_DAYS)
def test_a_bad_answer_gives_no_keys_and_takes_none(
    provider: Provider, bad: Any, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    good = dict(provider.answers)
    provider.answers |= bad(provider)
    keys = RemoteKeySet(issuer=provider.url, ttl=60, max_stale=600, clock=clock)
    token = OLD.sign(CLAIMS)
    with pytest.raises(KeysUnavailable) as refusal:
        ask(keys, token)
    assert refusal.value.reason == "keys_unavailable"
    assert refusal.value.__cause__ is not None
    assert told(caplog) == [("sys_keys_unavailable", "fetch_failed", "RemoteKeySet", logging.ERROR)]
    provider.answers = good  # it is mended, and the next caller finds it so
    ask(keys, token)
    provider.answers |= bad(provider)
    clock.now += 61
    ask(keys, token)  # the keys at hand stay, and nobody waits
    settled(keys)
    assert told(caplog)[1:] == [("sys_keys_unavailable", "fetch_failed", "RemoteKeySet", logging.WARNING)]
    ask(keys, token)
    clock.now += 540
    with pytest.raises(KeysUnavailable):
        ask(keys, token)
    assert "/elsewhere" not in provider.asked


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
    keys = RemoteKeySet(jwks_url=f"{provider.url}/keys", clock=clock)
    for _ in range(100):
        with pytest.raises(KeysUnavailable):
            ask(keys, OLD.sign(CLAIMS))
    assert provider.fetches() == 2
    clock.now += 30
    with pytest.raises(KeysUnavailable):
        ask(keys, OLD.sign(CLAIMS))
    assert provider.fetches() == 3


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
    keys = RemoteKeySet(issuer=provider.url, cooldown=30, clock=clock)
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
    clock.now += 60
    anyio.run(checked.authenticate, OLD.sign(CLAIMS))
    settled(keys)
    ring = keys.current()
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
    "neither": ({}, "write either issuer= or jwks_url="),
    "both": ({"issuer": "https://a.example", "jwks_url": "https://a.example"}, "write either issuer= or jwks_url="),
    "plain http": ({"issuer": "http://a.example"}, "RemoteKeySet(issuer=) got 'http://a.example': write an https://"),
    "plain http keys": ({"jwks_url": "http://a.example"}, "RemoteKeySet(jwks_url=) got"),
    "a query": ({"issuer": "https://a.example?x"}, "RemoteKeySet(issuer=) got"),
    "ttl": ({"issuer": "https://a.example", "ttl": 0}, "RemoteKeySet(ttl=) got 0: write seconds or a timedelta, more"),
    "cooldown": ({"issuer": "https://a.example", "cooldown": "x"}, "RemoteKeySet(cooldown=)"),
    "timeout": ({"issuer": "https://a.example", "timeout": 0}, "RemoteKeySet(timeout=)"),
    "max_stale": ({"issuer": "https://a.example", "ttl": 60, "max_stale": 59}, "write no less than ttl="),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        RemoteKeySet(**options)
    assert message in str(wrong.value)
    assert now()
