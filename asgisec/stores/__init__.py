"""Stores: where what outlives a request is kept.

`MemoryStore` needs nothing; the others are loaded when they are asked for, so that nobody needs the library of a store
that is not used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgisec.stores.memory import MemoryStore

__all__ = ["MemoryStore"]

_PLACES = {
    "MemoryStore": "asgisec.stores.memory",
}


def __getattr__(name: str) -> object:
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(place), name)
