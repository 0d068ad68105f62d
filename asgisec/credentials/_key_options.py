"""What an API key is given: checked, and as it stands in a store."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from asgisec._durations import in_seconds
from asgisec._wire.scopes import is_scope
from asgisec.errors import ConfigError

__all__ = [
    "is_within",
    "moment_of",
    "networks_from",
    "networks_of",
    "scopes_of",
    "seconds_of",
    "text_of",
    "written_scopes",
]

_MAX_TEXT = 256  # characters of an owner and of a name
_YEAR_10000 = 253_402_300_800.0  # seconds since the epoch
_MAPPED = 96  # bits before an IPv4 address that is written as an IPv6 one


def seconds_of(option: str, value: object) -> float:
    """Return a duration in seconds."""
    seconds = in_seconds(value)
    if seconds is None or seconds < 0:
        raise ConfigError(option, value, "write seconds or a timedelta, 0 or more")
    return float(seconds)


def text_of(name: str, value: object, least: int) -> str:
    """Return an owner or a name."""
    if not isinstance(value, str) or not least <= len(value) <= _MAX_TEXT:
        raise ValueError(f"the {name} of a key is a text of {least} to {_MAX_TEXT} characters")
    return value


def written_scopes(scopes: Iterable[str]) -> str:
    """Return scopes as they are stored."""
    if isinstance(scopes, str):
        raise TypeError("write scopes as a list of texts, such as ['orders:read']")
    found = sorted(set(scopes))
    for scope in found:
        if not is_scope(scope):
            raise ValueError("a scope is visible ASCII without spaces, quotes and backslashes")
    return " ".join(found)


def networks_from(networks: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read networks."""
    if isinstance(networks, str):
        raise TypeError("write networks as a list of texts, such as ['192.0.2.0/24']")
    return tuple(_unmapped(_network(network)) for network in networks)


def _network(network: object) -> IPv4Network | IPv6Network:
    # A number or bytes would be an address, too. A zone (RFC 4007 section 11) means something on one machine alone, and
    # may hold a space, which separates networks.
    if not isinstance(network, str) or "%" in network:
        raise ValueError("write networks as texts without zones, such as ['192.0.2.0/24']")
    return ip_network(network)


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    # As for addresses: `::ffff:192.0.2.0/120` (RFC 4291 section 2.5.5.2) is another spelling of `192.0.2.0/24`.
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED))


def is_within(client: str | None, networks: str) -> bool:
    """Tell whether a client is in one of the networks, as they are stored."""
    try:
        address = ip_address(client or "")
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in networks_of(networks))


# Many keys have the same few, and each request reads them.
@lru_cache(maxsize=1024)
def scopes_of(written: str) -> frozenset[str]:
    """Return scopes that are stored."""
    return frozenset(written.split())


@lru_cache(maxsize=1024)
def networks_of(written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return networks that are stored."""
    return networks_from(written.split())


def moment_of(value: float | datetime | None) -> float | None:
    """Return a moment in seconds since the epoch."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a datetime needs a time zone: without one, nobody knows when it is")
        return value.timestamp()
    if value is None:
        return None
    # Milliseconds, as JavaScript counts, would make a key that never ends.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _YEAR_10000:
        raise ValueError("expires_at is seconds since the epoch, a datetime, or None")
    return value
