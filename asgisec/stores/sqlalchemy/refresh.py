"""Families of refresh tokens in SQL: one row each. The first statement of a rotation is the one that writes.

So two transactions with one token never both see it as the current one: the second waits for the first, and then finds
another. On SQLite nothing else would be safe, as a transaction that begins by reading cannot always go on to write.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import false, insert, select, true, update

from asgisec.stores._names import safe
from asgisec.stores.protocols import RefreshFamily, Rotation
from asgisec.stores.sqlalchemy._core import SQL
from asgisec.stores.sqlalchemy._tables import from_text, to_text

__all__ = ["RefreshFamilies"]


class RefreshFamilies(SQL):
    """A `RefreshStore`."""

    async def add_family(self, family: RefreshFamily) -> None:
        """Keep a new family; see `RefreshStore`."""
        table = self._tables.families
        async with self._transaction() as connection:
            await connection.execute(
                insert(table).values(
                    id=safe(family.id),
                    owner_name=safe(family.owner),
                    owner=to_text(family.owner),
                    grant_text=family.grant,
                    proof=family.proof,
                    current_digest=family.current,
                    created_at=family.created_at,
                    expires_at=family.expires_at,
                    refreshed_at=family.refreshed_at,
                    previous_digest=family.previous,
                    sealed=family.sealed,
                    ended=family.ended,
                )
            )
            await self._remove_expired(connection, table)

    async def find_family(self, family_id: str) -> RefreshFamily | None:
        """Return a family; see `RefreshStore`."""
        table = self._tables.families
        async with self._transaction() as connection:
            asked = select(table).where(table.c.id == safe(family_id), table.c.expires_at > self._now(connection))
            row = (await connection.execute(asked)).one_or_none()
        return None if row is None else _family(row)

    async def rotate(self, family_id: str, presented: str, successor: str, sealed: str, grace: float) -> Rotation:
        """Make a successor the current token; see `RefreshStore`."""
        table = self._tables.families
        async with self._transaction() as connection:
            now = self._now(connection)
            live = (table.c.id == safe(family_id), table.c.ended == false(), table.c.expires_at > now)
            rotated = await connection.execute(
                update(table)
                .where(*live, table.c.current_digest == presented)
                .values(current_digest=successor, previous_digest=presented, sealed=sealed, refreshed_at=now)
            )
            if rotated.rowcount:
                return Rotation("rotated")
            asked = select(table.c.sealed).where(
                *live, table.c.previous_digest == presented, table.c.refreshed_at + grace > now
            )
            repeated = (await connection.execute(asked)).one_or_none()
            if repeated is not None:
                return Rotation("repeated", repeated.sealed)
            reused = await connection.execute(update(table).where(*live).values(ended=true()))
            return Rotation("reused" if reused.rowcount else "gone")

    async def end_family(self, family_id: str) -> None:
        """End a family; see `RefreshStore`."""
        table = self._tables.families
        async with self._transaction() as connection:
            await connection.execute(update(table).where(table.c.id == safe(family_id)).values(ended=true()))

    async def families_of(self, owner: str) -> Sequence[RefreshFamily]:
        """Return the families of an owner; see `RefreshStore`."""
        table = self._tables.families
        async with self._transaction() as connection:
            asked = (
                select(table)
                .where(
                    table.c.owner_name == safe(owner),
                    table.c.ended == false(),
                    table.c.expires_at > self._now(connection),
                )
                .order_by(table.c.created_at, table.c.id)
            )
            return [_family(row) for row in await connection.execute(asked)]


def _family(row: Any) -> RefreshFamily:
    return RefreshFamily(
        id=row.id,
        owner=from_text(row.owner),
        grant=row.grant_text,
        proof=row.proof,
        current=row.current_digest,
        created_at=row.created_at,
        expires_at=row.expires_at,
        refreshed_at=row.refreshed_at,
        previous=row.previous_digest,
        sealed=row.sealed,
        ended=row.ended,
    )
