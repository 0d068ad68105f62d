"""How options of tokens are read."""

from collections.abc import Iterable

from asgisec._durations import in_seconds
from asgisec.errors import ConfigError

__all__ = ["seconds", "texts", "whole"]


def seconds(option: str, value: object, *, zero: bool = True) -> float:
    """Return a duration in seconds."""
    found = in_seconds(value)
    if found is None or found < 0 or (found == 0 and not zero):
        raise ConfigError(option, value, f"write seconds or a timedelta, {'0 or more' if zero else 'more than 0'}")
    return float(found)


def texts(option: str, value: object, mend: str) -> frozenset[str]:
    """Return one text, or several, as a set that is not empty."""
    found = [value] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else []
    if not found or not all(isinstance(item, str) and item for item in found):
        raise ConfigError(option, value, mend)
    return frozenset(found)


def whole(option: str, value: object, least: int) -> int:
    """Return a whole number."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ConfigError(option, value, f"write a whole number of {least} or more")
    return value
