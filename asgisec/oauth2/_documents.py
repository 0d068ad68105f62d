"""Documents that anybody may read: JSON for GET and HEAD, kept by caches for a while."""

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from asgisec._wire.url import is_safe_url
from asgisec.errors import ConfigError
from asgisec.oauth2._endpoint import Endpoint, Receive, Scope
from asgisec.policy import Answer
from asgisec.tokens._options import seconds

__all__ = ["DocumentEndpoint", "identifier", "names", "url", "well_known"]


class DocumentEndpoint(Endpoint):
    """An endpoint that answers with a document."""

    def __init__(self, max_age: float | timedelta) -> None:
        self._age = int(seconds(f"{type(self).__name__}(max_age=)", max_age))

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        cached = b"public, max-age=%d" % self._age
        headers = ((b"content-type", b"application/json"), (b"cache-control", cached))
        return Answer(200, headers, json.dumps(self.document(), separators=(",", ":")).encode())

    @abstractmethod
    def document(self) -> Mapping[str, object]:
        """Return what is published."""


def url(option: str, value: object) -> str | None:
    """Return an absolute URL, or `None` where it is left out."""
    if value is None:
        return None
    if not is_safe_url(value):
        raise ConfigError(option, value, "write an https:// URL; http:// is for this machine only")
    return str(value)


def identifier(option: str, value: object) -> str:
    """Return the URL that something is called by; it has no query (RFC 8414 section 2, RFC 9728 section 1.2)."""
    if not is_safe_url(value) or "?" in str(value):
        raise ConfigError(option, value, "write an https:// URL without a query; http:// is for this machine only")
    return str(value)


def names(option: str, value: object, known: frozenset[str] | None = None) -> list[str] | None:
    """Return a list of names, or `None` where it is left out."""
    if value is None:
        return None
    found: list[Any] = [*value] if isinstance(value, Iterable) and not isinstance(value, str) else [None]
    if not all(isinstance(name, str) and name for name in found) or (known is not None and not known.issuperset(found)):
        allowed = "names" if known is None else f"those that are implemented, of {', '.join(sorted(known))}"
        raise ConfigError(option, value, f"write a list of {allowed}")
    # RFC 8414 section 3.2 and RFC 9728 section 3.2: what has no elements is left out.
    return found or None


def well_known(name: str, called: str, *, keep_slash: bool) -> str:
    """Return the path of a document: the well-known one, put between the host and the path of what it describes."""
    path = urlsplit(called).path
    return f"/.well-known/{name}{path if keep_slash and path != '/' else path.rstrip('/')}"
