"""What guards are called with: a connection of any framework, or a bare scope."""

from collections.abc import MutableMapping
from typing import Any

__all__ = ["scope_of"]


def scope_of(connection: object) -> MutableMapping[str, Any]:
    """Return the ASGI scope of a connection: of Starlette, FastAPI, Litestar, Quart, or the scope itself.

    Raises:
        TypeError: It is none of these.
    """
    scope = connection if isinstance(connection, MutableMapping) else getattr(connection, "scope", None)
    if not isinstance(scope, MutableMapping) or scope.get("type") not in ("http", "websocket"):
        kind = type(connection).__name__
        raise TypeError(f"pass a request, a WebSocket, or an ASGI scope of type http or websocket, not {kind}")
    return scope
