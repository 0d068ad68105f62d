"""Functions of the application that wait: for a database that knows what a customer has paid for, for one.

Such a function is asked before its request is judged, and only where the request is held to what it says. From then on
it is a plain function, whose answer is there.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from asgisec._exempt import is_coroutine_function

if TYPE_CHECKING:
    from asgisec.policy import Exchange

__all__ = ["Asked", "asked"]

T = TypeVar("T")


class Asked:
    """A coroutine function, and what it said of a request.

    Args:
        function: The function.
    """

    __slots__ = ("_function",)

    def __init__(self, function: Callable[["Exchange"], Awaitable[Any]]) -> None:
        self._function = function

    async def ask(self, exchange: "Exchange") -> None:
        """Ask it of a request."""
        exchange.memo[self] = await self._function(exchange)

    def __call__(self, exchange: "Exchange") -> Any:
        """Return what it said."""
        return exchange.memo[self]


def asked(function: T) -> T | Asked:
    """Return what a request can be judged by at once: a coroutine function as one that is asked before."""
    return Asked(function) if is_coroutine_function(function) else function  # type: ignore[arg-type]  # as was looked at
