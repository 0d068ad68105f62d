"""Checks of the options that the policy and the guard share."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from asgisec._exempt import PLAIN_FUNCTION, is_coroutine_function
from asgisec._wire.rate_limit import is_limit_name
from asgisec.errors import ConfigError
from asgisec.policies.rate_limit.amounts import ABOVE_ALL

if TYPE_CHECKING:
    from asgisec.policies.rate_limit.quotas import Headers

__all__ = ["a_clock", "a_cost", "a_function", "a_name", "header_style"]


def a_name(option: str, name: object) -> str:
    """Return a name that needs no escapes in a header."""
    if not isinstance(name, str) or not is_limit_name(name):
        mend = "write a short name in visible ASCII, without quotes, backslashes and commas"
        raise ConfigError(option, name, mend)
    return name


def a_function(option: str, function: object, mend: str) -> Callable[[Any], Any]:
    """Return a plain function; a coroutine would stand for anything."""
    if not callable(function):
        raise ConfigError(option, function, mend)
    if is_coroutine_function(function):
        raise ConfigError(option, function, PLAIN_FUNCTION)
    return function


def a_cost(option: str, cost: object) -> tuple[int, Callable[[Any], Any] | None]:
    """Return what a request costs: a number, or a function that says it."""
    if callable(cost):
        return 0, cost
    if not isinstance(cost, int) or isinstance(cost, bool) or cost < 1:
        raise ConfigError(option, cost, "write a whole number of 1 or more, or a function of the exchange")
    return min(cost, ABOVE_ALL), None


def header_style(option: str, headers: object) -> "Headers":
    """Return which headers to write."""
    if headers not in ("ietf", "legacy", "both", None):
        raise ConfigError(option, headers, "write 'ietf', 'legacy', 'both', or None")
    return headers


def a_clock(option: str, clock: Callable[[], float]) -> Callable[[], float]:
    """Return a clock."""
    a_function(option, clock, "write a function that returns seconds, rising")
    return clock
