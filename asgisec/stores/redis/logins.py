"""Attempts to log in, on Redis: all that concerns one account, or one address, is in one slot, and one step."""

from collections.abc import Sequence

from asgisec.stores.protocols import Pace
from asgisec.stores.redis._core import Redis, Script, Word

__all__ = ["Logins"]

_ATTEMPT, _SETTLE = Script("login_attempt"), Script("login_settle")


class Logins(Redis):
    """A `LoginStore`."""

    async def attempt_login(self, identity: str, paces: Sequence[tuple[str, Pace, str | None]]) -> float:
        """Count one attempt at every pace, or at none; see `LoginStore`."""
        keys = [key for name, _, exempting in paces for key in self._pair(identity, name, exempting)]
        args: list[Word] = [number for _, pace, _ in paces for number in pace]
        return float(await self.run(_ATTEMPT, keys, args))

    async def settle_login(
        self,
        identity: str,
        *,
        forget: Sequence[str] = (),
        undo: Sequence[tuple[str, Pace, str | None]] = (),
        remember: tuple[str, float] | None = None,
    ) -> None:
        """Say how an attempt went; see `LoginStore`."""
        keys = [self.key("login", identity, name) for name in forget]
        keys += [key for name, _, exempting in undo for key in self._pair(identity, name, exempting)]
        args: list[Word] = [len(forget), len(undo)]
        args += [number for _, pace, _ in undo for number in pace[:3]]
        if remember is not None:
            keys.append(self.key("login-known", identity, remember[0]))
            args.append(remember[1])
        if keys:  # else there is nothing to say
            await self.run(_SETTLE, keys, args)

    def _pair(self, identity: str, name: str, exempting: str | None) -> tuple[str, str]:
        record = self.key("login", identity, name)
        return record, record if exempting is None else self.key("login-known", identity, exempting)
