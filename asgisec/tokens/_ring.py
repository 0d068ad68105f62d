"""What a verifier looks keys up in: it never changes. Keys that come or go make a new ring."""

from collections.abc import Sequence
from math import inf
from typing import Protocol

from asgisec.tokens._jws import Header
from asgisec.tokens._keys import Key
from asgisec.tokens._reasons import refused

__all__ = ["Ring", "RingSource"]


class Ring:
    """Keys, by algorithm and id.

    Attributes:
        keys: All of them, the one that signs first.
        expires_at: When the first of them stops to verify.
    """

    __slots__ = ("_by_algorithm", "_by_id", "expires_at", "keys")

    def __init__(self, keys: Sequence[Key]) -> None:
        self.keys = tuple(keys)
        self.expires_at = min((key.expires_at for key in keys if key.expires_at is not None), default=inf)
        self._by_id = {(key.algorithm, key.kid): key for key in reversed(self.keys)}
        self._by_algorithm: dict[str, list[Key]] = {}
        for key in self.keys:
            self._by_algorithm.setdefault(key.algorithm, []).append(key)

    def find(self, header: Header) -> Key:
        """Return the key of a token. Its id is looked up in a dict: no path and no query is ever made of it.

        Raises:
            InvalidToken: There is no such key, or it is for another algorithm, or none is named and several would do.
        """
        if header.algorithm not in self._by_algorithm:
            raise refused("algorithm")
        if header.kid is None:
            fitting = self._by_algorithm[header.algorithm]
            if len(fitting) != 1:
                raise refused("unknown_key")
            return fitting[0]
        key = self._by_id.get((header.algorithm, header.kid))
        if key is None:
            raise refused("algorithm" if any(known.kid == header.kid for known in self.keys) else "unknown_key")
        return key


class RingSource(Protocol):
    """Where a verifier has its keys from: a `KeySet`, or a `RemoteKeySet`."""

    def current(self) -> Ring:
        """Return the keys as they are now; the same ring as long as they stay the same.

        Raises:
            KeysUnavailable: There are none at hand, or they are too old to be believed.
        """
