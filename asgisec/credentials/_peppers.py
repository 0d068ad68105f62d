"""Peppers: keys that are not in the store, without which what it has of passwords and API keys is worth nothing."""

import re
from collections.abc import Mapping

from asgisec.errors import ConfigError

__all__ = ["peppers_of"]

_MIN = 16  # bytes; it is a key, not a password
_ID = re.compile(r"[A-Za-z0-9]{1,32}")  # it stands before each digest


def peppers_of(option: str, pepper: object, first_id: str) -> dict[str, bytes]:
    """Return the peppers by their ids; one that was given without has the id `first_id`.

    Raises:
        ConfigError: A pepper that is short, none at all, or an id that cannot stand before a digest.
    """
    if pepper is None:
        return {}
    given = pepper if isinstance(pepper, Mapping) else {first_id: pepper}
    mend = f"write {_MIN} random bytes or more, or a mapping of ids to such"
    found: dict[str, bytes] = {}
    for pepper_id, value in given.items():
        data = value.encode() if isinstance(value, str) else value
        if not isinstance(data, bytes) or len(data) < _MIN:
            raise ConfigError(option, ..., mend)
        if not isinstance(pepper_id, str) or not _ID.fullmatch(pepper_id):
            raise ConfigError(option, pepper_id, "name peppers by up to 32 letters and digits, such as '2026'")
        found[pepper_id] = data
    if not found:
        raise ConfigError(option, ..., mend)
    return found
