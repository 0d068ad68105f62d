"""A cluster of real nodes: who holds what, slots that move, a node that dies."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
import redis
from redis.crc import key_slot

from asgisec.errors import StoreUnavailable
from asgisec.policies.rate_limit.limiter import STRATEGIES, RateLimiter
from asgisec.stores import RedisStore
from asgisec.stores.redis._channel import Channel
from asgisec.stores.redis._core import Script
from tests import valkey
from tests.valkey import Process

pytestmark = pytest.mark.anyio

COUNT = Script("count", "return redis.call('INCR', KEYS[1])")
BOTH = Script("both", "redis.call('INCR', KEYS[1]) return redis.call('INCR', KEYS[2])")
OPTIONS = (
    *("--cluster-enabled", "yes", "--cluster-node-timeout", "500", "--cluster-require-full-coverage", "no"),
    *("--repl-diskless-sync-delay", "0"),
)


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Process]]:
    """Give three masters with a third of the slots each, and a replica of the first."""
    with ExitStack() as stack:
        started = [stack.enter_context(valkey.process(*OPTIONS, tcp=True)) for _ in range(4)]
        masters, replica = started[:3], started[3]
        for number, node in enumerate(masters):
            first, last = 16384 * number // 3, 16384 * (number + 1) // 3 - 1
            ask(node, "CLUSTER", "ADDSLOTSRANGE", first, last)
            ask(node, "CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for node in started[1:]:
            ask(node, "CLUSTER", "MEET", "127.0.0.1", started[0].port)
        valkey.until(lambda: all("cluster_known_nodes:4" in info(node) for node in started), "the nodes do not meet")
        valkey.until(lambda: all("cluster_state:ok" in info(node) for node in started), "the cluster is not whole")
        first_id = ask(masters[0], "CLUSTER", "MYID")
        valkey.until(lambda: replicates(replica, str(first_id)), "the replica does not know its master")
        with replica.client() as client:
            valkey.until(lambda: client.info("replication").get("master_link_status") == "up", "it does not follow")
        yield started


def ask(node: Process, *words: str | int) -> object:
    with node.client() as client:
        return client.execute_command(*words)


def info(node: Process) -> str:
    return str(ask(node, "CLUSTER", "INFO"))


def replicates(node: Process, master: str) -> bool:
    try:
        ask(node, "CLUSTER", "REPLICATE", master)
    except redis.ResponseError:
        return False
    return True


def url_of(nodes: list[Process]) -> str:
    return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


async def count(store: RedisStore, who: str) -> int:
    reply: int = await store.run(COUNT, [store.key("c", who)], [])
    return reply


async def test_keys_of_one_identity_share_a_slot_and_a_thousand_spread_over_all(nodes: list[Process]) -> None:
    who = [f"192.0.2.{n}:{n}" for n in range(1000)]
    async with RedisStore.from_url(url_of(nodes[:1]), prefix=valkey.fresh_prefix(), timeout=10) as store:
        assert await asyncio.gather(*(count(store, one) for one in who)) == [1] * 1000
        pairs = [[store.key("m", one, "a"), store.key("h", one, "b")] for one in who]
        done = await asyncio.gather(*(store.run(BOTH, keys, []) for keys in pairs))
        assert done == [1] * 1000
        slots = [key_slot(store.key("c", one).encode()) for one in who]
    thirds = Counter(slot * 3 // 16384 for slot in slots)
    assert min(thirds[n] for n in range(3)) > 250
    held = [int(str(ask(node, "DBSIZE"))) for node in nodes[:3]]
    assert min(held) > 700
    assert len(set(slots)) > 900


async def test_commands_of_concurrent_callers_are_one_write_per_node(nodes: list[Process]) -> None:
    who = [str(n) for n in range(300)]
    async with RedisStore.from_url(url_of(nodes[:3]), prefix=valkey.fresh_prefix(), timeout=10) as store:
        await asyncio.gather(*(count(store, one) for one in who))
        before = [reads(node) for node in nodes[:3]]
        await asyncio.gather(*(count(store, one) for one in who))
        after = [reads(node) for node in nodes[:3]]
    # The one that asks is in the figures: its own few commands, not a hundred.
    assert all(then - now < 15 for now, then in zip(before, after, strict=True))


def reads(node: Process) -> int:
    with node.client() as client:
        return int(client.info("stats")["total_reads_processed"])


async def test_a_slot_that_moves_is_followed_without_an_error(nodes: list[Process]) -> None:
    async with RedisStore.from_url(url_of(nodes[:3]), prefix=valkey.fresh_prefix(), timeout=10) as store:
        who = next(str(n) for n in range(10_000) if key_slot(store.key("c", str(n)).encode()) > 16384 * 2 // 3 + 1)
        slot = key_slot(store.key("c", who).encode())
        source, target = nodes[2], nodes[1]
        ids = [str(ask(node, "CLUSTER", "MYID")) for node in (source, target)]
        ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
        ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
        # The key is not on the source: it says ASK, and the target takes it for this once.
        assert [await count(store, who), await count(store, who)] == [1, 2]
        for node in (target, source):
            ask(node, "CLUSTER", "SETSLOT", slot, "NODE", ids[1])
        # Now it says MOVED.
        assert await asyncio.gather(*(count(store, who) for _ in range(5))) == [3, 4, 5, 6, 7]
        assert await count(store, who) == 8


async def test_a_new_event_loop_for_each_request(nodes: list[Process]) -> None:
    store = RedisStore.from_url(url_of(nodes[:3]), prefix=valkey.fresh_prefix(), timeout=10)
    answers = [await asyncio.to_thread(lambda n: asyncio.run(count(store, str(n))), n % 2) for n in range(6)]
    assert answers == [1, 1, 2, 2, 3, 3]

    async def closing() -> int:
        async with store:
            return await count(store, "last")

    assert await asyncio.to_thread(asyncio.run, closing()) == 1


async def test_the_denylist_and_closing_twice(nodes: list[Process]) -> None:
    store = RedisStore.from_url(url_of(nodes[:3]), prefix=valkey.fresh_prefix(), timeout=10)
    now = time.time()
    for owner in ("ada", "grace", "edsger"):
        await store.deny(owner, "t:1", now, now + 60)
        assert list(await store.denied(owner, ["t:1", "t:2"])) == [now, None]
    await store.aclose()
    await store.aclose()


async def test_when_a_master_dies_only_its_callers_are_refused_and_its_replica_takes_over(nodes: list[Process]) -> None:
    async with RedisStore.from_url(url_of(nodes), prefix=valkey.fresh_prefix(), timeout=0.25) as store:
        who = [str(n) for n in range(200)]
        await asyncio.gather(*(count(store, one) for one in who))
        his = {one for one in who if key_slot(store.key("c", one).encode()) < 16384 // 3}
        assert 20 < len(his) < 180
        nodes[0].kill()
        begin = time.monotonic()
        replies = await asyncio.gather(*(count(store, one) for one in who), return_exceptions=True)
        assert time.monotonic() - begin < 2
        for one, reply in zip(who, replies, strict=True):
            assert type(reply) is (StoreUnavailable if one in his else int)
        deadline = time.monotonic() + 30
        while True:
            try:
                await asyncio.gather(*(count(store, one) for one in his))
                break
            except StoreUnavailable:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)
        assert min(await asyncio.gather(*(count(store, one) for one in who))) > 1


async def test_a_cluster_of_which_no_node_answers() -> None:
    with valkey.process(*OPTIONS, tcp=True) as alone:
        async with RedisStore.from_url(url_of([alone]), timeout=0.5) as store:
            with pytest.raises(StoreUnavailable):  # it holds no slot
                await count(store, "x")
            alone.kill()
            with pytest.raises(StoreUnavailable):
                await count(store, "x")


async def test_a_server_that_is_no_cluster() -> None:
    with valkey.process(tcp=True) as alone:
        async with RedisStore.from_url(url_of([alone]), timeout=5) as store:
            with pytest.raises(StoreUnavailable) as refused:
                await count(store, "x")
    cause = refused.value.__cause__
    assert cause is not None
    assert "cluster support disabled" in str(cause.__cause__)


async def test_a_cluster_that_sends_in_circles(nodes: list[Process], monkeypatch: pytest.MonkeyPatch) -> None:
    async with RedisStore.from_url(url_of(nodes[1:3]), prefix=valkey.fresh_prefix(), timeout=5) as store:
        assert await count(store, "a") == 1
        asked = []

        async def moved(self: Channel, packed: object, deadline: float) -> redis.exceptions.MovedError:
            asked.append(packed)
            return redis.exceptions.MovedError(f"1 127.0.0.1:{nodes[1].port}")

        monkeypatch.setattr(Channel, "ask", moved)
        with pytest.raises(StoreUnavailable):
            await count(store, "a")
        monkeypatch.undo()
        assert len(asked) <= 5 + 3


LIMITS = ("100/day", "200/2 days", "300/3 days", "400/4 days", "500/5 days", "600/6 days", "700/month", "800/year")


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_keys_of_one_decision_share_a_slot_and_those_of_a_thousand_clients_spread(
    nodes: list[Process], strategy: str
) -> None:
    prefix = valkey.fresh_prefix()
    async with RedisStore.from_url(url_of(nodes[1:3]), prefix=prefix, timeout=10) as store:
        limiter = RateLimiter(*LIMITS, store=store, strategy=strategy, on_store_error="deny")
        # Of the nodes, one may have died in a test before this one; another has its slots then.
        clients = [f"client:192.0.2.{n}" for n in range(1000)]
        decisions = await asyncio.gather(*(limiter.hit(client) for client in clients))
        assert all(decision.allowed for decision in decisions)
        again = await asyncio.gather(*(limiter.hit(client) for client in clients))
        assert {tuple(status.remaining for status in decision.limits) for decision in again} == {
            (98, 198, 298, 398, 498, 598, 698, 798)
        }
    held: dict[str, set[int]] = {}
    of_node: Counter[int] = Counter()
    for number, node in enumerate(nodes):
        if not alive(node) or not str(ask(node, "ROLE")).startswith("['master'"):
            continue
        with node.client() as client:
            for key in client.scan_iter(f"{prefix}:*", count=1000):
                held.setdefault(key.split("{")[1].split("}")[0], set()).add(key_slot(key.encode()))
                of_node[number] += 1
    assert len(held) == 1000
    assert all(len(slots) == 1 for slots in held.values())
    assert sum(of_node.values()) == 8000
    assert len(of_node) == 3
    assert min(of_node.values()) > 2000


def alive(node: Process) -> bool:
    return node._running is not None
