"""What becomes of callers when a real server dies, freezes, forgets, is full or slow. Nobody waits longer than told."""

import asyncio
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import pytest
import redis

from asgisec.errors import StoreUnavailable
from asgisec.stores import RedisStore
from asgisec.stores.redis._channel import CircuitOpenError
from asgisec.stores.redis._core import Script
from tests import valkey
from tests.valkey import Process

pytestmark = pytest.mark.anyio

COUNT = Script("count", "return redis.call('INCR', KEYS[1])")
TIMEOUT = 0.6  # on a machine that is so busy that less is not enough for a server that is well
LATE = 2.0  # a busy machine wakes nobody in time; redis-py by itself would wait for 5 seconds


@pytest.fixture
def server() -> Iterator[Process]:
    with valkey.process() as started:
        yield started


async def count(store: RedisStore) -> int:
    reply: int = await store.run(COUNT, [store.key("c", "x")], [])
    return reply


@contextmanager
def taking_at_most(seconds: float) -> Iterator[None]:
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds


async def refusals(store: RedisStore, callers: int) -> list[type[object]]:
    replies = await asyncio.gather(*(count(store) for _ in range(callers)), return_exceptions=True)
    assert {type(reply) for reply in replies} == {StoreUnavailable}
    return [type(reply.__cause__) for reply in replies if isinstance(reply, BaseException)]


async def opened(store: RedisStore) -> None:
    """Ask until the breaker is open."""
    for _ in range(3):
        await refusals(store, 1)


async def answered_again(store: RedisStore) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            await count(store)
        except StoreUnavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        else:
            return


async def test_a_server_that_is_not_there_from_the_start(server: Process) -> None:
    server.kill()
    store = RedisStore.from_url(server.url, timeout=TIMEOUT)
    with taking_at_most(TIMEOUT + LATE):
        assert set(await refusals(store, 20)) == {redis.ConnectionError}
    await store.aclose()


async def test_a_frozen_server_costs_nobody_more_than_the_timeout(
    server: Process, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "asgisec.events")
    async with RedisStore.from_url(server.url, timeout=TIMEOUT) as store:
        await count(store)
        server.freeze()
        for _ in range(3):
            with taking_at_most(TIMEOUT + LATE):
                assert set(await refusals(store, 50)) == {TimeoutError}
        with taking_at_most(LATE):
            assert await refusals(store, 200) == [CircuitOpenError] * 200
        server.thaw()
        await answered_again(store)
        assert await asyncio.gather(*(count(store) for _ in range(20)))
    reasons = [record.event.reason for record in caplog.records]  # type: ignore[attr-defined]
    assert reasons == ["circuit_opened", "circuit_closed"]


async def test_the_event_loop_goes_on_while_the_server_is_frozen(server: Process) -> None:
    async with RedisStore.from_url(server.url, timeout=TIMEOUT) as store:
        await count(store)
        server.freeze()
        waiting = [asyncio.create_task(count(store)) for _ in range(100)]
        worst, begin = 0.0, time.monotonic()
        while not all(task.done() for task in waiting):
            await asyncio.sleep(0.005)
            worst, begin = max(worst, time.monotonic() - begin), time.monotonic()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert worst < LATE / 2


async def test_no_reply_reaches_another_after_a_timeout(server: Process) -> None:
    async with RedisStore.from_url(server.url, timeout=TIMEOUT, prefix="shop") as store:
        for n in range(5):
            await store.command("SET", store.key("v", str(n)), n)
        server.freeze()
        late = [asyncio.create_task(store.command("GET", store.key("v", "1"))) for _ in range(5)]
        await asyncio.gather(*late, return_exceptions=True)
        server.thaw()
        await answered_again(store)
        found = [await store.command("GET", store.key("v", str(n))) for n in range(5)]
        assert found == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_restart_is_no_error_for_whoever_comes_after_it(server: Process) -> None:
    async with RedisStore.from_url(server.url, timeout=5) as store:
        assert await asyncio.gather(*(count(store) for _ in range(3))) == [1, 2, 3]
        server.kill()
        server.start()
        assert await asyncio.gather(*(count(store) for _ in range(3))) == [1, 2, 3]  # it kept nothing, scripts neither


