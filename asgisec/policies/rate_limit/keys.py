"""Whose requests count together: by client, by principal, by API key.

- A client is its address, as `TrustedProxies` resolved it. An IPv4-mapped address is the IPv4 address. Of an IPv6
  address the first 64 bits count: whoever has one has them all.
- Peers without an address, on a Unix socket or not known to the server, are one client. So are all behind a proxy that
  nobody named: see `TrustedProxies`.
- Whoever presented nothing, or something that was not verified, is limited as a client. A credential that anybody can
  make up is no key: each would begin with a full quota.
"""

from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING

from asgisec._wire.forwarded import LONGEST_ADDRESS, client_of
from asgisec.errors import LimitUndecided

if TYPE_CHECKING:
    from asgisec.policy import Exchange

__all__ = ["AFTER_AUTHENTICATION", "LONGEST", "by_api_key", "by_client", "by_principal", "identity", "key_name"]

_ADDRESSES_REMEMBERED = 4096
LONGEST = 128  # characters of a key; what is longer is hashed


def by_client(exchange: "Exchange") -> str:
    """Count the requests of one client together."""
    client = exchange.scope.get("client")
    address = client[0] if client else None
    return _client(address) if address and len(address) <= LONGEST_ADDRESS else _UNKNOWN


def by_principal(exchange: "Exchange") -> str:
    """Count the requests of one principal together, whatever it presents; of a caller that is none, as a client's."""
    principal = (exchange.scope.get("state") or {}).get("principal")
    return by_client(exchange) if principal is None else f"principal:{principal.subject}"


def by_api_key(exchange: "Exchange") -> str:
    """Count the requests with one API key together; without a verified one, as a client's."""
    principal = (exchange.scope.get("state") or {}).get("principal")
    if principal is None or principal.scheme != "api_key":
        return by_client(exchange)
    return f"api_key:{principal.credential_id}"


AFTER_AUTHENTICATION = frozenset({by_principal, by_api_key})

_UNKNOWN = "client:unknown"


def key_name(key: object) -> str:
    """Return what keeps the counts of a function apart from those of another, in every process that runs this code.

    Tenant 5 and user 5 are two, where nobody named the limits of either.
    """
    if key is by_client:
        return ""
    named = key if hasattr(key, "__qualname__") else type(key)
    code = getattr(key, "__code__", None)
    line = f":{code.co_firstlineno}" if code is not None and code.co_name == "<lambda>" else ""
    return f"{getattr(named, '__module__', '')}.{named.__qualname__}{line}"


def identity(key: object) -> str:
    """Return what a key function returned, as what counts are kept under: never empty, and of bounded length.

    Raises:
        LimitUndecided: It is none.
    """
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if not isinstance(key, str) or not key:
        raise LimitUndecided(reason="limit_key")
    # What was not hashed never begins with this sign: nobody can name another's.
    if len(key) <= LONGEST and key[0] != "#":
        return key
    return "#" + sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


@lru_cache(maxsize=_ADDRESSES_REMEMBERED)
def _client(peer: str) -> str:
    client = client_of(peer)
    return _UNKNOWN if client is None else f"client:{client}"
