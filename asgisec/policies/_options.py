"""Checks that the constructors of policies share; each raises a `ConfigError` that shows the mend."""

from collections.abc import Collection
from datetime import timedelta

from asgisec._wire.headers import is_field_value, is_token
from asgisec._wire.origin import parse_origin
from asgisec.errors import ConfigError

__all__ = ["a_bool", "a_list", "field_value", "header_name", "mend_origin", "positive", "seconds"]


def a_bool(option: str, value: object) -> bool:
    """Return a bool; "false" from an environment variable is true to Python, and must not be here."""
    if not isinstance(value, bool):
        raise ConfigError(option, value, "write True or False")
    return value


def a_list(option: str, values: object) -> tuple[str, ...]:
    """Return a collection of strings as a tuple; a single string would be read letter by letter."""
    if isinstance(values, str):
        raise ConfigError(option, values, f"write a list: [{values!r}]")
    if not isinstance(values, Collection) or not all(isinstance(value, str) for value in values):
        raise ConfigError(option, values, "write a list of strings")
    return tuple(values)


def header_name(option: str, name: object) -> bytes:
    """Return the name of a header as it goes onto the wire."""
    encoded = name.encode("ascii", "replace").lower() if isinstance(name, str) else b""
    if not is_token(encoded):
        raise ConfigError(option, name, "write the name of a header, such as 'X-Request-ID'")
    return encoded


def field_value(option: str, value: object) -> bytes:
    """Return the value of a header as it goes onto the wire."""
    encoded = value.encode("ascii", "replace") if isinstance(value, str) else b""
    if not is_field_value(encoded) or not str(value).isascii():
        raise ConfigError(option, value, "write visible ASCII on one line, without spaces around it")
    return encoded


def seconds(option: str, value: object) -> int:
    """Return a duration in whole seconds, given as such or as a `timedelta`."""
    # The fraction is not cut off: half a second of HSTS would become none.
    if isinstance(value, timedelta) and not value.microseconds:
        value = int(value.total_seconds())
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ConfigError(option, value, "write seconds as a whole number of 0 or more, or a timedelta")
    return value


def positive(option: str, value: object, unit: str) -> int | None:
    """Return a whole number of 1 or more, or `None` for no limit."""
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
        raise ConfigError(option, value, f"write a whole number of {unit}, 1 or more, or None for no limit")
    return value


def mend_origin(origin: str, pattern: str) -> str:
    """Say how to write an origin that no browser would send as it is; `pattern` names what takes more than one."""
    if origin == "null":
        return "leave it out: sandboxed frames and files of any site are 'null'"
    if "*" in origin:
        return f"write each origin, or {pattern}"
    scheme, separator, rest = origin.partition("://")
    if not separator:
        return f"write the scheme, too: 'https://{origin.partition('/')[0].lower()}'"
    authority = rest.partition("/")[0].lower()
    port = {"https": ":443", "http": ":80"}.get(scheme.lower(), "")
    if port:
        authority = authority.removesuffix(port)
    mended = f"{scheme.lower()}://{authority}"
    if mended != origin and parse_origin(mended.encode("ascii", "replace")) is not None:
        return f"write {mended!r}, as a browser sends it: lower case, no path, no slash, no default port"
    return "write an origin as a browser sends it: 'https://app.example.com'"
