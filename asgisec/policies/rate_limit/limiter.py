"""Decisions on rate limits: the engine behind `RateLimit`, usable without a request.

- All limits of a decision are decided in one step of the store: a refused request spends nothing of any of them.
- What remains, when it is whole again and when to try again come from the same step.
- A cost above a limit is refused, and spends nothing.
- Where the store cannot answer, `on_store_error` says what happens, and an event tells it, once per outage.

Strategies, for a limit of 100 per minute:

- `fixed-window`: 100 within a minute that begins with the first request; up to 200 around its end.
- `sliding-window-counter`: as above, with what was spent in the minute before counted in proportion.
- `moving-window`: 100 within any 60 seconds, exactly; an entry per request, up to a thousand per key.
- `gcra`: 100 at once, then one every 0.6 seconds.

    limiter = RateLimiter("5/second", "100/minute")
    decision = await limiter.hit("user-1")
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from asgisec.errors import ConfigError, StoreUnavailable, unless_text
from asgisec.policies.rate_limit.amounts import ABOVE_ALL, items, written
from asgisec.policies.rate_limit.keys import identity as identity_of
from asgisec.policies.rate_limit.outage import OnStoreError, Outage
from asgisec.stores.memory import MemoryStore
from asgisec.stores.protocols import Bucket, Closable, Decision, LimitStatus, RateLimitStore, Spending

if TYPE_CHECKING:
    from limits import RateLimitItem

__all__ = ["Decision", "LimitStatus", "RateLimiter", "limiter_of"]

STRATEGIES = ("fixed-window", "gcra", "moving-window", "sliding-window-counter")
_TOLD = ("limits_local", "limits_unchecked", "limits_shared")
_KNOWN = 4096  # sets of limits that are kept compiled; those of a policy are a few


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
        on_store_error: OnStoreError = "local",
    ) -> None:
        if store is not None and not callable(getattr(store, "spending", None)):
            raise ConfigError("RateLimiter(store=)", unless_text(store), "write a store, such as open_store(url)")
        if strategy not in STRATEGIES:
            raise ConfigError("RateLimiter(strategy=)", strategy, f"write one of {', '.join(STRATEGIES)}")
        self._outage = Outage("RateLimiter(on_store_error=)", on_store_error, "RateLimiter", _TOLD)
        known = getattr(store, "strategies", STRATEGIES)
        if strategy not in known:
            raise ConfigError("RateLimiter(strategy=)", strategy, f"its store knows {', '.join(known)}")
        self._store: RateLimitStore = MemoryStore() if store is None else store
        self._strategy = strategy
        self._local = MemoryStore() if self._outage.is_local else None
        self._prepared: dict[int, _Prepared] = {}
        own = items("RateLimiter(*limits)", limits) if limits else ()
        self._own = tuple((written(item), item) for item in own)
        self._last = self._prepare(self._own)

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
            ValueError: The cost is no whole number of 0 or more, or this limiter has no limits of its own.
            StoreUnavailable: It cannot be decided now, and `on_store_error` is `deny`.
        """
        if not isinstance(cost, int) or isinstance(cost, bool) or cost < 0:
            raise ValueError("a cost is a whole number of 0 or more")
        if not self._own:
            raise ValueError("this limiter has no limits of its own")
        decided = self.decide(identity_of(key), self._own, min(cost, ABOVE_ALL))
        return decided if isinstance(decided, Decision) else await decided

    async def peek(self, key: str) -> Sequence[LimitStatus]:
        """Tell how the limits of a key stand, and spend nothing.

        Raises:
            StoreUnavailable: It cannot be told now, and `on_store_error` is `deny`.
        """
        return (await self.hit(key, 0)).limits

    async def reset(self, key: str) -> None:
        """Make the limits of a key as if nothing had been spent of them.

        Raises:
            StoreUnavailable: It cannot be done now.
        """
        compiled, identity = self._prepare(self._own).compiled, identity_of(key)
        forgetting = self._store.forget(identity, compiled, self._strategy)
        if forgetting is not None:
            await forgetting
        if self._local is not None:
            self._local.forget(identity, compiled, self._strategy)

    def decide(
        self, identity: str, buckets: "Sequence[tuple[str, RateLimitItem]]", cost: int
    ) -> Decision | Awaitable[Decision]:
        """Spend of limits that are named here: at once where the store need not wait, else to be awaited.

        Args:
            identity: Whose limits.
            buckets: The limits, each with the name its count is kept under. The same object each time is fastest.
            cost: How much to spend, a whole number of 0 or more.
        """
        prepared = self._last
        if prepared[0] is not buckets:
            found = self._prepared.get(id(buckets))
            # What is decided next is often the same.
            self._last = prepared = found if found is not None else self._prepare(buckets)
        try:
            decided = prepared[1](identity, cost)
        except StoreUnavailable as error:
            return self._without_store(error, identity, prepared, cost)
        return decided if isinstance(decided, Decision) else self._awaited(decided, identity, prepared, cost)

    async def _awaited(self, asked: Awaitable[Decision], identity: str, prepared: "_Prepared", cost: int) -> Decision:
        try:
            decision = await asked
        except StoreUnavailable as error:
            return self._without_store(error, identity, prepared, cost)
        self._outage.may_be_over()
        return decision

    def _without_store(self, error: StoreUnavailable, identity: str, prepared: "_Prepared", cost: int) -> Decision:
        self._outage.began(error)
        if prepared.locally is None:
            # Somebody chose that a store that is down must not stop everybody: that is `on_store_error="allow"`.
            return Decision.of([LimitStatus.of(bucket.limit, bucket.amount, 0.0) for bucket in prepared.compiled])
        return prepared.locally(identity, cost)

    def _prepare(self, buckets: "Sequence[tuple[str, RateLimitItem]]") -> "_Prepared":
        compiled = tuple(
            # Two strategies never read each other's counts.
            Bucket(f"{self._strategy} {name}", item.amount, float(item.get_expiry()), item)
            for name, item in buckets
        )
        locally = None if self._local is None else self._local.spending(compiled, self._strategy)
        prepared = _Prepared(buckets, self._store.spending(compiled, self._strategy), compiled, locally)
        if len(self._prepared) >= _KNOWN:
            self._prepared.clear()
        # Kept with the object it was made of, so that nothing else can have its id.
        self._prepared[id(buckets)] = prepared
        return prepared


class _Prepared(NamedTuple):
    """Limits as they are decided, for the object that named them."""

    buckets: "Sequence[tuple[str, RateLimitItem]]"
    spend: Spending
    compiled: tuple[Bucket, ...]
    locally: Callable[[str, int], Decision] | None


def limiter_of(option: str, **options: Any) -> RateLimiter:
    """Make a limiter of options that are another's, too: whoever wrote them finds those in an error.

    Raises:
        ConfigError: An option is wrong.
    """
    try:
        return RateLimiter(**options)
    except ConfigError as error:
        written_as = error.option.replace("RateLimiter", option)
        raise ConfigError(written_as, error.value, error.mend) from None
