"""Which servers a URL means."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from asgisec._durations import in_seconds
from asgisec.errors import ConfigError
from asgisec.stores.redis._cluster import Cluster
from asgisec.stores.redis._connecting import MasterAt, at_url, of_sentinels
from asgisec.stores.redis._nodes import Nodes, Single

__all__ = ["nodes_of"]

_OPTION = "RedisStore.from_url(url)"
_MEND = "write a URL such as 'redis://localhost:6379/0'"

_PORT = 6379
_SENTINEL_PORT = 26379
_LONGEST = 60  # seconds: whoever waits that long for a counter has no use for it


def nodes_of(url: str, timeout: float | timedelta, connections: int, options: Mapping[str, Any]) -> Nodes:
    """Return the servers of a URL.

    Raises:
        ConfigError: It is no such URL, or an option is wrong. The URL is not shown: it may have a password.
    """
    patience = in_seconds(timeout)
    if patience is None or not 0 < patience <= _LONGEST:
        raise ConfigError("RedisStore.from_url(timeout=)", timeout, "write seconds, such as 0.25, or a timedelta")
    if isinstance(connections, bool) or not isinstance(connections, int) or connections < 1:
        raise ConfigError("RedisStore.from_url(connections=)", connections, "write a whole number of 1 or more")
    try:
        if url.startswith(("valkey://", "valkeys://")):
            # redis-py knows `redis://` only; the protocol is the same.
            url = f"redis{url.removeprefix('valkey')}"
        return _nodes(url, patience, connections, dict(options))
    except (AttributeError, TypeError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        # What redis-py says names the option that is wrong; from None, for it may show the URL too.
        raise ConfigError(_OPTION, ..., f"{_MEND}, with options that redis-py's connections take") from None


def _nodes(url: str, timeout: float, connections: int, options: dict[str, Any]) -> Nodes:
    parts = urlsplit(url)
    scheme, _, kind = parts.scheme.partition("+")
    if scheme in {"redis", "rediss"} and kind in {"sentinel", "cluster"}:
        servers = _servers(parts, _SENTINEL_PORT if kind == "sentinel" else _PORT)
        userinfo, at, _ = parts.netloc.rpartition("@")
        tail = f"?{parts.query}" if parts.query else ""
        if kind == "cluster":
            if parts.path.strip("/") not in {"", "0"}:
                raise ConfigError(_OPTION, ..., "leave out the database: a cluster has only 0")
            node_at = MasterAt(scheme, userinfo + at, tail, options).node
            node_at(*servers[0])
            return Cluster(servers, node_at, timeout=timeout, connections=connections)
        service, _, database = unquote(parts.path.strip("/")).partition("/")
        if not service:
            raise ConfigError(_OPTION, ..., "name the master: 'redis+sentinel://host:26379/mymaster'")
        # Sentinels have passwords of their own, as options; TLS settings are the same.
        own = {key.removeprefix("sentinel_"): options.pop(key) for key in [*options] if key.startswith("sentinel_")}
        tls = {key: value for key, value in options.items() if key.startswith("ssl_")}
        sentinel_at = MasterAt(scheme, "", "", {**tls, **own}).node
        master_at = MasterAt(scheme, userinfo + at, f"/{int(database or 0)}{tail}", options)
        master_at.node(*servers[0])
        connect = of_sentinels([sentinel_at(*server) for server in servers], service, master_at)
        return Single(connect, timeout=timeout, connections=connections)
    if parts.scheme not in {"redis", "rediss", "unix"}:
        raise ConfigError(_OPTION, ..., _MEND)
    if parts.scheme == "unix" and not parts.path:
        raise ConfigError(_OPTION, ..., "write the socket's path: 'unix:///run/valkey.sock'")
    if parts.scheme != "unix" and parts.path.strip("/") and not parts.path.strip("/").isdecimal():
        raise ConfigError(_OPTION, ..., "write the database's number after the host: 'redis://localhost:6379/0'")
    _ = parts.port  # a ValueError where it is none
    return Single(at_url(url, options), timeout=timeout, connections=connections)


def _servers(parts: SplitResult, port: int) -> list[tuple[str, int]]:
    found = []
    for server in parts.netloc.rpartition("@")[2].split(","):
        one = urlsplit(f"//{server}")
        if not one.hostname:
            raise ConfigError(_OPTION, ..., "list hosts with commas: 'redis+cluster://one:7000,two:7000'")
        found.append((one.hostname, one.port or port))
    return found
