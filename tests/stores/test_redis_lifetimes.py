"""For how long a Redis store keeps what: nothing for ever, and nothing for less time than it has to hold."""

import time
from collections.abc import Awaitable, Callable

import pytest
from limits import parse

from asgisec.policies.rate_limit.limiter import RateLimiter
from asgisec.stores import RedisStore
from asgisec.stores.protocols import Decision, Pace, RefreshFamily
from tests.valkey import fresh_prefix

pytestmark = pytest.mark.anyio


async def _denied_for(store: RedisStore, *lives: float) -> None:
    now = time.time()
    for life in lives:
        await store.deny("ada", "t:1", now, now + life)


async def _logged_in_for(store: RedisStore, *lives: float) -> None:
    now = time.time()
    for life in lives:
        await store.add_family(
            RefreshFamily(
                id=f"f{life}",
                owner="ada",
                grant="{}",
                proof="p",
                current="c",
                created_at=now,
                expires_at=now + life,
            )
        )


async def _tried_to_log_in(store: RedisStore, pace: Pace) -> None:
    assert await store.attempt_login("ada", [("all", pace, None)]) == 0


async def _spent(store: RedisStore, strategy: str, times: int) -> None:
    limiter = RateLimiter(store=store, strategy=strategy)
    for _ in range(times):
        decided = limiter.decide("ada", (("a", parse("4/minute")),), 1)
        assert not isinstance(decided, Decision)
        assert await decided


@pytest.mark.parametrize(
    ("act", "seconds"),
    [
        pytest.param(lambda store: _denied_for(store, 60), [60], id="a revocation"),
        pytest.param(lambda store: _denied_for(store, 60, 90), [90], id="a revocation, and another for longer"),
        pytest.param(lambda store: _denied_for(store, 60, 1), [60], id="a revocation, and another for less time"),
        pytest.param(lambda store: _logged_in_for(store, 60), [60, 60], id="a session, and the list of it"),
        pytest.param(
            lambda store: _logged_in_for(store, 90, 60), [60, 90, 90], id="two sessions, and the list of the longer"
        ),
        pytest.param(lambda store: store.lease("ada", "c", "a", 1, 60), [60], id="a place"),
        pytest.param(lambda store: _tried_to_log_in(store, Pace(2, 1, 900, 300)), [300], id="an attempt to log in"),
        pytest.param(
            lambda store: _tried_to_log_in(store, Pace(1, 400, 900, 300)),
            [400],
            id="an attempt to log in, after which one waits for longer than is remembered",
        ),
        pytest.param(lambda store: store.settle_login("ada", remember=("home", 60.0)), [60], id="who logged in"),
        pytest.param(lambda store: _spent(store, "fixed-window", 2), [60], id="a fixed window"),
        pytest.param(lambda store: _spent(store, "sliding-window-counter", 1), [60], id="a sliding window"),
        pytest.param(lambda store: _spent(store, "sliding-window-counter", 2), [90], id="a sliding window of two"),
        pytest.param(lambda store: _spent(store, "gcra", 2), [30], id="a leaky bucket"),
        pytest.param(lambda store: _spent(store, "moving-window", 2), [60], id="a log"),
    ],
)
async def test_it_is_kept_for(
    valkey_url: str, act: Callable[[RedisStore], Awaitable[object]], seconds: list[int]
) -> None:
    prefix = fresh_prefix()
    async with RedisStore.from_url(valkey_url, prefix=prefix, timeout=10) as store:
        await act(store)
        keys = await store.command("KEYS", f"{prefix}*")
        left = sorted([await store.command("PTTL", key) for key in keys])
        assert len(left) == len(seconds)
        # A busy machine may take its time to ask.
        assert all(each * 1000 - 10_000 < found <= each * 1000 for found, each in zip(left, seconds, strict=True)), left
