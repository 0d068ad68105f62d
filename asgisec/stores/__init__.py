"""Stores: where what outlives a request is kept.

`MemoryStore` needs nothing; the others are loaded when they are asked for, so that nobody needs the library of a store
that is not used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgisec.stores._opening import open_store
    from asgisec.stores.limits import LimitsStore
    from asgisec.stores.memory import MemoryStore
    from asgisec.stores.redis import RedisStore
    from asgisec.stores.sqlalchemy import SQLStore

__all__ = ["LimitsStore", "MemoryStore", "RedisStore", "SQLStore", "open_store"]

_PLACES = {
    "LimitsStore": "asgisec.stores.limits",
    "MemoryStore": "asgisec.stores.memory",
    "RedisStore": "asgisec.stores.redis",
    "SQLStore": "asgisec.stores.sqlalchemy",
    "open_store": "asgisec.stores._opening",
}


# Hidden from type checkers, to which a misspelled name is an error, too.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        place = _PLACES.get(name)
        if place is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(place), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
