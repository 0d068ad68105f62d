"""What becomes of decisions when a real server dies, freezes, forgets, is full or slow, for each choice there is."""

import asyncio
import logging
import statistics
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from asgisec import RateLimit, RateLimiter, Rule, SecurityMiddleware
from asgisec.errors import StoreUnavailable
from asgisec.policies.rate_limit import outage
from asgisec.stores import RedisStore
from asgisec.stores.protocols import Decision
from tests import valkey
from tests.asgi import answering
from tests.servers.harness import get, running
from tests.stores.test_redis_faults import LATE, TIMEOUT, Proxy
from tests.valkey import Process

pytestmark = pytest.mark.anyio

CHOICES = ("local", "allow", "deny")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def server() -> Iterator[Process]:
    with valkey.process() as started:
        yield started


@pytest.fixture
async def store(server: Process) -> AsyncIterator[RedisStore]:
    async with RedisStore.from_url(server.url, timeout=TIMEOUT) as opened:
        yield opened


def reasons(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.event.reason for record in caplog.records if record.name == "asgisec.events"]  # type: ignore[attr-defined]


async def outcomes(limiter: RateLimiter, count: int) -> list[bool | type[BaseException]]:
    """Return for each of some hits what became of it; none takes longer than the time-out."""
    found: list[bool | type[BaseException]] = []
    for _ in range(count):
        begin = time.monotonic()
        try:
            found.append((await limiter.hit("ada")).allowed)
        except Exception as error:  # noqa: BLE001 - whatever reaches the caller is what is looked at
            found.append(type(error))
        assert time.monotonic() - begin < TIMEOUT + LATE
    return found


IN_AN_OUTAGE: dict[str, list[object]] = {
    # What this process let through alone, since it began to count alone.
    "local": [True, True, True, False, False],
    "allow": [True] * 5,
    "deny": [StoreUnavailable] * 5,
}
TOLD = {"local": "limits_local", "allow": "limits_unchecked"}


def kill(server: Process) -> None:
    server.kill()


def freeze(server: Process) -> None:
    server.freeze()


def fill(server: Process) -> None:
    with server.client() as other:
        other.config_set("maxmemory-policy", "noeviction")
        other.config_set("maxmemory", "1")


def restart(server: Process) -> None:
    server.start()


def thaw(server: Process) -> None:
    server.thaw()


def empty(server: Process) -> None:
    with server.client() as other:
        other.config_set("maxmemory", "0")


FAULTS: dict[str, tuple[Callable[[Process], None], Callable[[Process], None]]] = {
    "killed": (kill, restart),
    "frozen": (freeze, thaw),
    "out of memory": (fill, empty),
}


# Two of three were spent before: a server that was killed has forgotten them; one that was frozen finds what was asked
# meanwhile, and counts it when nobody waits for the answer any more.
AFTERWARDS = {"killed": [True, True], "frozen": [False, False], "out of memory": [True, False]}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("choice", CHOICES)
async def test_each_choice_does_what_it_says(
    server: Process,
    store: RedisStore,
    choice: Any,
    fault: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outage, "_QUIET", 0.0)
    caplog.set_level(logging.INFO, "asgisec.events")
    limiter = RateLimiter("3/hour", store=store, on_store_error=choice)
    assert await outcomes(limiter, 2) == [True, True]
    breaks, mends = FAULTS[fault]
    breaks(server)
    assert await outcomes(limiter, 5) == IN_AN_OUTAGE[choice]
    told = [TOLD[choice]] if choice in TOLD else []
    breaker = [] if fault == "out of memory" else ["circuit_opened"]
    # The choice is told of with the first failure, and once; the circuit opens with the third.
    assert reasons(caplog) == [*told, *breaker]
    mends(server)
    caplog.clear()
    await answered(store)
    assert await outcomes(limiter, 2) == AFTERWARDS[fault]
    assert reasons(caplog) == [*(["circuit_closed"] if breaker else []), *(["limits_shared"] if told else [])]


async def answered(store: RedisStore) -> None:
    deadline = time.monotonic() + 10
    while True:
        with suppress(StoreUnavailable):
            await store.command("PING", "x")
            return
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


async def test_what_goes_wrong_is_the_cause_and_nothing_else(server: Process, store: RedisStore) -> None:
    limiter = RateLimiter("3/hour", store=store, on_store_error="deny")
    await limiter.hit("ada")
    server.freeze()
    with pytest.raises(StoreUnavailable) as refused:
        await limiter.hit("ada")
    assert refused.value.status_code == 503
    assert isinstance(refused.value.__cause__, TimeoutError)
    with pytest.raises(StoreUnavailable):
        await limiter.reset("ada")


