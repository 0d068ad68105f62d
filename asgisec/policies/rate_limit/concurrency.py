"""How many requests of one key may be under way at once.

Each takes a place, and gives it back when it has ended, however it ended. On a store that several processes share a
place is held for half a minute, and kept by saying so again: that of a process that crashed is free again by itself.
Where such a store does not answer, `on_store_error` says what happens, as for limits.
"""

import asyncio
import os
from collections.abc import Awaitable
from contextlib import suppress
from contextvars import Context
from typing import TYPE_CHECKING, Any, NamedTuple

from asgisec._wire.rate_limit import POLICY, STATE, policy_item, state_item
from asgisec.errors import ConfigError, StoreUnavailable, unless_text
from asgisec.policies.rate_limit.outage import OnStoreError, Outage
from asgisec.stores.memory import MemoryStore
from asgisec.stores.protocols import Lease, LeaseStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from asgisec._wire.headers import Pair

__all__ = ["Held", "Places"]

_HELD = 30.0  # seconds that a place is held for a process that says nothing more
_SAID = 10.0  # seconds until it says so again: two may be lost

_FREE = Lease(True, 1)
_TOLD = ("places_local", "places_unchecked", "places_shared")


class Held(NamedTuple):
    """A place, or the attempt to take one."""

    identity: str
    holder: str


class Places:
    """Places of every key.

    Args:
        option: How errors name the options of whoever uses this.
        name: How the places are called where clients see it.
        places: How many each key has.
        store: Where they are kept; in this process where left out.
        on_store_error: `local`, `allow` or `deny`.
        kept: What they are kept under; the name where left out.

    Raises:
        ConfigError: The store keeps no places.
    """

    __slots__ = (
        "_kept",
        "_local",
        "_outage",
        "_policy",
        "_renewals",
        "_state",
        "_store",
        "_tasks",
        "name",
        "places",
    )

    def __init__(
        self, option: str, name: str, places: int, store: Any, on_store_error: OnStoreError, kept: str | None = None
    ) -> None:
        if store is not None and not callable(getattr(store, "lease", None)):
            mend = "write a MemoryStore or a RedisStore"
            raise ConfigError(f"{option}(store=)", unless_text(store), mend)
        self._local = MemoryStore()
        self._store: LeaseStore = self._local if store is None else store
        self.name = name
        self._kept = name if kept is None else kept
        self.places = places
        self._policy = policy_item(name, places, None, "concurrent-requests")
        self._state = state_item(name, window=False)
        self._outage = Outage(f"{option}(on_store_error=)", on_store_error, option, _TOLD)
        self._renewals: dict[str, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def attempt(self, identity: str) -> Held:
        """Make up a holder: whatever becomes of the attempt, it is given back."""
        # New for each: what is made before a process forks would be the same in all.
        return Held(identity, os.urandom(8).hex())

    def fields(self, free: int) -> "Sequence[Pair]":
        """Write the headers of a response."""
        return [(POLICY, self._policy), (STATE, self._state % free)]

    def take(self, held: Held) -> Lease | Awaitable[Lease]:
        """Take a place, where one is free.

        Raises:
            StoreUnavailable: It cannot be decided, and nobody may pass then.
        """
        try:
            lease = self._store.lease(held.identity, self._kept, held.holder, self.places, _HELD)
        except StoreUnavailable as error:
            return self._without_store(held, error)
        return lease if isinstance(lease, Lease) else self._awaited(held, lease)

    async def _awaited(self, held: Held, leasing: Awaitable[Lease]) -> Lease:
        try:
            lease = await leasing
        except StoreUnavailable as error:
            return self._without_store(held, error)
        self._outage.may_be_over()
        if lease.taken:
            self._renew_later(held)
        return lease

    def _without_store(self, held: Held, error: StoreUnavailable) -> Lease:
        self._outage.began(error)
        if not self._outage.is_local:
            return _FREE  # somebody chose that a store that is down must not stop everybody: `on_store_error="allow"`
        return self._local.lease(held.identity, self._kept, held.holder, self.places, _HELD)

    def give_back(self, held: Held) -> Awaitable[None] | None:
        """Give a place back, in the store and in this process, wherever it was."""
        renewal = self._renewals.pop(held.holder, None)
        if renewal is not None:
            renewal.cancel()
        if self._store is not self._local:
            self._local.release(held.identity, self._kept, held.holder)
        try:
            releasing = self._store.release(held.identity, self._kept, held.holder)
        except StoreUnavailable:
            return None  # it is free again when its time is over
        return None if releasing is None else _quietly(releasing)

    def _renew_later(self, held: Held) -> None:
        loop = asyncio.get_running_loop()
        # In an empty context: what belongs to this request, its id among it, must not live as long as the renewals.
        self._renewals[held.holder] = loop.call_later(_SAID, self._renew, held, context=Context())

    def _renew(self, held: Held) -> None:
        task = asyncio.get_running_loop().create_task(self._renewed(held))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _renewed(self, held: Held) -> None:
        leasing: Any = self._store.lease(held.identity, self._kept, held.holder, self.places, _HELD)
        await _quietly(leasing)
        # Where it ended meanwhile, nobody would give back what was taken just now.
        if held.holder in self._renewals:
            self._renew_later(held)
        else:
            await _quietly(self._store.release(held.identity, self._kept, held.holder))


async def _quietly(asking: Any) -> None:
    # It is said again later, or the time of the place is over by itself.
    with suppress(StoreUnavailable):
        await asking
