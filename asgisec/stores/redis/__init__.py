"""The Redis store: what several processes share. It works on Valkey, too."""

from datetime import timedelta
from typing import Any, Self

from asgisec._extras import needs

with needs("redis", "install asgisec[redis]"):
    from asgisec.stores.redis._url import nodes_of
    from asgisec.stores.redis.api_keys import APIKeyTable
    from asgisec.stores.redis.denylist import Denylist
    from asgisec.stores.redis.leases import Leases
    from asgisec.stores.redis.logins import Logins
    from asgisec.stores.redis.rate_limits import RateLimits
    from asgisec.stores.redis.refresh import RefreshFamilies

__all__ = ["RedisStore"]


class RedisStore(APIKeyTable, Denylist, Leases, Logins, RateLimits, RefreshFamilies):
    """Keep everything on a Redis or Valkey server, a set of them behind Sentinels, or a cluster.

    Make one with `from_url`.
    """

    @classmethod
    def from_url(
        cls,
        url: str,
        *,
        prefix: str = "asgisec",
        timeout: float | timedelta = 0.25,
        connections: int = 2,
        **options: Any,
    ) -> Self:
        """Return the store at a URL. It connects when it is first used.

        Args:
            url: `redis://host:6379/0`, `rediss://...` for TLS, both also as `valkey://` and `valkeys://`,
                `unix:///path.sock`, a set behind Sentinels `redis+sentinel://host:26379,host2:26379/mymaster`, a
                cluster `redis+cluster://host:7000,host2:7000`; `rediss+sentinel` and `rediss+cluster` for TLS. User and
                password stand before the host.
            prefix: What every key begins with; applications that share a server have one each.
            timeout: The longest that a caller waits for an answer, connecting included, in seconds.
            connections: How many connections each event loop opens at most, per server. Concurrent commands share
                them: two are enough.
            options: For redis-py's connections: `username`, `password`, `ssl_ca_certs`, `client_name`, ...

        Raises:
            ConfigError: The URL, or an option, cannot be used.
        """
        return cls(nodes_of(url, timeout, connections, options), prefix=prefix)
