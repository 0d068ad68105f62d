"""The memory store: for one process, for tests, and where nothing must be shared."""

from asgisec.stores.memory.api_keys import APIKeyTable
from asgisec.stores.memory.denylist import Denylist
from asgisec.stores.memory.leases import Leases
from asgisec.stores.memory.logins import Logins
from asgisec.stores.memory.rate_limits import RateLimits
from asgisec.stores.memory.refresh import RefreshFamilies

__all__ = ["MemoryStore"]


class MemoryStore(APIKeyTable, Denylist, Leases, Logins, RateLimits, RefreshFamilies):
    """Keep everything in this process's memory, bounded, without a task in the background.

    What it holds is gone with the process, and other processes do not see it: several workers need a `RedisStore`.

    Args:
        max_entries: How many entries each need may hold: counters, revocations, sessions. Of counters those that
            expire first make room for new ones; where an entry must not be lost, new ones are refused with 503.
        clock: The time, in seconds since the epoch; for tests.

    Raises:
        ConfigError: `max_entries` is no positive whole number.
    """
