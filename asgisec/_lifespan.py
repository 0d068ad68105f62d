"""The end of an application: what its policies use is closed after its own shutdown, which may still need it.

An application that knows no lifespan is given one: it raises or returns before it has received anything (Django does,
as does `assert scope["type"] == "http"`). One that received something and fails did start, and its failure is told.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, TypeAlias

from asgisec.stores.protocols import Closable

__all__ = ["close_all", "with_closing"]

ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

logger = logging.getLogger("asgisec.shutdown")

_ENDS = frozenset({"lifespan.startup.failed", "lifespan.shutdown.complete", "lifespan.shutdown.failed"})


async def close_all(closes: Iterable[Closable]) -> None:
    """Close each of them, whatever becomes of the others."""
    for closable in closes:
        try:
            await closable.aclose()
        except Exception:
            # A store that is down must not keep the server from stopping, nor the others from being closed.
            logger.exception("%s could not be closed", type(closable).__name__)


async def with_closing(app: ASGIApp, closes: Sequence[Closable], scope: Any, receive: Any, send: Any) -> None:
    """Run an application's lifespan, and close what is to be closed before it says that it has shut down."""
    received = False

    async def incoming() -> Any:
        nonlocal received
        received = True
        return await receive()

    async def outgoing(message: Any) -> None:
        if message["type"] in _ENDS:
            await close_all(closes)
        await send(message)

    try:
        await app(scope, incoming, outgoing)
    except Exception:
        if received:
            raise
    if not received:
        for step in ("startup", "shutdown"):
            await receive()
            await outgoing({"type": f"lifespan.{step}.complete"})