async def test_killed_under_load_then_back(server: Process) -> None:
    async with RedisStore.from_url(server.url, timeout=TIMEOUT) as store:
        await count(store)
        tasks = [asyncio.create_task(count(store)) for _ in range(200)]
        await asyncio.sleep(0)
        server.kill()
        for reply in await asyncio.gather(*tasks, return_exceptions=True):
            assert isinstance(reply, int | StoreUnavailable)
        await opened(store)
        server.start()
        await answered_again(store)


async def test_what_was_not_sent_yet_outlives_a_lost_connection(server: Process) -> None:
    async with RedisStore.from_url(server.url, timeout=10, connections=1) as store:
        await count(store)
        # The server ends the connection at what is no command; the others still wait for their turn.
        ended = [asyncio.create_task(store._nodes.ask("x", b"*1\r\n$-5\r\n")), asyncio.create_task(count(store))]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        others = [asyncio.create_task(count(store)) for _ in range(3)]
        assert await asyncio.gather(*others) == [2, 3, 4]
        refused = await asyncio.gather(*ended, return_exceptions=True)
        assert [type(reply) for reply in refused] == [redis.ResponseError, StoreUnavailable]


async def test_flushed(server: Process) -> None:
    async with RedisStore.from_url(server.url, timeout=5) as store:
        assert [await count(store), await count(store)] == [1, 2]
        with server.client() as other:
            other.flushall()
            other.script_flush()
        assert await count(store) == 1


async def test_out_of_memory_is_said_and_opens_nothing(server: Process) -> None:
    async with RedisStore.from_url(server.url, timeout=5) as store:
        await count(store)
        with server.client() as other:
            other.config_set("maxmemory-policy", "noeviction")
            other.config_set("maxmemory", "1")
            assert set(await refusals(store, 10)) == {redis.OutOfMemoryError}
            other.config_set("maxmemory", "0")
        assert await count(store) == 2


async def test_a_script_that_runs_for_long_blocks_nobody_for_long(server: Process) -> None:
    async with RedisStore.from_url(server.url, timeout=TIMEOUT) as store:
        await count(store)
        with server.client() as other:
            other.config_set("busy-reply-threshold", 1)
        forever = Script("forever", "while true do end")
        with taking_at_most(TIMEOUT + LATE), pytest.raises(StoreUnavailable):
            await store.run(forever, [store.key("c", "x")], [])
        assert set(await refusals(store, 5)) <= {redis.ResponseError, TimeoutError}
        with server.client() as other:
            other.script_kill()
        await answered_again(store)


class Proxy:
    """What stands between store and server, counts writes, and is late when told to."""

    def __init__(self, server: Process) -> None:
        self.server = server
        self.path = server.directory / "proxy"
        self.delay = 0.0
        self.chunks: list[bytes] = []
        self.clients: list[asyncio.StreamWriter] = []
        self.asked = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_unix_server(self._serve, str(self.path))
        return self

    async def __aexit__(self, *raised: object) -> None:
        self._listening.close()
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.append(writer)
        onward, back = await asyncio.open_unix_connection(str(self.server.socket))
        for source, target in ((reader, back), (onward, writer)):
            task = asyncio.create_task(self._copy(source, target, counted=source is reader))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _copy(self, source: asyncio.StreamReader, target: asyncio.StreamWriter, *, counted: bool) -> None:
        try:
            while chunk := await source.read(1 << 20):
                if counted:
                    self.chunks.append(chunk)
                    self.asked.set()
                else:
                    await asyncio.sleep(self.delay)
                target.write(chunk)
                await target.drain()
        except ConnectionError:
            pass  # the other side is gone
        finally:
            target.close()


