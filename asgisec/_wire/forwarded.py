"""`X-Forwarded-For` and `Forwarded` (RFC 7239): the chain of addresses a request came through, nearest last.

An entry that is no address ends the chain: what stands to the left of it was written by somebody who is not known.
`unknown` and obfuscated identifiers (RFC 7239 sections 6.2 and 6.3) are such entries.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

__all__ = ["Hop", "address_of", "parse_forwarded", "parse_forwarded_for"]

Address = IPv4Address | IPv6Address

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf'\s*(?P<name>{_WORD})=(?:(?P<token>{_WORD})|"(?P<quoted>(?:[^"\\]|\\.)*)")\s*(?P<end>[;,]|$)')
_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_NODE = re.compile(rf"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<ipv4>[0-9.]+)){_PORT}|(?P<bare>[0-9A-Fa-f:.]+)")


class Hop(NamedTuple):
    """One entry: who asked, and over which scheme, as the proxy that wrote it says."""

    address: Address | None
    scheme: str | None


def address_of(text: str) -> Address | None:
    """Read an address, with or without a port; an IPv4-mapped IPv6 address is the IPv4 address."""
    match = _NODE.fullmatch(text.strip())
    if match is None:
        return None
    try:
        address = ip_address(match["ipv6"] or match["ipv4"] or match["bare"])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def parse_forwarded_for(value: bytes, schemes: bytes = b"") -> list[Hop]:
    """Read `X-Forwarded-For`; `X-Forwarded-Proto` speaks for all entries where it does not list one for each."""
    nodes = value.decode("latin-1").split(",")
    listed = [scheme.strip().lower() for scheme in schemes.decode("latin-1").split(",") if scheme.strip()]
    if listed and len(listed) != len(nodes):
        listed = [listed[-1]] * len(nodes)
    return [Hop(address_of(node), listed[n] if listed else None) for n, node in enumerate(nodes)]


def parse_forwarded(value: bytes) -> list[Hop]:
    """Read `Forwarded`; where it breaks its grammar, nothing of it can be believed, and the chain is empty."""
    text = value.decode("latin-1")
    hops: list[Hop] = []
    pairs: dict[str, str] = {}
    at = 0
    while at < len(text):
        match = _PAIR.match(text, at)
        if match is None or match["name"].lower() in pairs:
            return []
        quoted = match["quoted"]
        pairs[match["name"].lower()] = match["token"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        at = match.end()
        if match["end"] != ";":
            hops.append(Hop(address_of(pairs.get("for", "")), pairs.get("proto", "").lower() or None))
            pairs = {}
        elif at == len(text):
            return []
    return hops
