"""How options of tokens are read."""

from collections.abc import Iterable
from datetime import timedelta
from math import isfinite

from asgisec.errors import ConfigError

__all__ = ["seconds", "texts", "whole"]


def seconds(option: str, value: object, *, zero: bool = True) -> float:
    """Return a duration in seconds."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    right = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if not right or value < 0 or (value == 0 and not zero):  # type: ignore[operator]  # a number by now
        raise ConfigError(option, value, f"write seconds or a timedelta, {'0 or more' if zero else 'more than 0'}")
    return float(value)  # type: ignore[arg-type]  # likewise


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
