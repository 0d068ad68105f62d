"""The limits that one request is held to, compiled: what the store is asked, and how its answer is written.

Limits are named in headers and problem documents as they are written, `100/minute`; with the name of their policy or
rule before it where that has one, `/auth/token 5/minute`. `RateLimit-Policy` is a constant, `RateLimit` a format to be
filled in. On a refusal `t` is never more than `Retry-After`: within that time the client can use no more than what is
available, whichever limit it is.
"""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from typing import TYPE_CHECKING, Literal, NamedTuple

from asgisec._wire import rate_limit as wire
from asgisec.policies.rate_limit.amounts import written

if TYPE_CHECKING:
    from limits import RateLimitItem

    from asgisec._wire.headers import Pair
    from asgisec.policies.rate_limit.limiter import LimitStatus

__all__ = ["Headers", "Named", "Quotas"]

Headers = Literal["ietf", "legacy", "both"] | None


class Named(NamedTuple):
    """A limit; what its counts are kept under, and how it is called where clients see it."""

    bucket: str
    name: str
    item: "RateLimitItem"

    @classmethod
    def of(cls, bucket: str, name: str, item: "RateLimitItem") -> "Named":
        """Make the limit of a policy or rule."""
        text = written(item)
        return cls(f"{bucket}{text}", f"{name} {text}" if name else text, item)


class Quotas:
    """Limits that are decided together.

    Attributes:
        buckets: What the store is asked for: names of counts, each with its limit.
        names: How clients know them, in the same order.
    """

    __slots__ = ("_constant", "_legacy", "_limits", "_state", "buckets", "names")

    def __init__(self, limits: Iterable[Named], headers: Headers) -> None:
        listed = tuple(limits)
        self.buckets = tuple((limit.bucket, limit.item) for limit in listed)
        self.names = _distinct([limit.name for limit in listed])
        named = [(name, limit.item) for name, limit in zip(self.names, listed, strict=True)]
        items = [wire.policy_item(name, item.amount, item.get_expiry()) for name, item in named]
        self._constant: Pair = (wire.POLICY, b", ".join(items))
        self._state = b", ".join([wire.state_item(name) for name in self.names]) if headers in ("ietf", "both") else b""
        self._legacy = headers in ("legacy", "both")
        self._limits = [b"%d" % limit.item.amount for limit in listed]

    def fields(self, statuses: "Sequence[LimitStatus]", at_most: int | None = None) -> "Sequence[Pair]":
        """Write the headers of a response.

        Args:
            statuses: What the store said of each limit.
            at_most: Seconds after which to try again, where the request was refused.
        """
        if not self._state:
            return self._older(statuses) if self._legacy else ()
        values: list[int] = []
        for status in statuses:
            values.append(status.remaining)
            values.append(ceil(status.reset_after))
        if at_most is not None:
            values[1::2] = [min(seconds, at_most) for seconds in values[1::2]]
        pairs = (self._constant, (wire.STATE, self._state % tuple(values)))
        return (*pairs, *self._older(statuses)) if self._legacy else pairs

    def _older(self, statuses: "Sequence[LimitStatus]") -> "Sequence[Pair]":
        place = min(range(len(statuses)), key=lambda n: statuses[n].remaining)
        return (
            (wire.REMAINING, b"%d" % statuses[place].remaining),
            (wire.LIMIT, self._limits[place]),
            (wire.RESET, b"%d" % ceil(time.time() + statuses[place].reset_after)),
        )


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Number what is called alike: within one response a name is one limit."""
    seen: Counter[str] = Counter()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(distinct)
