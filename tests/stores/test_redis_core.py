"""The core of the Redis store: one write for many, nobody harmed by another's end, keys that are whose they seem."""

import asyncio
import gc
import ssl
import time
import warnings
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis.crc import key_slot

from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.stores import RedisStore, open_store
from asgisec.stores.protocols import RefreshFamily, StoredAPIKey
from asgisec.stores.redis._core import Script, Word
from asgisec.stores.redis._line import Command, Line
from tests import valkey
from tests.certificates import certificate

ECHO = Script("echo", "return ARGV[1]")
WRITE = Script("write", "return redis.call('INCR', KEYS[1])")


@pytest.fixture
async def store(valkey_url: str) -> AsyncIterator[RedisStore]:
    async with RedisStore.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as made:
        yield made


async def echo(store: RedisStore, text: str) -> str:
    reply: bytes = await store.run(ECHO, [store.key("e", text)], [text])
    return reply.decode()


@pytest.mark.anyio
async def test_everybody_gets_his_own_reply(store: RedisStore) -> None:
    texts = [str(n) for n in range(500)]
    assert await asyncio.gather(*(echo(store, text) for text in texts)) == texts


@pytest.mark.anyio
async def test_concurrent_commands_leave_in_one_write(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    batches: list[int] = []
    send = Line.send

    def counted(self: Line, batch: Sequence[Command]) -> None:
        batches.append(len(batch))
        send(self, batch)

    monkeypatch.setattr(Line, "send", counted)
    await echo(store, "warm")
    batches.clear()
    await asyncio.gather(*(echo(store, str(n)) for n in range(50)))
    assert batches == [50]


@pytest.mark.anyio
async def test_what_comes_while_all_connections_are_busy_leaves_when_one_is_free(valkey_url: str) -> None:
    async with RedisStore.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10, connections=1) as store:
        tasks = []
        for n in range(100):
            tasks.append(asyncio.create_task(echo(store, str(n))))
            await asyncio.sleep(0)
        assert [*await asyncio.gather(*tasks)] == [str(n) for n in range(100)]


@pytest.mark.anyio
@pytest.mark.parametrize("turns", [0, 1, 2, 3])
async def test_a_caller_that_is_cancelled_harms_no_other(store: RedisStore, turns: int) -> None:
    for _ in range(20):
        tasks = [asyncio.create_task(echo(store, str(n))) for n in range(20)]
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        replies = await asyncio.gather(*tasks, return_exceptions=True)
        assert replies[1::2] == [str(n) for n in range(1, 20, 2)]
        assert await echo(store, "next") == "next"


@pytest.mark.anyio
async def test_a_command_that_nobody_wants_any_more_is_not_sent(store: RedisStore) -> None:
    key = store.key("c", "x")
    await echo(store, "warm")
    for _ in range(3):
        task = asyncio.create_task(store.run(WRITE, [key], []))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert await store.run(WRITE, [key], []) == 1


@pytest.mark.anyio
async def test_half_of_a_surrogate_pair_is_text_too(store: RedisStore) -> None:
    assert await store.run(ECHO, [store.key("e", "x")], ["\ud800"]) == b"\xed\xa0\x80"


def test_a_loop_that_ends_with_commands_on_their_way(valkey_url: str) -> None:
    store = RedisStore.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10, connections=1)

    async def leaving() -> None:
        tasks = [asyncio.create_task(echo(store, "early")) for _ in range(3)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        tasks += [asyncio.create_task(echo(store, "late")) for _ in range(3)]
        await asyncio.sleep(0)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(leaving())
        gc.collect()
    assert asyncio.run(echo(store, "next")) == "next"


def test_a_loop_that_ends_with_commands_on_a_connection(valkey_url: str) -> None:
    store = RedisStore.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10, connections=1)

    async def leaving() -> None:
        await echo(store, "warm")
        tasks = [asyncio.create_task(echo(store, "early")) for _ in range(3)]
        for _ in range(3):  # until they are written; the server answers later than that
            await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(leaving())
        gc.collect()
    assert asyncio.run(echo(store, "next")) == "next"


