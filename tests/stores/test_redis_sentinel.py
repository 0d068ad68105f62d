"""A real master, replica and Sentinels: who is master is asked, and a failover is lived through."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from redis.exceptions import ReadOnlyError

from asgisec.errors import StoreUnavailable
from asgisec.policies.rate_limit.limiter import RateLimiter
from asgisec.stores import RedisStore
from asgisec.stores.protocols import Decision
from asgisec.stores.redis._connecting import MasterUnknownError
from asgisec.stores.redis._core import Script
from tests import valkey
from tests.valkey import Process

pytestmark = pytest.mark.anyio

COUNT = Script("count", "return redis.call('INCR', KEYS[1])")


def sentinel(stack: ExitStack, directory: Path, master: int) -> Process:
    directory.mkdir()
    (directory / "sentinel.conf").write_text(
        f"sentinel monitor mymaster 127.0.0.1 {master} 2\n"
        "sentinel down-after-milliseconds mymaster 500\n"
        "sentinel failover-timeout mymaster 3000\n"
    )
    started = Process(directory, ("--sentinel",), valkey.free_port())
    stack.callback(started.kill)
    started.start()
    return started


def url_of(*sentinels: Process) -> str:
    return "redis+sentinel://" + ",".join(f"127.0.0.1:{one.port}" for one in sentinels) + "/mymaster"


class Set:
    """A master, its replica, and three Sentinels."""

    def __init__(self, stack: ExitStack, directory: Path) -> None:
        self.master = stack.enter_context(valkey.process("--repl-diskless-sync-delay", "0", tcp=True))
        self.replica = stack.enter_context(valkey.process("--replicaof", f"127.0.0.1 {self.master.port}", tcp=True))
        with self.replica.client() as client:
            valkey.until(
                lambda: client.info("replication")["master_link_status"] == "up", "the replica does not follow"
            )
        self.sentinels = [sentinel(stack, directory / str(n), self.master.port) for n in range(3)]
        for started in self.sentinels:
            valkey.until(lambda one=started: self._knows(one), "the Sentinels do not meet")  # type: ignore[misc]

    @staticmethod
    def _knows(started: Process) -> bool:
        with started.client() as client:
            found = client.execute_command("SENTINEL", "MASTER", "mymaster")
        flat = dict(zip(found[::2], found[1::2], strict=True)) if isinstance(found, list) else dict(found)
        return int(flat["num-other-sentinels"]) == 2 and int(flat["num-slaves"]) == 1


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Set]:
    with ExitStack() as stack:
        yield Set(stack, tmp_path)


async def count(store: RedisStore) -> int:
    reply: int = await store.run(COUNT, [store.key("c", "x")], [])
    return reply


@pytest.mark.cluster
async def test_a_planned_failover_is_no_error(servers: Set) -> None:
    async with RedisStore.from_url(url_of(*servers.sentinels), timeout=5) as store:
        assert await count(store) == 1
        with servers.sentinels[0].client() as client:
            client.execute_command("SENTINEL", "FAILOVER", "mymaster")
        deadline = time.monotonic() + 30
        answers: list[object] = []
        while not (is_master(servers.replica) and not is_master(servers.master)):
            assert time.monotonic() < deadline
            answers += await asyncio.gather(count(store), return_exceptions=True)
            await asyncio.sleep(0.01)
        answers.append(await count(store))
        assert len(answers) > 10
        assert {type(answer) for answer in answers} == {int}


def is_master(server: Process) -> bool:
    with server.client() as client:
        return str(client.info("replication")["role"]) == "master"


@pytest.mark.cluster
async def test_a_master_that_dies_is_replaced(servers: Set) -> None:
    async with RedisStore.from_url(url_of(*servers.sentinels), timeout=0.5) as store:
        assert await count(store) == 1
        servers.sentinels[0].freeze()  # one that does not answer makes nobody late
        servers.master.kill()
        begin = time.monotonic()
        while True:
            asked = time.monotonic()
            try:
                await count(store)
                break
            except StoreUnavailable:
                assert time.monotonic() - asked < 2
                assert time.monotonic() < begin + 30
                await asyncio.sleep(0.05)
        assert is_master(servers.replica)


@pytest.mark.cluster
@pytest.mark.parametrize("choice", ["local", "allow", "deny"])
async def test_decisions_go_on_through_a_failover(servers: Set, choice: Any) -> None:
    async with RedisStore.from_url(url_of(*servers.sentinels), timeout=0.5) as store:
        limiter = RateLimiter("1000/hour", "5000/day", store=store, on_store_error=choice)
        assert (await limiter.hit("ada")).allowed
        servers.master.kill()
        begin = time.monotonic()
        seen = set()
        while not is_master(servers.replica):
            assert time.monotonic() < begin + 30
            asked = time.monotonic()
            seen.add(type((await asyncio.gather(limiter.hit("ada"), return_exceptions=True))[0]))
            assert time.monotonic() - asked < 2
            await asyncio.sleep(0.02)
        assert seen == ({StoreUnavailable} if choice == "deny" else {Decision})
        while True:
            with suppress(StoreUnavailable):
                await count(store)
                break
            assert time.monotonic() < begin + 60
            await asyncio.sleep(0.05)
        assert (await limiter.hit("ada")).allowed
        with servers.replica.client() as client:
            assert len(client.keys("asgisec:rate:{ada}:*")) == 2


async def test_the_master_that_a_sentinel_names(tmp_path: Path) -> None:
    with ExitStack() as stack:
        master = stack.enter_context(valkey.process(tcp=True))
        alone = sentinel(stack, tmp_path / "one", master.port)
        gone = sentinel(stack, tmp_path / "two", master.port)
        gone.kill()
        async with RedisStore.from_url(url_of(gone, alone), timeout=5) as store:
            assert [await count(store), await count(store)] == [1, 2]
        with master.client() as client:
            assert client.get("asgisec:c:{x}") == "2"

        await refused(url_of(gone))
        await refused(url_of(alone).replace("mymaster", "nobody"))
        with master.client() as client:
            client.execute_command("ACL", "SETUSER", "default", "-role")
            await refused(url_of(alone))  # it does not say what it is
            client.execute_command("ACL", "SETUSER", "default", "+role")
            client.execute_command("REPLICAOF", "127.0.0.1", valkey.free_port())
        await refused(url_of(alone))  # what it names is a replica


async def refused(url: str) -> None:
    async with RedisStore.from_url(url, timeout=5) as store:
        with pytest.raises(StoreUnavailable) as said:
            await count(store)
        assert isinstance(said.value.__cause__, MasterUnknownError)


async def test_a_master_that_became_a_replica_is_asked_once_more_by_another_connection() -> None:
    with valkey.process(tcp=True) as server:
        async with RedisStore.from_url(server.url, timeout=5) as store:
            assert await count(store) == 1
            with server.client() as client:
                client.execute_command("REPLICAOF", "127.0.0.1", valkey.free_port())
            with pytest.raises(StoreUnavailable) as said:
                await count(store)
            assert isinstance(said.value.__cause__, ReadOnlyError)
