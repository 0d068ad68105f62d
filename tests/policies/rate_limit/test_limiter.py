"""The engine: decisions on several limits, without a request."""

import pytest

from asgisec.errors import ConfigError
from asgisec.policies.rate_limit.limiter import STRATEGIES, RateLimiter
from asgisec.stores import MemoryStore


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_refused_hit_spends_nothing_of_any_limit(strategy: str) -> None:
    clock = Clock()
    limiter = RateLimiter("2/second", "3/minute", store=MemoryStore(clock=clock), strategy=strategy)
    assert [(await limiter.hit("ada")).allowed for _ in range(4)] == [True, True, False, False]
    clock.now += 2.5
    decision = await limiter.hit("ada")
    assert decision.allowed
    assert [status.remaining for status in decision.limits] == [1, 0]
    refused = await limiter.hit("ada")
    assert not refused.allowed
    clock.now += refused.retry_after
    assert (await limiter.hit("ada")).allowed


def test_an_unknown_strategy_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="write one of fixed-window"):
        RateLimiter("1/second", strategy="token-bucket")
