"""Records as Redis hashes: one text per field; `None` is a field that is not there."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache, partial
from types import UnionType
from typing import Any, TypeVar, get_args, get_type_hints

from asgisec.errors import StoreUnavailable
from asgisec.stores.redis._core import Word

__all__ = ["changed", "read", "understood", "written"]

T = TypeVar("T")


def written(record: Any) -> list[Word]:
    """Return a record's fields and values, as `HSET` takes them."""
    return [word for name, value in asdict(record).items() if value is not None for word in (name, _text(value))]


def changed(changes: Mapping[str, object], only: tuple[str, str] = ("", "")) -> list[Word]:
    """Return changes as `change.lua` takes them, to be made only where a field holds this."""
    words: list[Word] = [*only]
    for name, value in changes.items():
        words += [name, "-" if value is None else f"={_text(value)}"]
    return words


def read(kind: type[T], reply: Sequence[Any]) -> T | None:
    """Return the record that a hash holds; `None` where it holds nothing.

    Raises:
        StoreUnavailable: Somebody else wrote it: nobody can say what it means.
    """
    return understood(partial(_record, kind), reply) if reply else None


def understood(meaning: Callable[[Any], T], reply: Any) -> T:
    """Return what a reply means.

    Raises:
        StoreUnavailable: It means nothing that this store writes.
    """
    try:
        return meaning(reply)
    except (TypeError, ValueError) as error:  # a UnicodeDecodeError is a ValueError
        raise StoreUnavailable from error


def _record(kind: type[T], reply: Sequence[Any]) -> T:
    readers = _readers(kind)  # type: ignore[arg-type]  # a class can be hashed
    found = {_decoded(reply[at]): _decoded(reply[at + 1]) for at in range(0, len(reply), 2)}
    # A field that a later version wrote is none of ours.
    return kind(**{name: readers[name](text) for name, text in found.items() if name in readers})


@lru_cache
def _readers(kind: type[object]) -> dict[str, Callable[[str], Any]]:
    """Return how each field of a record is read from its text."""
    readers: dict[str, Callable[[str], Any]] = {}
    for name, hint in get_type_hints(kind).items():
        plain = get_args(hint)[0] if isinstance(hint, UnionType) else hint
        readers[name] = _is_true if plain is bool else plain
    return readers


def _is_true(text: str) -> bool:
    return text == "1"


def _text(value: object) -> str:
    return (
        ("1" if value else "0") if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)
    )


def _decoded(word: Any) -> str:
    return word.decode("utf-8", "surrogatepass") if isinstance(word, bytes) else str(word)
