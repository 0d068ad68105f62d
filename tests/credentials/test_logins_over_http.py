"""Logins on a real server: others are answered while they run, one too many is 503, and a guess too soon is 429."""

import json
import select
import threading
from contextlib import ExitStack

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from asgisec import RequestID, install
from asgisec.credentials import LoginThrottle, PasswordHasher
from asgisec.stores import MemoryStore
from tests.servers.harness import SERVERS, TIMEOUT, Answer, Peer, Servers, get, running

QUICK = PasswordHasher(memory_cost=64, time_cost=1)


def site(hasher: PasswordHasher, throttle: LoginThrottle) -> Starlette:
    async def login(request: Request) -> PlainTextResponse:
        name = request.headers["x-name"]
        await throttle.check(name, "192.0.2.1")
        result = await hasher.verify(request.headers["x-password"], None)
        await throttle.failed(name, "192.0.2.1")
        return PlainTextResponse(str(result.ok), 400)

    async def health(request: Request) -> PlainTextResponse:
        return PlainTextResponse("up")

    return install(Starlette(routes=[Route("/login", login), Route("/health", health)]), RequestID())


def asked(number: int = 0) -> bytes:
    return get("/login", f"X-Name: user-{number}", "X-Password: s3same-open-7f3a")


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.values("content-type") == ["application/problem+json"]
    return answer.status, json.loads(answer.body)["detail"]


@pytest.mark.parametrize("server", SERVERS)
def test_others_are_answered_meanwhile_and_one_too_many_is_503(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hasher, end = PasswordHasher(memory_cost=64, time_cost=1, at_once=1, queued=2), threading.Event()
    verify = hasher._verify
    monkeypatch.setattr(hasher, "_verify", lambda *given: (end.wait(TIMEOUT), verify(*given))[1])
    app = site(hasher, LoginThrottle(MemoryStore()))
    with running(server, {"site": app}) as servers, ExitStack() as stack:
        stack.callback(end.set)
        peers = [stack.enter_context(servers.connect("site")) for _ in range(7)]
        for number, peer in enumerate(peers):
            peer.send(asked(number))
        refused = _answered(peers, 4)
        assert [problem(peer.answer()) for peer in refused] == [(503, "The server is busy. Try again later.")] * 4
        assert servers.ask("site", get("/health")).body == b"up"
        end.set()
        assert [peer.answer().status for peer in peers if peer not in refused] == [400] * 3
        _tells_no_password(servers)


def _answered(peers: list[Peer], count: int) -> list[Peer]:
    """Wait until so many have an answer."""
    found: list[Peer] = []
    while len(found) < count:
        waiting = {peer.socket: peer for peer in peers if peer not in found}
        ready, _, _ = select.select(waiting, [], [], TIMEOUT)
        assert ready
        found += [waiting[one] for one in ready]
    return found


def _tells_no_password(servers: Servers) -> None:
    assert not any("s3same-open-7f3a" in record.getMessage() for record in servers.log.records)


@pytest.mark.parametrize("server", SERVERS)
def test_a_guess_too_soon_is_429(server: str) -> None:
    throttle = LoginThrottle(MemoryStore(clock=lambda: 1000.0), per_pair=2)
    with running(server, {"site": site(QUICK, throttle)}) as servers:
        assert [servers.ask("site", asked()).status for _ in range(2)] == [400, 400]
        held_back = servers.ask("site", asked())
        assert problem(held_back) == (429, "Too many attempts. Try again later.")
        assert held_back.values("retry-after") == ["1"]
        assert servers.log.wait_for("asgisec.events", "reason=login_held_back").levelname == "WARNING"
        _tells_no_password(servers)
