"""What is allowed, as written: `limits`' own notation and its items, or a function that says it for each request.

The library is loaded when the first limit is read, so that importing asgisec does not.
"""

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, TypeAlias

from asgisec.errors import ConfigError

if TYPE_CHECKING:
    from limits import RateLimitItem

__all__ = ["ABOVE_ALL", "Amount", "amounts", "items", "written"]

Amount: TypeAlias = "RateLimitItem | Callable[[Any], Any]"

_MEND = "write limits such as '100/minute', or items of the limits package"
_NOTHING = "name at least one limit, such as '100/minute'"
_MOST = 10**12  # more than anybody sends, and few enough digits for a number in a header (RFC 9651 section 3.3.1)
# A cost that no limit has room for. Higher ones are this one: a float holds it, and a store can be sent it.
ABOVE_ALL = _MOST + 1


def amounts(option: str, value: object) -> tuple[Amount, ...]:
    """Read limits as they were configured: text, an item, a function of the exchange, or several of these.

    Raises:
        ConfigError: Something among them is none of these, or nothing is.
    """
    read: list[Amount] = []
    for one in _listed(value):
        for amount in (one,) if callable(one) else _items(option, one):
            if amount not in read:  # a function may be an object without a hash
                read.append(amount)
    if not read:
        raise ConfigError(option, value, _NOTHING)
    return tuple(read)


def items(option: str, value: object) -> "tuple[RateLimitItem, ...]":
    """Read limits that a function returned: text, an item, or several of these.

    Raises:
        ConfigError: Something among them is none of these, or nothing is.
    """
    read: dict[RateLimitItem, None] = {}
    for one in _listed(value):
        read |= dict.fromkeys(_items(option, one))
    if not read:
        raise ConfigError(option, value, _NOTHING)
    return tuple(read)


def written(item: "RateLimitItem") -> str:
    """Write a limit as short as it can be read again: `100/minute`, `5/2 minute`."""
    every = "" if item.multiples == 1 else f"{item.multiples} "
    return f"{item.amount}/{every}{item.GRANULARITY.name}"


def _listed(value: object) -> Collection[object]:
    # An item is a tuple of none of these, but can be iterated over by no one either.
    return value if isinstance(value, Collection) and not isinstance(value, str | bytes) else (value,)


def _items(option: str, value: object) -> "list[RateLimitItem]":
    from limits import RateLimitItem, parse_many  # noqa: PLC0415 - see above

    if isinstance(value, RateLimitItem):
        read = [value]
    elif isinstance(value, str):
        try:
            read = parse_many(value)
        except ValueError as error:
            raise ConfigError(option, value, _MEND) from error
    else:
        raise ConfigError(option, value, _MEND)
    for item in read:
        if not 1 <= item.amount <= _MOST or not 1 <= item.get_expiry() <= _MOST:
            raise ConfigError(option, value, "allow at least one request, in one second or more")
    return read
