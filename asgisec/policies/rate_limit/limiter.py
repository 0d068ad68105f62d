"""Decisions on rate limits: the engine behind `RateLimit`, usable without a request.

- All limits of a decision are decided in one step of the store: a refused request spends nothing of any of them.
- What remains, when it is whole again and when to try again come from the same step.
- A cost above a limit is refused, and spends nothing.
- Where the store cannot answer, `on_store_error` says what happens, and an event tells it, once per outage.

Strategies, for a limit of 100 per minute:

- `fixed-window`: 100 within a minute that begins with the first request; up to 200 around its end.
- `sliding-window-counter`: as above on the clock's minutes, with what was spent in the minute before counted in
  proportion; two numbers per key.
- `moving-window`: 100 within any 60 seconds, exactly; one entry per request.
- `gcra`: 100 at once, then one every 0.6 seconds; one number per key.

    limiter = RateLimiter("5/second", "100/minute")
    decision = await limiter.hit("user-1")
"""

import logging
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from asgisec.context import request_id
from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.events import SecurityEvent, emit
from asgisec.policies.rate_limit.amounts import items, written
from asgisec.stores.memory import MemoryStore
from asgisec.stores.protocols import Bucket, Closable, RateLimitStore, Standing

if TYPE_CHECKING:
    from limits import RateLimitItem

__all__ = ["Decision", "LimitStatus", "RateLimiter"]

STRATEGIES = ("fixed-window", "gcra", "moving-window", "sliding-window-counter")
_ERRORS = ("allow", "deny", "local")
_KNOWN = 4096  # sets of limits that are kept compiled; those of a policy are a few


class LimitStatus(NamedTuple):
    """How one limit stands.

    Attributes:
        limit: The limit.
        remaining: How much may be spent at once now.
        reset_after: In how many seconds all of it may be, if nobody spends more until then.
    """

    limit: "RateLimitItem"
    remaining: int
    reset_after: float


class Decision(NamedTuple):
    """What became of a hit.

    Attributes:
        allowed: It was counted.
        retry_after: In how many seconds it may be tried again; 0 where it was allowed.
        limits: How each limit stands, in their order.
    """

    allowed: bool
    retry_after: float
    limits: Sequence[LimitStatus]


