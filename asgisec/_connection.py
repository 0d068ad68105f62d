"""What guards and endpoints are called with: a connection of any framework, or a bare scope."""

import logging
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from asgisec.policy import SCOPE_KEY, Exchange

__all__ = ["asked_for", "asking_for", "exchange_of", "report", "scope_of"]


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


def exchange_of(scope: MutableMapping[str, Any]) -> Exchange | None:
    """Return the exchange of the innermost pass around whoever was called with this scope."""
    exchange: Exchange | None = scope.get(SCOPE_KEY)
    return exchange


def report(
    scope: MutableMapping[str, Any],
    name: str,
    reason: str,
    *,
    policy: object,
    level: int = logging.WARNING,
    principal: str | None = None,
) -> None:
    """Emit a security event of a request, to whom the passes around tell theirs; to the log where there is no pass."""
    around = exchange = exchange_of(scope)
    if exchange is None or exchange.scope.get("client") != scope.get("client"):
        # Somebody found out who the client is inside of that pass; whom it tells is told all the same.
        exchange = Exchange(dict(scope), {}, _nothing)
        exchange.outer = around
    exchange.report(name, reason, policy=policy, level=level, principal=principal)


_asked_for: ContextVar[MutableMapping[str, Any] | None] = ContextVar("asgisec_asked_for", default=None)


@contextmanager
def asking_for(scope: MutableMapping[str, Any]) -> Iterator[None]:
    """Ask what knows no requests for this one: the caller tells how it ended, so that it is told once."""
    before = _asked_for.set(scope)
    try:
        yield
    finally:
        _asked_for.reset(before)


def asked_for() -> MutableMapping[str, Any] | None:
    """Return the request that the caller asks for, and tells the end of; `None` where it says nothing of one."""
    return _asked_for.get()


async def _nothing() -> None:
    """Stand in for what nobody reads from."""
