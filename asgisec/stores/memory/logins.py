"""Attempts to log in, in memory. Where it is full, what would be forgotten first makes room."""

from collections.abc import Sequence
from functools import cached_property

from asgisec.stores.memory._core import Expiring, Memory
from asgisec.stores.protocols import Pace

__all__ = ["Logins"]

_ROUNDED = 1.0  # seconds: far more than what is lost of a time when it is added to


class Logins(Memory):
    """A `LoginStore`. No method waits, so each is one step to all others of its event loop."""

    @cached_property
    def _attempts(self) -> Expiring[tuple[str, str], tuple[int, float]]:
        return Expiring(self.max_entries, evicts=True)

    @cached_property
    def _remembered(self) -> Expiring[tuple[str, str], None]:
        return Expiring(self.max_entries, evicts=True)

    async def attempt_login(self, identity: str, paces: Sequence[tuple[str, Pace, str | None]]) -> float:
        """Count one attempt at every pace, or at none; see `LoginStore`."""
        now = self.clock()
        found = []
        for name, pace, exempting in paces:
            if exempting is not None and self._remembered.find((identity, exempting), now) is not None:
                continue
            entry = self._attempts.find((identity, name), now)
            attempts, next_at = (0, now) if entry is None else entry.value
            if next_at - now > pace.longest_wait + _ROUNDED:
                next_at = now  # the clock was put back, and nobody has to wait until it is there again
            found.append((name, pace, attempts, next_at))
        wait = max((next_at - now for _, _, _, next_at in found), default=0.0)
        if wait > 0:
            return wait
        for name, pace, attempts, _ in found:
            self._keep((identity, name), pace, attempts + 1, now + pace.wait(attempts + 1), now)
        return 0.0

    async def settle_login(
        self,
        identity: str,
        *,
        forget: Sequence[str] = (),
        undo: Sequence[tuple[str, Pace, str | None]] = (),
        remember: tuple[str, float] | None = None,
    ) -> None:
        """Say how an attempt went; see `LoginStore`."""
        now = self.clock()
        for name in forget:
            self._attempts.discard((identity, name))
        for name, pace, exempting in undo:
            if exempting is not None and self._remembered.find((identity, exempting), now) is not None:
                continue
            entry = self._attempts.find((identity, name), now)
            if entry is not None:
                attempts, next_at = entry.value
                left = max(0, attempts - 1)
                self._keep((identity, name), pace, left, min(next_at, now + pace.wait(left)), now)
        if remember is not None:
            name, seconds = remember
            self._remembered.put((identity, name), None, now + seconds, now)

    def _keep(self, key: tuple[str, str], pace: Pace, attempts: int, next_at: float, now: float) -> None:
        self._attempts.put(key, (attempts, next_at), max(now + pace.forgotten_after, next_at), now)
