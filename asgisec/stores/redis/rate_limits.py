"""Counts of rate limits on Redis: one script, on the server's clock, however many limits are decided together.

A count is one key that expires by itself: 16 or 24 bytes; a log of `moving-window` has 24 for each of up to a thousand
entries. Keys of one identity share a slot of a cluster; those of many spread over its nodes.
"""

from base64 import urlsafe_b64encode
from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256
from importlib.resources import files
from struct import Struct

from asgisec.stores.protocols import Bucket, Decision, LimitStatus
from asgisec.stores.redis._core import Redis, Script

__all__ = ["RateLimits"]

_LIMIT = Struct("<dd")
_STATUS = Struct("<ddd")


def _script(strategy: str) -> Script:
    place = files("asgisec.stores.redis") / "lua" / "rate_limits"
    kept = "logs" if strategy == "moving-window" else "counters"
    parts = [(place / f"{name}.lua").read_text("utf-8") for name in ("begin", strategy, kept)]
    return Script(strategy, "\n".join(parts))


_SCRIPTS = {name: _script(name) for name in ("fixed-window", "gcra", "moving-window", "sliding-window-counter")}


class RateLimits(Redis):
    """A `RateLimitStore`."""

    def spending(self, buckets: Sequence[Bucket], strategy: str) -> Callable[[str, int], Awaitable[Decision]]:
        """Return what spends of every bucket, or of none; see `RateLimitStore`."""
        script = _SCRIPTS[strategy]
        names = [_short(bucket.name) for bucket in buckets]
        limits = [bucket.limit for bucket in buckets]
        amounts = b"".join([_LIMIT.pack(bucket.amount, bucket.period) for bucket in buckets])

        async def spend(identity: str, cost: int) -> Decision:
            reply = await self.run(script, self._counts(identity, names), [cost, amounts])
            read = zip(limits, _STATUS.iter_unpack(reply), strict=True)
            return Decision.of(
                [LimitStatus.of(limit, int(left), resets, waits) for limit, (left, resets, waits) in read]
            )

        return spend

    async def forget(self, identity: str, buckets: Sequence[Bucket], strategy: str) -> None:
        """Make buckets as if nothing had been spent of them; see `RateLimitStore`."""
        await self.command("DEL", *self._counts(identity, [_short(bucket.name) for bucket in buckets]))

    def _counts(self, identity: str, names: Sequence[str]) -> list[str]:
        key = self.key("rate", identity)
        return [f"{key}:{name}" for name in names]


def _short(name: str) -> str:
    """Shorten a name, which may have any characters: each key has it, and the developer chose it, not a client."""
    return urlsafe_b64encode(sha256(name.encode("utf-8", "surrogatepass")).digest()[:12]).decode()
