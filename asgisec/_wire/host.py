"""The `Host` header (RFC 9110 section 7.2; RFC 3986 section 3.2.2), read strictly.

A name of letters, digits, hyphens and underscores in labels of at most 63 and 253 in all, an IPv4 address, or an IPv6
literal in brackets; then, perhaps, a port. Case and one trailing dot do not matter. User information, percent-encoding,
empty labels and anything else that a URL built from the header could be confused by are no host.
"""

import re
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple

__all__ = ["Host", "parse_host"]

MAX_NAME = 253  # RFC 1035 section 2.3.4, in its textual form
MAX_PORT = 65535

_HOST = re.compile(
    rb"(?:(?P<name>[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*)\.?"
    rb"|\[(?P<ipv6>[0-9a-f:.]{2,45})\])"
    rb"(?::(?P<port>[0-9]{0,5}))?"
)


class Host(NamedTuple):
    """A host name in lower case, or an IPv6 literal in brackets and canonical form; the port, where there is one."""

    name: str
    port: int | None


def parse_host(value: bytes) -> Host | None:
    """Read a `Host` header; `None` where it is not one."""
    match = _HOST.fullmatch(value.lower())
    if match is None:
        return None
    port = int(match["port"]) if match["port"] else None
    if port is not None and port > MAX_PORT:
        return None
    if match["ipv6"] is not None:
        try:
            return Host(f"[{_literal(IPv6Address(match['ipv6'].decode()))}]", port)
        except AddressValueError:
            return None
    name = match["name"].decode()
    return Host(name, port) if len(name) <= MAX_NAME else None


def _literal(address: IPv6Address) -> str:
    mapped = address.ipv4_mapped
    if mapped is None:
        return address.compressed
    # Browsers write these in hexadecimal (URL Standard, "IPv6 serializer"); Python does up to 3.12 only.
    high, low = divmod(int(mapped), 1 << 16)
    return f"::ffff:{high:x}:{low:x}"
