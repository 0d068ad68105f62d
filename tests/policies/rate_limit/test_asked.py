"""Functions of the application that wait, such as for a database, where a plain one could stand."""

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from starlette.requests import Request

from asgisec import RateLimit, RateLimitGuard, Rule, SecurityMiddleware
from asgisec.errors import LimitUndecided, RateLimitExceeded
from asgisec.policy import Exchange
from tests.asgi import answering, request

backends = pytest.mark.parametrize("backend", ["asyncio", "trio"])


async def by_key(exchange: Exchange) -> str:
    await anyio.lowlevel.checkpoint()
    return exchange.header("x-key") or "nobody"


async def paid_for(exchange: Exchange) -> list[str]:
    await anyio.lowlevel.checkpoint()
    return ["3/minute" if exchange.header("x-key") == "gold" else "1/minute"]


async def dear(exchange: Exchange) -> int:
    await anyio.lowlevel.checkpoint()
    return 2


class Tier:
    async def __call__(self, exchange: Exchange) -> str:
        return "1/minute"


async def of(name: str, exchange: Exchange) -> str:
    return name


async def failing(exchange: Exchange) -> Any:
    raise LookupError("no such customer")


def statuses(
    policy: RateLimit, count: int, *, key: str = "ada", path: str = "/", backend: str = "asyncio"
) -> list[int]:
    app = SecurityMiddleware(answering(), policy)
    headers = [(b"x-key", key.encode())]
    return [request(app, path=path, headers=headers, backend=backend).status for _ in range(count)]


CASES: dict[str, tuple[Callable[[], RateLimit], str, str, list[int]]] = {
    "a tier": (lambda: RateLimit(paid_for, key=by_key), "ada", "/", [200, 429, 429, 429]),
    "a better tier": (lambda: RateLimit(paid_for, key=by_key), "gold", "/", [200, 200, 200, 429]),
    "a tier that is an object": (lambda: RateLimit(Tier()), "ada", "/", [200, 429, 429, 429]),
    "a key": (lambda: RateLimit("2/minute", key=by_key), "ada", "/", [200, 200, 429, 429]),
    "a key that is a part of a function": (
        lambda: RateLimit("2/minute", key=partial(of, "one")),
        "ada",
        "/",
        [200, 200, 429, 429],
    ),
    "a cost": (lambda: RateLimit("4/minute", cost=dear), "ada", "/", [200, 200, 429, 429]),
    "a rule": (lambda: RateLimit(rules=[Rule("/dear", limits=paid_for)]), "ada", "/dear", [200, 429, 429, 429]),
    "places": (lambda: RateLimit("2/minute", key=by_key, max_concurrent=1), "ada", "/", [200, 200, 429, 429]),
}


@backends
@pytest.mark.parametrize("case", CASES)
def test_what_waits_decides_as_what_does_not(case: str, backend: str) -> None:
    make, key, path, expected = CASES[case]
    assert statuses(make(), 4, key=key, path=path, backend=backend) == expected


def test_each_has_a_count_of_its_own() -> None:
    policy = RateLimit("1/minute", key=by_key)
    assert statuses(policy, 2, key="ada") == [200, 429]
    assert statuses(policy, 2, key="bob") == [200, 429]


def test_only_what_a_request_is_held_to_is_asked() -> None:
    policy = RateLimit(
        "9/minute", rules=[Rule("/dear", limits=failing)], key=by_key, exempt=lambda exchange: exchange.client is None
    )
    assert statuses(policy, 2) == [200, 200]
    exempt = RateLimit(failing, key=failing, cost=failing, exempt=["/health"])
    assert statuses(exempt, 2, path="/health") == [200, 200]


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        pytest.param(RateLimit(failing), "limit_choice", id="a tier"),
        pytest.param(RateLimit("9/minute", key=failing), "limit_key", id="a key"),
        pytest.param(RateLimit("9/minute", cost=failing), "limit_cost", id="a cost"),
        pytest.param(RateLimit("9/minute", key=by_key, exempt=lambda _: 1 / 0 > 0), "limit_exempt", id="an exemption"),
    ],
)
def test_nobody_passes_uncounted_because_one_fails(
    policy: RateLimit, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "asgisec.rate_limit"):
        assert statuses(policy, 1) == [500]
    assert [record.getMessage() for record in caplog.records if record.name == "asgisec.rate_limit"] == [
        f"a function that rate limits ask failed: {reason}"
    ]


def test_what_one_returns_is_checked() -> None:
    assert statuses(RateLimit("9/minute", key=partial(of, "")), 1) == [500]
    assert statuses(RateLimit(partial(of, "often")), 1) == [500]


@backends
def test_the_guard(backend: str) -> None:
    guard = RateLimitGuard(paid_for, key=by_key)

    async def main() -> None:
        for _ in range(3):
            await guard(_request("gold"))
        with pytest.raises(RateLimitExceeded):
            await guard(_request("gold"))
        with pytest.raises(LimitUndecided) as raised:
            await RateLimitGuard("1/minute", key=failing)(_request("ada"))
        assert raised.value.reason == "limit_key"
        assert isinstance(raised.value.__cause__, LookupError)

    anyio.run(main, backend=backend)


def _request(key: str) -> Request:
    headers = [(b"x-key", key.encode())]
    return Request({"type": "http", "method": "GET", "path": "/", "headers": headers, "client": ("192.0.2.1", 1)})