@pytest.mark.anyio
async def test_the_reply_of_a_command_that_failed_is_its_callers_alone(store: RedisStore) -> None:
    name = store.key("e", "x")
    wrong = store.run(Script("wrong", "return redis.call('LPUSH', KEYS[1])"), [name], [])
    replies = await asyncio.gather(echo(store, "a"), wrong, echo(store, "b"), return_exceptions=True)
    assert [replies[0], replies[2]] == ["a", "b"]
    assert isinstance(replies[1], StoreUnavailable)
    assert isinstance(replies[1].__cause__, redis.ResponseError)


@pytest.mark.anyio
async def test_a_script_that_the_server_forgot_is_sent_again(store: RedisStore, valkey_url: str) -> None:
    assert await echo(store, "a") == "a"
    with redis.Redis.from_url(valkey_url) as other:
        other.script_flush()
    assert [*await asyncio.gather(echo(store, "b"), echo(store, "c"))] == ["b", "c"]


@pytest.mark.filterwarnings("error")
def test_a_new_event_loop_for_each_request(valkey_url: str) -> None:
    store = RedisStore.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10)
    for n in range(5):
        assert asyncio.run(echo(store, str(n))) == str(n)
    with redis.Redis.from_url(valkey_url) as other:
        valkey.until(lambda: len(other.client_list()) == 1, "connections outlive their loops")
    assert store._nodes._channels._made == {}  # type: ignore[attr-defined]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gc.collect()


def test_a_loop_that_ended_without_a_word_is_forgotten(valkey_url: str) -> None:
    store = RedisStore.from_url(valkey_url, timeout=10)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(echo(store, "a"))
    channels = store._nodes._channels  # type: ignore[attr-defined]
    loop.run_until_complete(channels._made[loop][0].forget_connections())
    loop.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the loop's own: a generator was not ended
        assert asyncio.run(echo(store, "b")) == "b"
        gc.collect()
    assert channels._made == {}


@pytest.mark.anyio
async def test_closing_twice_is_no_error_and_the_next_call_connects_again(store: RedisStore) -> None:
    assert await echo(store, "a") == "a"
    pending = [asyncio.create_task(echo(store, str(n))) for n in range(5)]
    await asyncio.sleep(0)
    await store.aclose()
    await store.aclose()
    assert await asyncio.gather(*pending) == ["0", "1", "2", "3", "4"]
    assert await echo(store, "b") == "b"


@given(st.text(), st.text())
def test_keys_are_short_and_nobody_is_another(one: str, other: str) -> None:
    store = RedisStore.from_url("redis://localhost")
    first, second = store.key("rate", one, "m"), store.key("rate", other, "h")
    assert len(first) <= len("asgisec:rate:{}:m") + 65
    assert (key_slot(first.encode()) == key_slot(second.encode())) >= (one == other)
    assert (first.rpartition(":")[0] == second.rpartition(":")[0]) == (one == other)
    assert first.isascii()
    assert first.count("{") == first.count("}") == 1


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost",
        "http://localhost",
        "redis://localhost:port/0",
        "redis://localhost:99999999/0",
        "redis://:s3cret@localhost/zero",
        "redis://localhost/0?no_such_option=1",
        "redis://localhost/0?max_connections=many",
        "unix://",
        "redis+sentinel://localhost",
        "redis+sentinel:///mymaster",
        "redis+sentinel://localhost/mymaster/zero",
        "redis+cluster://",
        "redis+cluster://localhost:7000,:7001",
        "redis+cluster://localhost:7000/1",
        "rediss+nothing://localhost",
        None,
        b"redis://localhost",
    ],
)
def test_a_url_that_is_none_is_a_config_error(url: str) -> None:
    with pytest.raises(ConfigError) as refused:
        RedisStore.from_url(url)
    assert "s3cret" not in str(refused.value)
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize(
    ("option", "value", "mend"),
    [
        ("timeout", 0, "write seconds, such as 0.25"),
        ("timeout", 61, "write seconds, such as 0.25"),
        ("timeout", True, "write seconds, such as 0.25"),
        ("timeout", "1", "write seconds, such as 0.25"),
        ("timeout", float("nan"), "write seconds, such as 0.25"),
        ("connections", 0, "write a whole number of 1 or more"),
        ("connections", True, "write a whole number of 1 or more"),
        ("connections", 1.5, "write a whole number of 1 or more"),
        ("prefix", "", "write a short name of letters and digits"),
        ("prefix", "a{b}", "write a short name of letters and digits"),
        ("prefix", None, "write a short name of letters and digits"),
        ("no_such_option", 1, "with options that redis-py's connections take"),
    ],
)
def test_an_option_that_is_wrong_is_a_config_error(option: str, value: object, mend: str) -> None:
    with pytest.raises(ConfigError, match=mend):
        RedisStore.from_url("redis://localhost", **{option: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "rediss://user:secret@localhost:6380/2",
        "unix:///run/valkey.sock?db=1",
        "redis+sentinel://a,b:26380/mymaster",
        "rediss+sentinel://user:secret@a,[::1]:26380/mymaster/3",
        "redis+cluster://a:7000,b:7001",
        "rediss+cluster://:secret@a",
    ],
)
def test_urls_that_are_good(url: str) -> None:
    assert isinstance(open_store(url), RedisStore)
    assert "secret" not in repr(open_store(url))


