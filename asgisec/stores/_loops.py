"""What belongs to an event loop: a test client may run every request in a new one."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Generic, Protocol, TypeVar

__all__ = ["PerLoop"]


class _AsyncClosable(Protocol):
    async def aclose(self) -> None: ...

    async def forget_connections(self) -> None: ...


C = TypeVar("C", bound=_AsyncClosable)


class PerLoop(Generic[C]):
    """One of something for each event loop, given up with its loop.

    A loop that ends asks its asynchronous generators to end. That is how connections are closed in time, in test
    clients too, which run a loop for each request and tell nobody when it is over.
    """

    def __init__(self, make: Callable[[], C]) -> None:
        self._make = make
        self._made: dict[asyncio.AbstractEventLoop, tuple[C, AsyncGenerator[None, None]]] = {}

    def known(self, loop: asyncio.AbstractEventLoop) -> C | None:
        """Return what belongs to a loop, if it was made."""
        known = self._made.get(loop)
        return None if known is None else known[0]

    async def get(self) -> C:
        """Return what belongs to the running loop."""
        loop = asyncio.get_running_loop()
        known = self.known(loop)
        if known is not None:
            return known
        for ended in [other for other in [*self._made] if other.is_closed()]:
            self._made.pop(ended, None)
        made = self._make()
        end = self._until_the_loop_ends(loop, made)
        self._made[loop] = (made, end)
        await anext(end)
        return made

    async def _until_the_loop_ends(self, loop: asyncio.AbstractEventLoop, made: C) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._made.pop(loop, None)
            await made.forget_connections()

    async def aclose(self) -> None:
        """Close what belongs to the running loop."""
        known = self._made.pop(asyncio.get_running_loop(), None)
        if known is not None:
            made, end = known
            await made.aclose()
            await end.aclose()
