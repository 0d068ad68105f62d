"""How many requests may be under way at once, and that each gives its place back, however it ends."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import anyio
import pytest

from asgisec import Exchange, Policy, RateLimit, SecurityEvent, SecurityMiddleware
from asgisec.errors import StoreUnavailable
from asgisec.policies.rate_limit import concurrency, outage
from asgisec.policies.rate_limit.concurrency import Places
from asgisec.stores import MemoryStore, RedisStore
from asgisec.stores.protocols import Lease
from tests import valkey
from tests.asgi import App, Message, answering, request, scope_of, websocket
from tests.policies.rate_limit.limited import fields
from tests.waiting import until


class Busy:
    """An application whose requests end when it is told so."""

    def __init__(self) -> None:
        self.begun = 0
        self.free = anyio.Event()

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        self.begun += 1
        await self.free.wait()
        await answering()(scope, receive, send)


class Crowd:
    """Requests that are under way together."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.answers: list[Message] = []
        self.bodies: list[bytes] = []

    async def ask(self, *, client: str = "192.0.2.7", kind: str = "http") -> None:
        async def receive() -> Message:
            return {"type": f"{kind}.connect" if kind == "websocket" else "http.request", "body": b""}

        async def send(message: Message) -> None:
            if "headers" in message:
                self.answers.append(message)
            self.bodies.append(message.get("body", b""))

        await self.app(scope_of(kind, client=(client, 1), extensions={"websocket.http.response": {}}), receive, send)

    @property
    def statuses(self) -> list[int]:
        return [answer.get("status", 101) for answer in self.answers]


@asynccontextmanager
async def under_way(crowd: Crowd, busy: Busy, count: int, **how: Any) -> AsyncIterator[None]:
    async with anyio.create_task_group() as group:
        for _ in range(count):
            begun = busy.begun
            group.start_soon(lambda: crowd.ask(**how))
            while busy.begun == begun:
                await anyio.lowlevel.checkpoint()
        try:
            yield
        finally:
            busy.free.set()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_no_more_than_allowed_at_once(backend: str, kind: str) -> None:
    async def run() -> None:
        busy = Busy()
        events: list[SecurityEvent] = []
        crowd = Crowd(SecurityMiddleware(busy, RateLimit(max_concurrent=2), on_event=events.append))
        async with under_way(crowd, busy, 2, kind=kind):
            await crowd.ask(kind=kind)
            assert crowd.statuses == [429]
            assert [(event.name, event.reason) for event in events] == [
                ("excess_rate_limit_exceeded", "concurrent_requests")
            ]
            document = json.loads(b"".join(crowd.bodies))
            assert document["violated-policies"] == ["concurrent"]
            assert document["detail"] == "Too many requests at once."
            headers = dict(crowd.answers[0]["headers"])
            assert headers[b"retry-after"] == b"1"
            assert headers[b"ratelimit-policy"] == b'"concurrent";q=2;qu="concurrent-requests"'
            assert headers[b"ratelimit"] == b'"concurrent";r=0'
        # Both have ended, so there is room again.
        await crowd.ask(kind=kind)
        allowed = 200 if kind == "http" else 101
        assert crowd.statuses == [429, allowed, allowed, allowed]

    anyio.run(run, backend=backend)


def test_each_client_has_its_own_places() -> None:
    async def run() -> None:
        busy = Busy()
        crowd = Crowd(SecurityMiddleware(busy, RateLimit(max_concurrent=1)))
        async with under_way(crowd, busy, 1, client="192.0.2.1"), under_way(crowd, busy, 1, client="192.0.2.2"):
            await crowd.ask(client="192.0.2.1")
            assert crowd.statuses == [429]

    anyio.run(run)


