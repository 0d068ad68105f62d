"""Uses of API keys: gathered, written in batches, and not lost where a store is away."""

import asyncio
import logging
import sys
import threading
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from unittest import mock

import pytest

from asgisec.credentials import _usage
from asgisec.credentials._usage import Usage
from asgisec.errors import StoreUnavailable
from asgisec.stores import MemoryStore
from tests.stores.test_api_key_store import key

pytestmark = pytest.mark.anyio

request = ContextVar("request", default="none")


class Store(MemoryStore):
    """Notes what is written, and fails where it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[dict[str, tuple[int, float]]] = []
        self.contexts: list[str] = []
        self.failure: BaseException | None = None
        self.broken: set[str] = set()
        self.asked = asyncio.Event()
        self.answers = asyncio.Event()
        self.answers.set()

    async def count_api_keys(self, used: Mapping[str, tuple[int, float]]) -> Collection[str]:
        self.asked.set()
        await self.answers.wait()
        if self.failure is not None:
            raise self.failure
        self.batches.append({key_id: uses for key_id, uses in used.items() if key_id not in self.broken})
        self.contexts.append(request.get())
        return self.broken & used.keys()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_batch_leaves_by_itself_in_a_context_of_its_own() -> None:
    store = Store()
    usage = Usage(store, 0.0, Clock())
    request.set("7")
    for _ in range(3):
        await usage.count("k1", 5.0)
    await usage.count("k2", 6.0)
    assert store.batches == []
    await store.asked.wait()
    assert (store.batches, store.contexts) == ([{"k1": (3, 5.0), "k2": (1, 6.0)}], ["none"])
    await usage.aclose()
    assert len(store.batches) == 1


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_many_uses_do_not_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_usage, "_MANY", 3)
    store = Store()
    usage = Usage(store, 3600.0, Clock())
    for _ in range(7):
        await usage.count("k1", 5.0)
    await store.asked.wait()
    assert store.batches == [{"k1": (7, 5.0)}]
    await usage.count("k1", 6.0)
    await usage.aclose()
    assert store.batches[1:] == [{"k1": (1, 6.0)}]


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_many_uses_do_not_wait_where_no_loop_of_asyncio_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_usage, "_MANY", 3)
    store = MemoryStore()
    await store.add_api_key(key("k1"))
    usage = Usage(store, 3600.0, Clock())
    counts = []
    for _ in range(7):
        await usage.count("k1", 5.0)
        found = await store.find_api_key("k1")
        assert found is not None
        counts.append(found.request_count)
    assert counts == [0, 0, 3, 3, 3, 6, 6]
    await usage.aclose()
    found = await store.find_api_key("k1")
    assert found is not None
    assert found.request_count == 7


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("failure", [None, StoreUnavailable()], ids=["written", "refused"])
async def test_what_is_on_its_way_at_the_end_is_waited_for(failure: StoreUnavailable | None) -> None:
    store = Store()
    store.answers.clear()
    usage = Usage(store, 0.0, Clock())
    await usage.count("k1", 5.0)
    await store.asked.wait()
    await usage.count("k2", 6.0)
    store.failure = failure
    closing = asyncio.create_task(usage.aclose())
    await asyncio.sleep(0)
    assert not closing.done()
    store.answers.set()
    await closing
    if failure is not None:  # then all of it is there for whoever closes once more
        assert store.batches == []
        store.failure = None
        await usage.aclose()
    written = {key_id: uses for batch in store.batches for key_id, uses in batch.items()}
    assert written == {"k1": (1, 5.0), "k2": (1, 6.0)}
    assert sum(map(len, store.batches)) == 2


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_request_that_is_cancelled_cancels_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_usage, "_MANY", 1)
    store = Store()
    store.answers.clear()
    usage = Usage(store, 3600.0, Clock())
    await asyncio.wait_for(usage.count("k1", 5.0), 60)
    await store.asked.wait()
    # Another does not begin a second write beside the first.
    await asyncio.wait_for(usage.count("k1", 6.0), 60)
    store.answers.set()
    await usage.aclose()
    assert store.batches == [{"k1": (1, 5.0)}, {"k1": (1, 6.0)}]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_was_written_is_not_written_again_for_what_was_not(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    store.broken = {"k2"}
    caplog.set_level(logging.INFO, "asgisec.events")
    usage = Usage(store, 3600.0, Clock())
    for key_id in ("k1", "k2", "k3"):
        await usage.count(key_id, 5.0)
    await usage.flush()
    assert [usage.pending(key_id)[0] for key_id in ("k1", "k2", "k3")] == [0, 1, 0]
    store.broken = set()
    await usage.aclose()
    assert store.batches == [{"k1": (1, 5.0), "k3": (1, 5.0)}, {"k2": (1, 5.0)}]
    assert [record.getMessage() for record in caplog.records] == [
        "sys_store_unavailable reason=usage_not_written policy=APIKeys",
        "sys_store_available reason=usage_written policy=APIKeys",
    ]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_gathered_for_long_is_written_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_usage, "_AT_ONCE", 2)
    store = Store()
    usage = Usage(store, 3600.0, Clock())
    for n in range(5):
        await usage.count(f"k{n}", 5.0)
    # A store that is away is asked once, not once for each part.
    store.failure = StoreUnavailable()
    with mock.patch.object(store, "count_api_keys", wraps=store.count_api_keys) as asked:
        await usage.flush()
    assert asked.call_count == 1
    store.failure = None
    await usage.aclose()
    assert [sorted(batch) for batch in store.batches] == [["k2", "k3"], ["k0", "k4"], ["k1"]]


def test_every_event_loop_has_a_flusher_of_its_own() -> None:
    store = Store()
    usage = Usage(store, 3600.0, Clock())
    for _ in range(3):
        asyncio.run(usage.count("k1", 5.0))
    assert store.batches == []
    asyncio.run(usage.aclose())
    assert store.batches == [{"k1": (3, 5.0)}]


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_where_no_loop_of_asyncio_runs_a_late_use_writes() -> None:
    store, clock = Store(), Clock()
    usage = Usage(store, 10.0, clock)
    await usage.count("k1", 5.0)
    clock.now = 9.0
    await usage.count("k1", 6.0)
    assert store.batches == []
    clock.now = 10.0
    await usage.count("k2", 7.0)
    assert store.batches == [{"k1": (2, 6.0), "k2": (1, 7.0)}]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_a_store_did_not_take_stays_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    usage = Usage(store, 3600.0, Clock())
    caplog.set_level(logging.INFO, "asgisec.events")
    store.failure = StoreUnavailable()
    for _ in range(2):
        await usage.count("k1", 5.0)
        await usage.flush()
    assert usage.pending("k1") == (2, 5.0)
    store.failure = None
    await usage.count("k2", 4.0)
    await usage.aclose()
    assert store.batches == [{"k1": (2, 5.0), "k2": (1, 4.0)}]
    assert [record.getMessage() for record in caplog.records] == [
        "sys_store_unavailable reason=usage_not_written policy=APIKeys",
        "sys_store_available reason=usage_written policy=APIKeys",
    ]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_flush_that_is_cancelled_loses_nothing() -> None:
    store = Store()
    usage = Usage(store, 3600.0, Clock())
    await usage.count("k1", 5.0)
    store.failure = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await usage.flush()
    assert usage.pending("k1") == (1, 5.0)
    await usage.count("k1", 9.0)
    store.failure = None
    await usage.aclose()
    assert store.batches == [{"k1": (2, 9.0)}]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_is_kept_for_a_store_that_is_away_is_bounded() -> None:
    store = Store()
    store.failure = StoreUnavailable()
    usage = Usage(store, 3600.0, Clock())
    with mock.patch.object(_usage, "_MOST_KEYS", 2):
        for key_id in ("k1", "k2", "k3", "k1"):
            await usage.count(key_id, 5.0)
    assert [usage.pending(key_id) for key_id in ("k1", "k2", "k3")] == [(2, 5.0), (1, 5.0), (0, None)]
    store.failure = None
    await usage.aclose()


def test_loops_that_take_turns_have_one_timer_each() -> None:
    usage = Usage(MemoryStore(), 3600.0, Clock())
    loops = [asyncio.new_event_loop() for _ in range(3)]
    with (
        mock.patch.object(loops[0], "call_later", wraps=loops[0].call_later) as first,
        mock.patch.object(loops[1], "call_later", wraps=loops[1].call_later) as second,
    ):
        for _ in range(5):
            for loop in loops[:2]:
                loop.run_until_complete(usage.count("k1", 5.0))
        assert (first.call_count, second.call_count) == (1, 1)
    loops[0].close()
    loops[2].run_until_complete(usage.count("k1", 5.0))
    assert {*usage._timers} == {*loops[1:]}
    for loop in loops[1:]:
        loop.run_until_complete(usage.aclose())
        loop.close()
    assert usage.pending("k1") == (0, None)
    assert usage._timers == {}


def test_loops_of_several_threads_lose_no_use_and_write_none_twice() -> None:
    written: list[int] = []

    class Slow(MemoryStore):
        async def count_api_keys(self, used: Mapping[str, tuple[int, float]]) -> Collection[str]:
            written.extend(times for times, _ in used.values())
            await asyncio.sleep(0)
            return ()

    usage = Usage(Slow(), 0.001, Clock())

    def use() -> None:
        async def run() -> None:
            for number in range(10_000):
                await usage.count(f"k{number % 3}", 5.0)
                if number % 50 == 0:
                    await asyncio.sleep(0)
            await usage.aclose()

        asyncio.run(run())

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=use) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert sum(written) == 30_000
