"""Where a client is sent that asked otherwise than it should: the same path and query, at another host or scheme."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from asgisec._wire.headers import Pair

__all__ = ["full_path", "location_of"]

_URL_SAFE = "/:@!$&'()*+,;=~"


def full_path(scope: Mapping[str, Any]) -> str:
    """Return the path as the client wrote it; servers differ on whether `path` contains `root_path`."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "").rstrip("/")
    return path if path == root or path.startswith((root + "/", "*")) else root + path


def location_of(scope: Mapping[str, Any], scheme: str, authority: str) -> Pair:
    """Return the header that names the same path and query elsewhere."""
    # Servers differ on what they make of bytes that are no UTF-8; whatever it is, it must not raise. Nor do all of them
    # see to the slash, without which `@evil.test` would become the host.
    path = "/" + quote(full_path(scope), safe=_URL_SAFE, errors="surrogatepass").removeprefix("/")
    query = quote(scope.get("query_string", b""), safe=_URL_SAFE + "?%")
    return b"location", f"{scheme}://{authority}{path}{'?' if query else ''}{query}".encode()
