"""Revocations in SQL: one row each."""

import time
from collections.abc import Sequence

from sqlalchemy import case, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from asgisec.stores._names import safe
from asgisec.stores.sqlalchemy._core import SQL

__all__ = ["Denylist"]


class Denylist(SQL):
    """A `DenylistStore`."""

    async def deny(self, owner: str, key: str, not_before: float, expires_at: float) -> None:
        """Refuse what was issued for `key` before `not_before`; see `DenylistStore`."""
        table = self._tables.revocations
        async with self._transaction() as connection:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            # As a length of time: where the server's clock is ahead, a moment of ours may be over there already.
            end = self._now(connection) + (expires_at - time.time())
            new = insert(table).values(
                owner_name=safe(owner), key_name=safe(key), not_before=not_before, expires_at=end
            )
            over = table.c.expires_at <= self._now(connection)
            # What stands there already is never weakened; what is over is as if it had never been there.
            stricter = {
                name: case((or_(over, new.excluded[name] > table.c[name]), new.excluded[name]), else_=table.c[name])
                for name in ("not_before", "expires_at")
            }
            await connection.execute(
                new.on_conflict_do_update(
                    index_elements=["owner_name", "key_name"],
                    set_=stricter,
                    where=or_(over, new.excluded.expires_at > self._now(connection)),
                )
            )
            # Behind what writes: on SQLite a transaction that begins by reading cannot always go on to write.
            await self._remove_expired(connection, table)

    async def denied(self, owner: str, keys: Sequence[str]) -> Sequence[float | None]:
        """Return for each key of an owner its `not_before`; see `DenylistStore`."""
        if not keys:
            return []
        names = [safe(key) for key in keys]
        table = self._tables.revocations
        async with self._transaction() as connection:
            asked = select(table.c.key_name, table.c.not_before).where(
                table.c.owner_name == safe(owner),
                table.c.key_name.in_(names),
                table.c.expires_at > self._now(connection),
            )
            found: dict[str, float] = {row.key_name: row.not_before for row in await connection.execute(asked)}
        return [found.get(name) for name in names]
