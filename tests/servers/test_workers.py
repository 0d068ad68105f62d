"""Two workers of uvicorn on one Valkey: what one counts, revokes or rotates, the other knows.

`uvicorn --workers 2`, as in production: two processes that share a socket, and nothing else.
"""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from asgisec.policies.rate_limit.limiter import STRATEGIES
from asgisec.stores import RedisStore
from bench.scale import everything
from bench.scale.client import Answer, Client
from bench.serving import serving
from tests import valkey

pytestmark = pytest.mark.slow

CONNECTIONS = 12
ASKED = 10  # requests per connection: three times what is allowed


@dataclass(frozen=True)
class Two:
    """Two workers."""

    port: int
    url: str
    log: Path

    @asynccontextmanager
    async def connected(self, address: str, connections: int) -> AsyncIterator[dict[int, list[Client]]]:
        """Connect as a client, until each worker has so many connections of it: which takes one is not ours to say."""
        by_worker: dict[int, list[Client]] = {}
        async with AsyncExitStack() as stack, asyncio.timeout(30):
            while len(by_worker) < 2 or min(map(len, by_worker.values())) < connections:
                client = await stack.enter_async_context(Client(self.port, address))
                worker = (await client.ask("/inside")).document["process"]
                by_worker.setdefault(worker, []).append(client)
            yield {worker: clients[:connections] for worker, clients in by_worker.items()}

    def run(self, address: str, test: Callable[[Client, Client], Awaitable[None]]) -> None:
        """Run a test with a connection to each worker."""

        async def run() -> None:
            async with self.connected(address, 1) as connected:
                await test(*(clients[0] for clients in connected.values()))

        asyncio.run(run())

    def events(self, client: str | None = None) -> list[dict[str, Any]]:
        """Return the events of both workers, of a client or of all."""
        told: list[dict[str, Any]] = [*map(json.loads, self.log.read_text("utf-8").splitlines())]
        return [event for event in told if client in (None, event.get("client"))]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    log = tmp_path_factory.mktemp("workers") / "log"
    factory, options = "bench.scale.everything:application", ("--no-proxy-headers",)
    with valkey.process(tcp=True) as server:
        environ = everything.environment(server.url, log)
        with serving(factory, environ, workers=2, options=options) as port:
            yield Two(port, server.url, log)
    # Neither a warning nor an error, to the end.
    assert [line for line in log.read_text("utf-8").splitlines() if '"log"' in line] == []


async def log_in(client: Client, username: str) -> Any:
    answer = await client.ask(
        "/auth/login", method="POST", document={"username": username, "password": everything.PASSWORD}
    )
    assert answer.status == 200
    return answer.document


async def refresh(client: Client, token: str) -> Answer:
    return await client.ask("/auth/refresh", method="POST", document={"refresh_token": token})


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_limit_is_one_for_both_to_the_last_request(two: Two, strategy: str) -> None:
    address = f"192.0.2.{10 + STRATEGIES.index(strategy)}"

    async def all_at_once() -> tuple[set[int], list[Answer]]:
        async with two.connected(address, CONNECTIONS // 2) as connected:
            clients = [client for listed in connected.values() for client in listed]

            async def ask(client: Client) -> list[Answer]:
                return [await client.ask(f"/tight/{strategy}") for _ in range(ASKED)]

            return {*connected}, [answer for told in await asyncio.gather(*map(ask, clients)) for answer in told]

    workers, answers = asyncio.run(all_at_once())
    refused = [answer for answer in answers if answer.status == 429]
    assert Counter(answer.status for answer in answers) == {
        200: everything.TIGHT,
        429: CONNECTIONS * ASKED - everything.TIGHT,
    }
    # What remained is told of one count: each number once.
    left = [int(answer.headers["x-ratelimit-remaining"]) for answer in answers if answer.status == 200]
    assert sorted(left) == [*range(everything.TIGHT)]
    assert len({answer.id for answer in answers}) == len(answers)
    events = two.events(address)
    assert Counter(event["request_id"] for event in events) == Counter(answer.id for answer in refused)
    assert {(event["name"], event["reason"]) for event in events} == {("excess_rate_limit_exceeded", "rate_limit")}
    assert {event["process"] for event in events} == workers


def test_what_one_revokes_the_other_refuses_at_once(two: Two) -> None:
    async def test(one: Client, other: Client) -> None:
        pair = await log_in(one, "ada")
        for client in (one, other, one, other):  # both have seen it, and know that it is good
            assert (await client.ask("/orders/7", bearer=pair["access_token"])).status == 200
        out = await one.ask("/auth/logout", method="POST", document={"refresh_token": pair["refresh_token"]})
        assert out.status == 200
        refused = [await client.ask("/orders/7", bearer=pair["access_token"]) for client in (other, one)]
        assert [answer.status for answer in refused] == [401, 401]
        told = [(event["request_id"], event["reason"]) for event in two.events("192.0.2.20")]
        assert told == [(answer.id, "revoked") for answer in refused]

    two.run("192.0.2.20", test)


def test_a_refresh_token_rotates_once(two: Two) -> None:
    async def test(one: Client, other: Client) -> None:
        pair = await log_in(one, "bo")
        # Two tabs at once, at two workers: both stay logged in, with one successor.
        both = await asyncio.gather(*(refresh(client, pair["refresh_token"]) for client in (one, other)))
        assert [answer.status for answer in both] == [200, 200]
        (successor,) = {answer.document["refresh_token"] for answer in both}
        assert successor != pair["refresh_token"]
        late = await refresh(other, pair["refresh_token"])
        assert late.document["refresh_token"] == successor
        # Once it is used, the one before is stolen: whoever shows it ends the session, at both workers.
        last = await refresh(other, successor)
        assert last.status == 200
        stolen = await refresh(one, pair["refresh_token"])
        assert (stolen.status, stolen.document["error"]) == (400, "invalid_grant")
        bearer = last.document["access_token"]
        refused = [await client.ask("/orders/7", bearer=bearer) for client in (other, one)]
        assert [answer.status for answer in refused] == [401, 401]
        assert (await refresh(other, last.document["refresh_token"])).status == 400
        # What happened, and what was refused, under one id.
        told = [event["name"] for event in two.events() if event["request_id"] == stolen.id]
        assert told == ["token_reuse", "authn_login_fail"]

    two.run("192.0.2.30", test)


def test_uses_of_a_key_are_counted_once(two: Two) -> None:
    async def test(one: Client, other: Client) -> None:
        async with RedisStore.from_url(two.url, timeout=10) as store:
            api_keys = everything.keys_on(store)
            made = await api_keys.create("partner", ["orders:read"])
            uses = 0
            for _ in range(3):  # each time both write what they counted, and begin anew
                for client in (one, other, other):
                    assert (await client.ask("/orders/7", x_api_key=made.key)).status == 200
                    uses += 1
                async with asyncio.timeout(30):
                    while (count := (await api_keys.list("partner"))[0].request_count) < uses:  # noqa: ASYNC110 - nobody tells
                        await asyncio.sleep(0.05)
                assert count == uses

    two.run("192.0.2.40", test)


def test_an_id_that_was_sent_is_in_the_event(two: Two) -> None:
    async def test(one: Client, other: Client) -> None:
        for name, client in (("one", one), ("other", other)):
            refused = await client.ask("/orders/7", x_request_id=f"from-{name}")
            assert (refused.status, refused.id) == (401, f"from-{name}")
        assert [event["request_id"] for event in two.events("192.0.2.50")] == ["from-one", "from-other"]

    two.run("192.0.2.50", test)
