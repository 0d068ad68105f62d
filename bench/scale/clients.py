"""Clients of an application with everything on: each does one thing again and again, and reads every answer.

An answer that is not as it has to be ends the run. The ids of refused requests are kept: each has to have one event.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from websockets.asyncio.client import connect

from asgisec.credentials import APIKeys
from asgisec.tokens import TokenIssuer
from bench.harness import WrongAnswer
from bench.scale.client import Answer, Client
from bench.scale.everything import PASSWORD
from bench.whole import service

__all__ = ["CLIENTS", "GONE", "Doing", "Run", "all_of", "askers"]

GONE = "203.0.113.1"
"""The address of those who hang up; nothing that they do is refused."""

_USERS = 50  # known users: what the throttle remembers of logins is kept for long
_ORDER = "/orders/7"


@dataclass
class Run:
    """What all clients share, and what came of them.

    Attributes:
        port: Where the server is.
        issuer: Issues tokens on the same store.
        api_keys: Makes keys there.
        key: A key.
        over: Whether to stop.
        statuses: How many answers had which status.
        done: How often what was done.
        refused: The ids of refused requests.
    """

    port: int
    issuer: TokenIssuer
    api_keys: APIKeys
    key: str
    over: bool = False
    statuses: Counter[int] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    refused: list[str] = field(default_factory=list)

    async def ask(self, client: Client, path: str, *expected: int, **options: Any) -> Answer:
        """Ask, and count the answer; another status than expected ends the run."""
        answer = await client.ask(path, **options)
        if answer.status not in expected:
            raise WrongAnswer(f"{path}: answered {answer.status}, not {expected}: {answer.body!r}")
        self.statuses[answer.status] += 1
        if answer.status >= 400:
            self.refused.append(answer.id)
        return answer

    async def bearer(self, subject: str, scopes: tuple[str, ...] = (service.SCOPE,)) -> str:
        """Return an access token of a new session."""
        return (await self.issuer.issue(subject, scopes)).access_token


async def sessions(run: Run, turn: int) -> None:
    """Log in, refresh, log out, and find out that it is over."""
    name = f"user-{turn % _USERS}"
    async with Client(run.port, f"198.51.100.{turn % _USERS}") as client:
        logged_in = {"username": name, "password": PASSWORD}
        pair = (await run.ask(client, "/auth/login", 200, method="POST", document=logged_in)).document
        shown: dict[str, str] = {}
        for _ in range(3):
            await run.ask(client, _ORDER, 200, bearer=pair["access_token"])
            shown = {"refresh_token": pair["refresh_token"]}
            pair = (await run.ask(client, "/auth/refresh", 200, method="POST", document=shown)).document
            run.done["refreshes"] += 1
        # The first tab of two was slower: it gets what the other got, and nobody is logged out.
        again = (await run.ask(client, "/auth/refresh", 200, method="POST", document=shown)).document
        if again["refresh_token"] != pair["refresh_token"]:
            raise WrongAnswer("a refresh token had two successors")
        shown = {"refresh_token": pair["refresh_token"]}
        await run.ask(client, "/auth/logout", 200, method="POST", document=shown)
        await run.ask(client, _ORDER, 401, bearer=pair["access_token"])
        await run.ask(client, "/auth/refresh", 400, method="POST", document=shown)
    run.done["sessions"] += 1


async def keys(run: Run, turn: int) -> None:
    """Use an API key, and one that is none."""
    async with Client(run.port, "192.0.2.10") as client:
        for _ in range(10):
            await run.ask(client, _ORDER, 200, x_api_key=run.key)
            run.done["uses of a key"] += 1
        await run.ask(client, _ORDER, 401, x_api_key=f"{run.key[:-1]}_")


async def sockets(run: Run, turn: int) -> None:
    """Talk over a WebSocket; be refused one; be gone in the middle of another."""
    for bearer, ends in ((await run.bearer("talker"), True), (await run.bearer("talker"), False)):
        headers = {"Authorization": f"Bearer {bearer}", "X-Forwarded-For": GONE}
        where: dict[str, Any] = {"host": "127.0.0.1", "port": run.port, "proxy": None, "additional_headers": headers}
        async with connect(f"ws://{service.HOST}/socket", **where) as socket:
            for number in range(10):
                await socket.send(f"message {number}")
                if await socket.recv() != f"message {number}":
                    raise WrongAnswer("an echo came back otherwise")
            if not ends:
                socket.transport.abort()
        run.done["WebSockets"] += 1


async def hang_ups(run: Run, turn: int) -> None:
    """Be gone: before the answer, in the middle of it, in the middle of a body."""
    bearer = await run.bearer("gone")
    async with Client(run.port, GONE) as client:
        await client.send(client.head(_ORDER, bearer=bearer))
        client.hang_up()
    async with Client(run.port, GONE) as client:
        await client.send(client.head("/stream", bearer=bearer))
        status, _ = await client.begun()
        if status != 200:
            raise WrongAnswer(f"a stream began with {status}")
        client.hang_up()
    async with Client(run.port, GONE) as client:
        await client.send(client.head("/orders", method="POST", bearer=bearer, content_length="4096") + b"." * 512)
        client.hang_up()
    run.done["hang-ups"] += 3


async def refused(run: Run, turn: int) -> None:
    """Be refused, in every way."""
    async with Client(run.port, "192.0.2.20") as client:
        await run.ask(client, _ORDER, 401)
        await run.ask(client, _ORDER, 401, bearer=f"{await run.bearer('nobody')}x")
        await run.ask(client, _ORDER, 403, bearer=await run.bearer("nobody", ()))
        await run.ask(client, _ORDER, 400, host="evil.example")
        await run.ask(client, "/tight/gcra", 200, 429)
        guess = {"username": "user-1", "password": "a guess"}
        await run.ask(client, "/auth/login", 400, 429, method="POST", document=guess)
    async with Client(run.port, "192.0.2.20") as client:
        await run.ask(client, "/orders", 413, method="POST", content_length="10000000")


async def askers(run: Run, turn: int) -> None:
    """Ask in the stead of a load generator: each time another client."""
    address = f"10.{turn >> 16 & 255}.{turn >> 8 & 255}.{turn & 255}"
    async with Client(run.port, address) as client:
        bearer = await run.bearer(f"asker-{turn % 1000}")
        for _ in range(20):
            await run.ask(client, _ORDER, 200, bearer=bearer)
    run.done["distinct clients"] += 1


Doing: TypeAlias = Callable[[Run, int], Awaitable[None]]

CLIENTS: dict[Doing, int] = {sessions: 4, keys: 2, sockets: 2, hang_ups: 2, refused: 2}
"""What clients do, and how many at once."""


async def _again(run: Run, client: Doing, first: int, step: int) -> None:
    """Do what a client does until it is over."""
    turn = first
    while not run.over:
        await client(run, turn)
        turn += step


async def all_of(run: Run, clients: Mapping[Doing, int]) -> None:
    """Do all of it; the first that fails ends it."""
    async with asyncio.TaskGroup() as group:
        for client, count in clients.items():
            for number in range(count):
                group.create_task(_again(run, client, number, count))
