"""A store by its URL, so that what runs where is a matter of configuration."""

from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from asgisec.errors import ConfigError

if TYPE_CHECKING:
    from asgisec.stores.memory import MemoryStore
    from asgisec.stores.redis import RedisStore
    from asgisec.stores.sqlalchemy import SQLStore

__all__ = ["open_store"]

Opened: TypeAlias = "MemoryStore | RedisStore | SQLStore"

# The library that a store needs is imported when its URL is seen.
_REDIS = ("asgisec.stores.redis", "RedisStore", "redis")
_SQL = ("asgisec.stores.sqlalchemy", "SQLStore", "sqlalchemy")
_PLACES = {
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
    "redis+sentinel": _REDIS,
    "rediss+sentinel": _REDIS,
    "redis+cluster": _REDIS,
    "rediss+cluster": _REDIS,
    "valkey": _REDIS,
    "valkeys": _REDIS,
    "postgresql+asyncpg": _SQL,
    "sqlite+aiosqlite": _SQL,
}


def open_store(url: str, **options: Any) -> Opened:
    """Return the store at a URL: `memory://`, or what `RedisStore.from_url` or `SQLStore.from_url` takes.

    Args:
        url: Where the store is.
        options: What the store's `from_url` takes, or `MemoryStore`.

    Raises:
        ConfigError: No store has such a URL, or an option is wrong, or the store's extra is not installed.
    """
    scheme = url.partition("://")[0] if isinstance(url, str) and "://" in url else ""
    if scheme == "memory":
        from asgisec.stores.memory import MemoryStore  # noqa: PLC0415 - as the others: when it is asked for

        return MemoryStore(**options)
    # The URL is not shown: it may have a password.
    if scheme not in _PLACES:
        known = ", ".join(f"{name}://" for name in ["memory", *_PLACES])
        raise ConfigError("open_store(url)", ..., f"begin with one of {known}")
    module, name, extra = _PLACES[scheme]
    try:
        kind = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise ConfigError("open_store(url)", f"{scheme}://", f"install asgisec[{extra}]") from error
    opened: Opened = kind.from_url(url, **options)
    return opened
