"""Counts of rate limits in any asynchronous storage of the limits package: memcached, MongoDB, one of your own.

- A storage knows one limit at a time. First all are asked whether the cost fits, then it is spent of each: what is
  refused spends nothing, but for requests that come at the same moment, of which one may spend of the first limit and
  be refused by the second.
- It takes three calls per limit, one after the other. `RedisStore` takes one round trip for all.
- Strategies are those of the package: `fixed-window`, and the two others where the storage has them; no `gcra`.
- When to try again is when the package says that the limit begins to be free.

    store = LimitsStore(storage_from_string("async+memcached://127.0.0.1:11211"))
"""

import time
from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Any, Self, TypeVar

from anyio import fail_after
from limits.aio.storage import MovingWindowSupport, SlidingWindowCounterSupport, Storage
from limits.aio.strategies import (
    FixedWindowRateLimiter,
    MovingWindowRateLimiter,
    RateLimiter,
    SlidingWindowCounterRateLimiter,
)

from asgisec._durations import in_seconds
from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.stores._breaker import Breaker
from asgisec.stores.protocols import Bucket, Decision, LimitStatus

__all__ = ["LimitsStore"]

T = TypeVar("T")

# What is refused is not to be tried again at once, even where the package has no better time to tell.
_SOONEST = 0.001


class LimitsStore:
    """A `RateLimitStore` on an asynchronous storage of the limits package.

    Args:
        storage: The storage. Its client is closed by whoever made it.
        timeout: The longest that a decision waits for it, in seconds.

    Raises:
        ConfigError: The storage is none, or is not asynchronous, or the time-out is no positive number.
    """

    def __init__(self, storage: Storage, *, timeout: float | timedelta = 0.25) -> None:
        if not isinstance(storage, Storage):
            mend = "write an asynchronous storage: storage_from_string('async+memcached://127.0.0.1:11211')"
            raise ConfigError("LimitsStore(storage)", type(storage).__name__, mend)
        patience = in_seconds(timeout)
        if patience is None or patience <= 0:
            raise ConfigError("LimitsStore(timeout=)", timeout, "write seconds, such as 0.25, or a timedelta")
        self._timeout = patience
        self._limiters: dict[str, RateLimiter] = {"fixed-window": FixedWindowRateLimiter(storage)}
        if isinstance(storage, MovingWindowSupport):
            self._limiters["moving-window"] = MovingWindowRateLimiter(storage)
        if isinstance(storage, SlidingWindowCounterSupport):
            self._limiters["sliding-window-counter"] = SlidingWindowCounterRateLimiter(storage)
        self._breaker = Breaker(time.monotonic, type(self).__name__)

    @property
    def strategies(self) -> Sequence[str]:
        """The strategies that the storage can do."""
        return tuple(self._limiters)

    def spending(self, buckets: Sequence[Bucket], strategy: str) -> Callable[[str, int], Awaitable[Decision]]:
        """Return what spends of every bucket, or of none; see `RateLimitStore`."""
        limiter = self._limiters[strategy]

        async def spend(identity: str, cost: int) -> Decision:
            return await self._asked(_decide(limiter, buckets, identity, cost))

        return spend

    async def forget(self, identity: str, buckets: Sequence[Bucket], strategy: str) -> None:
        """Make buckets as if nothing had been spent of them; see `RateLimitStore`."""
        limiter = self._limiters[strategy]

        async def clear() -> None:
            for bucket in buckets:
                await limiter.clear(bucket.limit, _name(identity, bucket))

        await self._asked(clear())

    async def aclose(self) -> None:
        """Do nothing: the storage's client is its maker's."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def _asked(self, asking: Coroutine[Any, Any, T]) -> T:
        if not self._breaker.may_ask():
            asking.close()
            raise StoreUnavailable
        try:
            with fail_after(self._timeout):
                answer = await asking
        except Exception as error:
            # Everything: each storage has a client of its own, with errors of its own.
            self._breaker.failed()
            raise StoreUnavailable from error
        self._breaker.succeeded()
        return answer


async def _decide(limiter: RateLimiter, buckets: Sequence[Bucket], identity: str, cost: int) -> Decision:
    names = [_name(identity, bucket) for bucket in buckets]
    limits = [bucket.limit for bucket in buckets]
    fits = [await limiter.test(limit, name, cost=cost) for limit, name in zip(limits, names, strict=True)]
    if all(fits) and cost:
        fits = [await limiter.hit(limit, name, cost=cost) for limit, name in zip(limits, names, strict=True)]
    statuses = []
    for bucket, name, fit in zip(buckets, names, fits, strict=True):
        stats = await limiter.get_window_stats(bucket.limit, name)
        reset_after = max(0.0, stats.reset_time - time.time())
        wait = bucket.period if cost > bucket.amount else max(reset_after, _SOONEST)
        statuses.append(LimitStatus.of(bucket.limit, max(0, stats.remaining), reset_after, 0.0 if fit else wait))
    return Decision.of(statuses)


def _name(identity: str, bucket: Bucket) -> str:
    """Return one word of bounded length: some storages take no space, and the package joins words by slashes."""
    both = f"{bucket.name}\0{identity}".encode("utf-8", "surrogatepass")
    return urlsafe_b64encode(sha256(both).digest()).decode()