class RateLimiter:
    """Decide on limits.

    Args:
        limits: Limits as `limits` writes them (`100/minute`), or its items.
        store: Where counts are kept: a `MemoryStore` of its own where left out, which other processes do not see.
        strategy: How is counted: `fixed-window`, `sliding-window-counter`, `moving-window` or `gcra`.
        on_store_error: What happens where the store cannot answer: `local` counts in this process meanwhile, `allow`
            lets everything pass, `deny` raises `StoreUnavailable`, which is answered with 503.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        *limits: Any,
        store: RateLimitStore | None = None,
        strategy: str = "sliding-window-counter",
        on_store_error: Literal["local", "allow", "deny"] = "local",
    ) -> None:
        if store is not None and not callable(getattr(store, "spend", None)):
            raise ConfigError("RateLimiter(store=)", store, "write a store, such as MemoryStore()")
        if strategy not in STRATEGIES:
            raise ConfigError("RateLimiter(strategy=)", strategy, f"write one of {', '.join(STRATEGIES)}")
        if on_store_error not in _ERRORS:
            raise ConfigError("RateLimiter(on_store_error=)", on_store_error, f"write one of {', '.join(_ERRORS)}")
        self._store: RateLimitStore = MemoryStore() if store is None else store
        self._strategy = strategy
        self._on_store_error = on_store_error
        self._local = MemoryStore() if on_store_error == "local" else None
        self._failing = False
        self._compiled: dict[int, tuple[Sequence[Any], tuple[Bucket, ...]]] = {}
        own = items("RateLimiter(*limits)", limits) if limits else ()
        self._own = tuple((written(item), item) for item in own)

    @property
    def closes(self) -> tuple[Closable, ...]:
        """What to close when the application shuts down."""
        return (self._store,)

    async def hit(self, key: str, cost: int = 1) -> Decision:
        """Spend `cost` of all limits of a key, or of none.

        Args:
            key: Whose limits: an address, a user's id; any text.
            cost: How much to spend; 0 spends nothing, and tells how things stand.

        Raises:
            ValueError: The cost is no whole number of 0 or more.
            StoreUnavailable: It cannot be decided now, and `on_store_error` is `deny`.
        """
        if not isinstance(cost, int) or isinstance(cost, bool) or cost < 0:
            raise ValueError("a cost is a whole number of 0 or more")
        if not self._own:
            raise ValueError("this limiter has no limits of its own")
        decided = self.decide(key, self._own, cost)
        return decided if isinstance(decided, Decision) else await decided

    def decide(
        self, identity: str, buckets: "Sequence[tuple[str, RateLimitItem]]", cost: int
    ) -> Decision | Awaitable[Decision]:
        """Spend of limits that are named here: at once where the store need not wait, else to be awaited.

        Args:
            identity: Whose limits.
            buckets: The limits, each with the name its count is kept under. The same object each time is fastest.
            cost: How much to spend, a whole number of 0 or more.
        """
        known = self._compiled.get(id(buckets))
        compiled = known[1] if known is not None and known[0] is buckets else self._compile(buckets)
        try:
            standings = self._store.spend(identity, compiled, cost, self._strategy)
        except StoreUnavailable as error:
            return self._without_store(error, identity, buckets, compiled, cost)
        if isinstance(standings, Awaitable):
            return self._awaited(standings, identity, buckets, compiled, cost)
        return _decision(buckets, standings)

    async def _awaited(
        self,
        standings: Awaitable[Sequence[Standing]],
        identity: str,
        buckets: "Sequence[tuple[str, RateLimitItem]]",
        compiled: tuple[Bucket, ...],
        cost: int,
    ) -> Decision:
        try:
            decision = _decision(buckets, await standings)
        except StoreUnavailable as error:
            return self._without_store(error, identity, buckets, compiled, cost)
        if self._failing:
            self._failing = False
            self._tell("sys_store_available", "limits_shared", logging.INFO)
        return decision

    def _without_store(
        self,
        error: StoreUnavailable,
        identity: str,
        buckets: "Sequence[tuple[str, RateLimitItem]]",
        compiled: tuple[Bucket, ...],
        cost: int,
    ) -> Decision:
        if self._on_store_error == "deny":
            raise error
        if not self._failing:
            self._failing = True
            reason = "limits_unchecked" if self._local is None else "limits_local"
            self._tell("sys_store_unavailable", reason, logging.ERROR)
        if self._local is None:
            # Somebody chose that a store that is down must not stop everybody: that is `on_store_error="allow"`.
            return Decision(True, 0.0, [LimitStatus(item, item.amount, 0.0) for _, item in buckets])
        return _decision(buckets, self._local.spend(identity, compiled, cost, self._strategy))

    def _compile(self, buckets: "Sequence[tuple[str, RateLimitItem]]") -> tuple[Bucket, ...]:
        compiled = tuple(
            # Two strategies never read each other's counts.
            Bucket(f"{self._strategy} {name}", item.amount, float(item.get_expiry()))
            for name, item in buckets
        )
        if len(self._compiled) >= _KNOWN:
            self._compiled.clear()
        # Kept with the object it was made of, so that nothing else can have its id.
        self._compiled[id(buckets)] = (buckets, compiled)
        return compiled

    @staticmethod
    def _tell(name: str, reason: str, level: int) -> None:
        emit(SecurityEvent(name=name, reason=reason, policy="RateLimiter", request_id=request_id(), level=level))


def _decision(buckets: "Sequence[tuple[str, RateLimitItem]]", standings: Sequence[Standing]) -> Decision:
    wait = 0.0
    statuses = []
    for (_, item), (remaining, reset_after, retry_after) in zip(buckets, standings, strict=True):
        wait = max(wait, retry_after)
        statuses.append(LimitStatus(item, remaining, reset_after))
    return Decision(wait == 0, wait, statuses)