async def test_a_store_that_answers_one_in_two_is_news_once(
    server: Process, store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "asgisec.events")
    limiter = RateLimiter("100/hour", store=store)
    for _ in range(5):
        fill(server)
        await limiter.hit("ada")
        empty(server)
        await limiter.hit("ada")
    assert reasons(caplog)[0] == "limits_local"
    # On a machine that takes longer than a second for two hits, each outage is one.
    assert reasons(caplog).count("limits_shared") <= reasons(caplog).count("limits_local")


async def test_flushed_scripts_and_keys_are_no_error(server: Process, store: RedisStore) -> None:
    limiter = RateLimiter("3/hour", store=store, on_store_error="deny")
    assert await outcomes(limiter, 4) == [True, True, True, False]
    with server.client() as other:
        other.script_flush()
        assert await outcomes(limiter, 2) == [False, False]
        other.flushall()
        other.script_flush()
        found = await asyncio.gather(*(limiter.hit("ada") for _ in range(9)))
    assert sum(decision.allowed for decision in found) == 3


async def test_late_answers_of_a_slow_server(server: Process) -> None:
    timeout = 0.8
    async with Proxy(server) as proxy, RedisStore.from_url(f"unix://{proxy.path}", timeout=timeout) as slow:
        limiter = RateLimiter("3/hour", store=slow, on_store_error="local")
        proxy.delay = timeout / 20
        assert await outcomes(limiter, 2) == [True, True]
        proxy.delay = timeout * 5
        # Those that were late may have been counted all the same; here they count by themselves.
        assert await outcomes(limiter, 5) == [True, True, True, False, False]


@pytest.mark.parametrize("count", range(1, 9))
async def test_however_many_limits_it_is_one_round_trip(server: Process, count: int) -> None:
    limits = [f"{n + 5}/{n + 1} hour" for n in range(count)]
    async with Proxy(server) as proxy, RedisStore.from_url(f"unix://{proxy.path}", timeout=10) as counted:
        limiter = RateLimiter(*limits, store=counted, on_store_error="deny")
        await limiter.hit("ada")
        with server.client() as other:
            other.config_resetstat()
            proxy.chunks.clear()
            decision = await limiter.hit("ada")
            calls = other.info("commandstats")
    assert [status.remaining for status in decision.limits] == [n + 3 for n in range(count)]
    assert len(proxy.chunks) == 1
    assert calls["cmdstat_evalsha"]["calls"] == 1
    outside = {name for name in calls if calls[name]["calls"]} - {"cmdstat_evalsha", "cmdstat_time"}
    assert outside <= {
        "cmdstat_mget",
        "cmdstat_set",
        "cmdstat_config|resetstat",
        "cmdstat_info",
        "cmdstat_client|setinfo",
    }


def test_an_unrelated_route_does_not_notice(server: Process) -> None:
    timeout = 1.0
    policy = RateLimit(
        rules=[Rule("/limited", limits="100000/hour")], store=RedisStore.from_url(server.url, timeout=timeout)
    )
    with running("uvicorn-httptools", {"app": SecurityMiddleware(answering(), policy)}) as servers:
        _times(servers, 10)
        server.freeze()
        done = threading.Event()
        other = threading.Thread(target=_ask_until, args=(servers, done))
        other.start()
        try:
            frozen = _times(servers, 100)
        finally:
            done.set()
            other.join()
    # Did the loop wait for the server, one in thirty would take the time-out.
    assert statistics.quantiles(frozen, n=100)[98] < timeout / 2


def _times(servers: Any, count: int) -> list[float]:
    times = []
    with servers.connect("app") as peer:
        for _ in range(count):
            begin = time.monotonic()
            assert peer.ask(get("/free")).status == 200
            times.append(time.monotonic() - begin)
    return times


def _ask_until(servers: Any, done: threading.Event) -> None:
    with servers.connect("app") as peer:
        while not done.wait(0.01):
            assert peer.ask(get("/limited")).status == 200


async def test_a_store_that_raises_at_once_is_one_that_cannot_answer() -> None:
    class Full:
        def spending(self, *what: Any) -> Callable[[str, int], Decision]:
            def spend(identity: str, cost: int) -> Decision:
                raise StoreUnavailable

            return spend

        def forget(self, *what: Any) -> None:
            raise StoreUnavailable

        async def aclose(self) -> None: ...

    assert await outcomes(RateLimiter("1/hour", store=Full(), on_store_error="local"), 2) == [True, False]
    assert await outcomes(RateLimiter("1/hour", store=Full(), on_store_error="allow"), 2) == [True, True]
    assert await outcomes(RateLimiter("1/hour", store=Full(), on_store_error="deny"), 1) == [StoreUnavailable]
