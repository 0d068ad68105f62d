"""Waiting for what another process or task brings about, and nobody tells."""

from collections.abc import Awaitable, Callable

import anyio

__all__ = ["until"]

_PATIENCE = 30.0  # seconds: something is wrong, not slow


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Ask again and again whether something holds; fail where it does not come."""
    with anyio.fail_after(_PATIENCE):
        while True:
            found = holds()
            if found if isinstance(found, bool) else await found:
                return
            await anyio.sleep(0.005)
