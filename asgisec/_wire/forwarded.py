"""`X-Forwarded-For` and `Forwarded` (RFC 7239): the chain of addresses a request came through, nearest first.

Each proxy appends what it saw, so the right end was written by the nearest one and the left end by anybody. Both
parsers therefore read from the right, entry by entry, as far as the caller asks: what stands to the left can neither
change the meaning of what stands to the right nor cost anything.

An entry that is no address is a hop without one. `unknown`, obfuscated identifiers (RFC 7239 sections 6.2 and 6.3) and
broken grammar are such entries.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

__all__ = ["LONGEST_ADDRESS", "Address", "Hop", "address_of", "client_of", "parse_forwarded", "parse_forwarded_for"]

Address = IPv4Address | IPv6Address

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(
    rf'[ \t]*(?P<name>{_WORD})=(?:(?P<token>{_WORD})|"(?P<quoted>(?:[^"\\]|\\.)*)")[ \t]*(?P<end>;|$)', re.DOTALL
)
_PORT = r"(?::(?:[0-9]{1,5}|_[A-Za-z0-9._-]+))?"
_NODE = re.compile(rf"(?:\[(?P<ipv6>[0-9A-Fa-f]*:[0-9A-Fa-f:.]+)\]|(?P<ipv4>[0-9.]+)){_PORT}|(?P<bare>[0-9A-Fa-f:.]+)")
_ZONE = re.compile(r"%[^\]]*")  # RFC 4007 section 11: over which interface, which is not who
_OWS = " \t"
_HOST_BITS = 64  # RFC 4291 section 2.5.4: what a network hands out is all behind these
LONGEST_ADDRESS = 64  # characters: the longest IPv6 address, with a port and a zone, fits


class Hop(NamedTuple):
    """One entry: who asked, and over which scheme, as the proxy that wrote it says."""

    address: Address | None
    scheme: str | None


def address_of(text: str) -> Address | None:
    """Read an address, with or without a port; an IPv4-mapped IPv6 address is the IPv4 address."""
    match = _NODE.fullmatch(text.strip(_OWS))
    if match is None:
        return None
    try:
        address = ip_address(match["ipv6"] or match["ipv4"] or match["bare"])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def client_of(text: str) -> str | None:
    """Return whom an address stands for: itself, or of an IPv6 address its network; `None` of what is no address."""
    address = address_of(_ZONE.sub("", text)) if len(text) <= LONGEST_ADDRESS else None
    if isinstance(address, IPv6Address):
        return f"{IPv6Address(int(address) >> _HOST_BITS << _HOST_BITS)}/{_HOST_BITS}"
    return None if address is None else str(address)


def parse_forwarded_for(value: bytes, schemes: bytes = b"") -> Iterator[Hop]:
    """Read `X-Forwarded-For`, nearest first; of `X-Forwarded-Proto` the last speaks for the last, and so on.

    Where fewer schemes than addresses are listed, the first of them speaks for all that are left: most proxies
    overwrite the one header and append to the other.
    """
    listed = _from_right(schemes.decode("latin-1"))
    scheme = ""
    for node in _from_right(value.decode("latin-1")):
        scheme = next(listed, scheme)
        yield Hop(address_of(node), scheme.strip(_OWS).lower() or None)


def parse_forwarded(value: bytes) -> Iterator[Hop]:
    """Read `Forwarded`, nearest first."""
    text = value.decode("latin-1")
    end = len(text)
    quoted = False
    for at in range(end - 1, -1, -1):
        sign = text[at]
        if sign == '"':
            # Seen from the right, a quoted string ends at the quote behind its "=": one inside of it has a backslash.
            quoted = not quoted or text[at - 1 : at] != "="
        elif sign == "," and not quoted:
            yield _hop(text[at + 1 : end])
            end = at
    yield _hop(text[:end])


def _from_right(text: str) -> Iterator[str]:
    end = len(text)
    while end >= 0:
        at = text.rfind(",", 0, end)
        yield text[at + 1 : end]
        end = at


def _hop(element: str) -> Hop:
    pairs: dict[str, str] = {}
    at = 0
    more = True
    while more:
        match = _PAIR.match(element, at)
        # RFC 7239 section 4: each parameter must not occur more than once per element.
        if match is None or match["name"].lower() in pairs:
            return Hop(None, None)
        quoted = match["quoted"]
        pairs[match["name"].lower()] = match["token"] if quoted is None else re.sub(r"(?s)\\(.)", r"\1", quoted)
        at = match.end()
        more = match["end"] == ";"
    return Hop(address_of(pairs.get("for", "")), pairs.get("proto", "").lower() or None)