@pytest.mark.anyio
async def test_what_was_set_in_the_url_does_not_undo_our_settings(valkey_url: str) -> None:
    url = f"{valkey_url}?protocol=3&decode_responses=True&socket_timeout=99&client_name=shop"
    async with RedisStore.from_url(url, timeout=10) as store:
        assert await echo(store, "a") == "a"
        assert b"name=shop" in await store.command("CLIENT", "INFO")


@pytest.mark.anyio
async def test_over_tcp_and_with_a_database_and_a_password() -> None:
    with valkey.process("--requirepass", "s3cret", tcp=True) as server:
        url = f"redis://:s3cret@127.0.0.1:{server.port}/3"
        async with RedisStore.from_url(url, timeout=10) as store:
            assert await store.run(WRITE, [store.key("c", "x")], []) == 1
            assert b"db=3 " in await store.command("CLIENT", "INFO")
        async with RedisStore.from_url(url.replace("s3cret", "wrong"), timeout=10) as store:
            with pytest.raises(StoreUnavailable) as refused:
                await echo(store, "a")
            assert isinstance(refused.value.__cause__, redis.AuthenticationError)


@pytest.mark.anyio
async def test_over_tls_and_not_where_nobody_vouches_for_the_server(tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with valkey.process() as server:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            onward, back = await asyncio.open_unix_connection(str(server.socket))
            await asyncio.gather(copy(reader, back), copy(onward, writer))

        listening = await asyncio.start_server(serve, "localhost", 0, ssl=context)
        port = listening.sockets[0].getsockname()[1]
        async with (
            listening,
            RedisStore.from_url(f"rediss://localhost:{port}", timeout=5, ssl_ca_certs=str(pem)) as good,
        ):
            assert await echo(good, "a") == "a"
            async with RedisStore.from_url(f"rediss://localhost:{port}", timeout=5) as unknown:
                with pytest.raises(StoreUnavailable) as refused:
                    await echo(unknown, "a")
            assert "CERTIFICATE_VERIFY_FAILED" in str(refused.value.__cause__)
            by_address = f"rediss://127.0.0.1:{port}"
            async with RedisStore.from_url(by_address, timeout=5, ssl_ca_certs=str(pem)) as other_name:
                with pytest.raises(StoreUnavailable):
                    await echo(other_name, "a")
            await good.aclose()


async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    try:
        while chunk := await source.read(1 << 16):
            target.write(chunk)
            await target.drain()
    finally:
        target.close()


@pytest.mark.anyio
async def test_an_owner_of_many_is_not_asked_for_all_at_once(valkey_url: str) -> None:
    """What is asked for at once shares one time-out: an owner of ten thousand sessions could not be revoked."""
    waiting = most = 0

    class Counted(RedisStore):
        async def command(self, *words: Word) -> Any:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            try:
                return await super().command(*words)
            finally:
                waiting -= 1

    now = time.time()
    family = RefreshFamily(id="", owner="ada", grant="{}", proof="p", current="c", created_at=now, expires_at=now + 600)
    key = StoredAPIKey(id="", owner="ada", name="", scopes="", networks="", digest="d", last_four="", created_at=now)
    async with Counted.from_url(valkey_url, prefix=valkey.fresh_prefix(), timeout=10) as store:
        for number in range(401):
            await store.add_family(replace(family, id=f"{number}"))
            await store.add_api_key(replace(key, id=f"{number}"))
        assert len({one.id for one in await store.families_of("ada")}) == 401
        assert len({one.id for one in await store.api_keys_of("ada")}) == 401
    assert most <= 200
