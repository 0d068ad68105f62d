"""The `Origin` header (RFC 6454 section 6.2): scheme, host and, where it is not the scheme's own, port.

Browsers serialise it in one way only: lower case, no default port, no path, no trailing slash. A configured origin is
therefore compared byte by byte, and one written in another way could never match.
"""

import re
from typing import NamedTuple

from asgisec._wire.host import parse_host

__all__ = ["MAX_ORIGIN", "Origin", "is_own", "parse_origin"]

# A scheme, "://", 253 bytes of host and six of port fit; a longer value is no origin and is not given to a regex.
MAX_ORIGIN = 320

DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_ORIGIN = re.compile(rb"(?P<scheme>[a-z][a-z0-9+.-]{0,30})://(?P<authority>[^/?#@\\\s]+)")


class Origin(NamedTuple):
    """The parts of a serialised origin; `port` is never `None` where the scheme has a default."""

    scheme: str
    host: str
    port: int | None


def parse_origin(value: bytes) -> Origin | None:
    """Read an origin as a browser serialises it; `None` for `null` and for whatever is not in that form."""
    match = _ORIGIN.fullmatch(value) if len(value) <= MAX_ORIGIN else None
    host = parse_host(match["authority"]) if match is not None else None
    if match is None or host is None:
        return None
    scheme = match["scheme"].decode()
    default = DEFAULT_PORTS.get(scheme)
    written = host.name if host.port is None else f"{host.name}:{host.port}"
    if written.encode() != match["authority"] or (host.port is not None and host.port == default):
        return None
    return Origin(scheme, host.name, default if host.port is None else host.port)


def is_own(origin: bytes, host: bytes) -> bool:
    """Tell whether a page's origin is the host it connects to; the scheme may end at a proxy, so it is not compared."""
    scheme, _, authority = origin.partition(b"://")
    # Pages of an installed application (`capacitor://localhost`) are not those of a host of that name.
    default = {b"https": b":443", b"http": b":80"}.get(scheme)
    return default is not None and authority != b"" and authority == host.lower().removesuffix(default)