def test_places_beside_limits() -> None:
    app = SecurityMiddleware(answering(), RateLimit("2/minute", max_concurrent=3, name="api", strategy="fixed-window"))
    answers = [request(app) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert fields(answers[0], "ratelimit") == {"api 2/minute": {"r": 1, "t": 60}, "api concurrent": {"r": 2}}
    assert fields(answers[0], "ratelimit-policy") == {
        "api 2/minute": {"q": 2, "w": 60},
        "api concurrent": {"q": 3, "qu": "concurrent-requests"},
    }


@pytest.mark.parametrize(
    ("headers", "names"), [("both", ["ratelimit-policy", "ratelimit"]), ("legacy", []), (None, [])]
)
def test_the_older_headers_know_no_places(headers: Any, names: list[str]) -> None:
    answer = request(SecurityMiddleware(answering(), RateLimit(max_concurrent=3, headers=headers)))
    assert [name for name, _ in answer.headers if "ratelimit" in name] == names


async def _fails(scope: Message, receive: Any, send: Any) -> None:
    raise RuntimeError


class Refuses(Policy):
    def on_request(self, exchange: Exchange) -> Any:
        return StoreUnavailable()


@pytest.mark.parametrize("store", ["memory", "redis"])
@pytest.mark.parametrize("ending", ["an exception", "a refusal further in", "a refusal for its rate", "a cancellation"])
def test_a_place_is_given_back_after(ending: str, store: str, redis_url: str) -> None:
    async def run() -> None:
        prefix = valkey.fresh_prefix()
        kept: Any = MemoryStore() if store == "memory" else RedisStore.from_url(redis_url, prefix=prefix, timeout=10)
        limits = ("1/hour",) if ending == "a refusal for its rate" else ()
        limit = RateLimit(*limits, max_concurrent=1, store=kept)
        busy = Busy()
        apps = {"an exception": (_fails, ()), "a refusal further in": (answering(), (Refuses(),))}
        inner, more = apps.get(ending, (busy if ending == "a cancellation" else answering(), ()))
        crowd = Crowd(SecurityMiddleware(inner, limit, *more))
        for _ in range(3):
            if ending == "a cancellation":
                async with anyio.create_task_group() as group:
                    begun = busy.begun
                    group.start_soon(crowd.ask)
                    await until(partial(lambda before: busy.begun > before, begun))
                    group.cancel_scope.cancel()
                continue
            with suppress(RuntimeError):
                await crowd.ask()
        reasons = {"a refusal further in": [503] * 3, "a refusal for its rate": [200, 429, 429]}
        assert crowd.statuses == reasons.get(ending, [500] * 3 if ending == "an exception" else [])
        lease = kept.lease("client:192.0.2.7", "concurrent", "probe", 1, 1.0)
        assert (lease if isinstance(lease, Lease) else await lease).taken
        await kept.aclose()

    anyio.run(run)


@pytest.fixture(scope="module")
def redis_url() -> Any:
    with valkey.server() as url:
        yield url


def test_processes_that_share_a_store_share_the_places(redis_url: str) -> None:
    async def run() -> None:
        prefix = valkey.fresh_prefix()
        stores = [RedisStore.from_url(redis_url, prefix=prefix, timeout=10) for _ in range(2)]
        busy = Busy()
        first, second = (Crowd(SecurityMiddleware(busy, RateLimit(max_concurrent=2, store=store))) for store in stores)
        async with under_way(first, busy, 1), under_way(second, busy, 1):
            await first.ask()
            await second.ask()
            assert (first.statuses, second.statuses) == ([429], [429])
        await first.ask()
        assert first.statuses == [429, 200, 200]
        for store in stores:
            await store.aclose()

    anyio.run(run)


def test_who_crashed_does_not_hold_its_place_for_ever(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_HELD", 0.05)

    async def run() -> None:
        store = RedisStore.from_url(redis_url, prefix=valkey.fresh_prefix(), timeout=10)
        places = Places("RateLimit", "concurrent", 1, store, "deny")
        crashed = places.attempt("ada")
        assert (await _lease(places, crashed)).taken
        places._renewals[crashed.holder].cancel()  # it says nothing more
        await until(lambda: _is_free(places))
        await store.aclose()

    anyio.run(run)


async def _is_free(places: Places) -> bool:
    return (await _lease(places, places.attempt("ada"))).taken


async def _lease(places: Places, held: concurrency.Held) -> Lease:
    lease = places.take(held)
    return lease if isinstance(lease, Lease) else await lease


def test_a_place_that_is_held_for_long_is_kept(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_SAID", 0.02)

    async def run() -> None:
        store = RedisStore.from_url(redis_url, prefix=valkey.fresh_prefix(), timeout=10)
        said: list[str] = []
        asked = store.lease

        async def counted(identity: str, name: str, holder: str, places: int, seconds: float) -> Lease:
            said.append(holder)
            return await asked(identity, name, holder, places, seconds)

        monkeypatch.setattr(store, "lease", counted)
        places = Places("RateLimit", "concurrent", 1, store, "deny")
        held = places.attempt("ada")
        assert (await _lease(places, held)).taken
        await until(lambda: said.count(held.holder) >= 3)
        giving = places.give_back(held)
        assert giving is not None
        await giving
        await until(lambda: not places._tasks)
        assert await _is_free(places)
        await store.aclose()

    anyio.run(run)


def test_a_place_that_is_given_back_while_it_is_being_kept(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concurrency, "_SAID", 0)

    async def run() -> None:
        store = RedisStore.from_url(redis_url, prefix=valkey.fresh_prefix(), timeout=10)
        on_its_way, given_back = anyio.Event(), anyio.Event()
        asked = store.lease

        async def late(identity: str, name: str, holder: str, places: int, seconds: float) -> Lease:
            on_its_way.set()
            await given_back.wait()
            return await asked(identity, name, holder, places, seconds)

        places = Places("RateLimit", "concurrent", 1, store, "deny")
        held = places.attempt("ada")
        assert (await _lease(places, held)).taken
        with monkeypatch.context() as patched:
            patched.setattr(store, "lease", late)
            await on_its_way.wait()
            giving = places.give_back(held)
            assert giving is not None
            await giving
            given_back.set()
            await until(lambda: not places._tasks)
        assert await _is_free(places)
        await store.aclose()

    anyio.run(run)


@pytest.mark.parametrize(
    ("on_store_error", "statuses"), [("local", [200, 429]), ("allow", [200, 200]), ("deny", [503, 503])]
)
def test_without_its_store(on_store_error: Any, statuses: list[int]) -> None:
    async def run() -> None:
        url = f"redis://127.0.0.1:{valkey.free_port()}/0"
        limit = RateLimit(max_concurrent=1, store=RedisStore.from_url(url), on_store_error=on_store_error)
        busy = Busy()
        crowd = Crowd(SecurityMiddleware(busy, limit))
        if statuses[0] == 200:
            async with under_way(crowd, busy, 1):
                if statuses[1] == 200:
                    busy.free.set()
                await crowd.ask()
        else:
            await crowd.ask()
            await crowd.ask()
        assert sorted(crowd.statuses) == statuses

    anyio.run(run)


@pytest.mark.parametrize(
    ("on_store_error", "told"),
    [("local", ["places_local"]), ("allow", ["places_unchecked"]), ("deny", [])],
)
def test_an_outage_of_its_store_is_told_once(
    on_store_error: Any, told: list[str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        store = Failing()
        places = Places("RateLimit", "crowd", 2, store, on_store_error)
        for _ in range(3):
            with suppress(StoreUnavailable):
                await _taken(places)
        store.failing = False
        for _ in range(3):
            await _taken(places)

    async def _taken(places: Places) -> None:
        held = places.attempt("192.0.2.7")
        taking = places.take(held)
        if not isinstance(taking, Lease):
            await taking
        giving = places.give_back(held)
        if giving is not None:
            await giving

    monkeypatch.setattr(outage, "_QUIET", 0.0)
    caplog.set_level(logging.INFO, "asgisec.events")
    anyio.run(run)
    reasons = [record.event.reason for record in caplog.records if record.name == "asgisec.events"]  # type: ignore[attr-defined]
    assert reasons == [*told, *(["places_shared"] if told else [])]


class Failing:
    """A store that answers over a network, or does not."""

    failing = True

    async def lease(self, identity: str, name: str, holder: str, places: int, seconds: float) -> Lease:
        if self.failing:
            raise StoreUnavailable
        return Lease(True, places - 1)

    async def release(self, identity: str, name: str, holder: str) -> None:
        if self.failing:
            raise StoreUnavailable


class Raising:
    """A store that raises at once."""

    def lease(self, *what: Any) -> Lease:
        raise StoreUnavailable

    def release(self, *what: Any) -> None:
        raise StoreUnavailable

    def spending(self, *what: Any) -> Any:
        return self.lease


def test_a_store_that_raises_at_once() -> None:
    store: Any = Raising()
    assert request(SecurityMiddleware(answering(), RateLimit(max_concurrent=1, store=store))).status == 200
    refusing = RateLimit("1/minute", max_concurrent=1, store=store, on_store_error="deny")
    assert request(SecurityMiddleware(answering(), refusing)).status == 503
    limits = RateLimit("1/minute", store=store, on_store_error="deny")
    assert request(SecurityMiddleware(answering(), limits)).status == 503


def test_rehearsal() -> None:
    async def run() -> None:
        busy = Busy()
        events: list[SecurityEvent] = []
        limit = RateLimit(max_concurrent=1, dry_run=True)
        crowd = Crowd(SecurityMiddleware(busy, limit, on_event=events.append))
        async with under_way(crowd, busy, 2):
            assert [(event.reason, event.rehearsed) for event in events] == [("concurrent_requests", True)]
        assert crowd.statuses == [200, 200]

    anyio.run(run)


def test_an_exempt_request_takes_no_place() -> None:
    app = SecurityMiddleware(answering(), RateLimit(max_concurrent=1, exempt=["/health"]))
    answers = [request(app, path="/health"), websocket(app, path="/health")]
    assert [answer.status for answer in answers] == [200, 101]
    assert answers[0].values("ratelimit") == []
    assert [answer.error for answer in answers] == [None, None], "there is none to give back"
