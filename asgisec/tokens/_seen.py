"""Tokens that were verified lately.

Two dicts of half the size: what is new goes into one; when it is full it becomes the old one, and the old one is
dropped. What is used stays. There is nothing to iterate over and nothing to lock, so threads may share it.
"""

from asgisec.tokens.claims import Claims

__all__ = ["Seen", "SeenTokens"]


class Seen:
    """A verified token: its claims, and from when until when they are good."""

    __slots__ = ("begin", "claims", "end")

    def __init__(self, claims: Claims, begin: float, end: float) -> None:
        self.claims = claims
        self.begin = begin
        self.end = end


class SeenTokens:
    """Verified tokens, no more than `size` of them."""

    __slots__ = ("_half", "_new", "_old")

    def __init__(self, size: int) -> None:
        self._half = size // 2
        self._new: dict[str, Seen] = {}
        self._old: dict[str, Seen] = {}

    def find(self, token: str) -> Seen | None:
        """Return what is known of a token."""
        found = self._new.get(token)
        if found is None and self._old:
            found = self._old.get(token)
            if found is not None:
                self.put(token, found)
        return found

    def put(self, token: str, seen: Seen) -> None:
        """Keep a token."""
        if self._half:
            if len(self._new) >= self._half:
                self._old, self._new = self._new, {}
            self._new[token] = seen

    def __len__(self) -> int:
        return len(self._new) + len(self._old)