async def test_a_slow_server_answers_late_but_nobody_waits_for_ever(server: Process) -> None:
    async with Proxy(server) as proxy, RedisStore.from_url(f"unix://{proxy.path}", timeout=TIMEOUT) as store:
        assert await count(store) == 1
        proxy.delay = TIMEOUT / 4
        assert await asyncio.gather(*(count(store) for _ in range(20))) == [*range(2, 22)]
        proxy.delay = TIMEOUT * 5
        with taking_at_most(TIMEOUT + LATE):
            assert set(await refusals(store, 20)) == {TimeoutError}
        proxy.delay = 0.0
        await answered_again(store)


@pytest.mark.parametrize("said", [b"+OK\r\n", b"no reply of Redis\r\n"], ids=["a reply", "something else"])
async def test_what_nobody_asked_for_reaches_nobody(server: Process, said: bytes) -> None:
    async with Proxy(server) as proxy, RedisStore.from_url(f"unix://{proxy.path}", timeout=10) as store:
        assert await count(store) == 1
        [client] = proxy.clients
        client.write(said)
        await client.drain()
        assert await asyncio.gather(*(count(store) for _ in range(3))) == [2, 3, 4]
        assert len(proxy.clients) == 2


async def test_what_is_no_reply_is_an_error_for_who_waits(server: Process) -> None:
    async with Proxy(server) as proxy, RedisStore.from_url(f"unix://{proxy.path}", timeout=10) as store:
        assert await count(store) == 1
        proxy.delay = TIMEOUT
        proxy.asked.clear()
        waiting = asyncio.create_task(count(store))
        await proxy.asked.wait()
        proxy.clients[0].write(b"no reply of Redis\r\n")
        with pytest.raises(StoreUnavailable) as refused:
            await waiting
        assert isinstance(refused.value.__cause__, redis.InvalidResponse)
        proxy.delay = 0.0
        assert await count(store) == 3


async def test_closing_waits_for_what_is_on_its_way(server: Process) -> None:
    async with Proxy(server) as proxy:
        store = RedisStore.from_url(f"unix://{proxy.path}", timeout=10)
        await count(store)
        proxy.delay = TIMEOUT / 4
        proxy.asked.clear()
        tasks = [asyncio.create_task(count(store)) for _ in range(3)]
        await proxy.asked.wait()
        tasks[1].cancel()
        await store.aclose()
        assert [task.result() for task in (tasks[0], tasks[2])] == [2, 4]


async def test_closing_waits_for_nobody_who_is_gone(server: Process) -> None:
    async with Proxy(server) as proxy:
        store = RedisStore.from_url(f"unix://{proxy.path}", timeout=10)
        await count(store)
        proxy.delay = 5.0
        proxy.asked.clear()
        task = asyncio.create_task(count(store))
        await proxy.asked.wait()
        task.cancel()
        with taking_at_most(LATE):
            await store.aclose()
        proxy.delay = 0.0
        assert await count(store) == 3
        await store.aclose()


async def test_fifty_at_once_are_one_write_and_one_script_each(server: Process) -> None:
    async with Proxy(server) as proxy, RedisStore.from_url(f"unix://{proxy.path}", timeout=10) as store:
        await count(store)
        with server.client() as other:
            other.config_resetstat()
            proxy.chunks.clear()
            await asyncio.gather(*(count(store) for _ in range(50)))
            calls = other.info("commandstats")
        assert len(proxy.chunks) == 1
        assert calls["cmdstat_evalsha"]["calls"] == 50
        assert "cmdstat_eval" not in calls


async def test_one_look_at_the_denylist_is_one_round_trip(server: Process) -> None:
    async with Proxy(server) as proxy, RedisStore.from_url(f"unix://{proxy.path}", timeout=10) as store:
        await store.deny("ada", "t:1", time.time(), time.time() + 60)
        with server.client() as other:
            other.config_resetstat()
            proxy.chunks.clear()
            await store.denied("ada", ["t:1", "s:1", "ada"])
            calls = other.info("commandstats")
        assert len(proxy.chunks) == 1
        assert calls["cmdstat_mget"]["calls"] == 1
