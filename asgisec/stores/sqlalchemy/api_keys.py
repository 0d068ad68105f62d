"""API keys in SQL: one row each. Expired keys stay until they are deleted."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import BindParameter, Row, bindparam, case, delete, insert, or_, select, update

from asgisec.stores._names import safe
from asgisec.stores.protocols import StoredAPIKey
from asgisec.stores.sqlalchemy._core import SQL
from asgisec.stores.sqlalchemy._tables import from_text, to_text

__all__ = ["APIKeyTable"]

# What may have any character in it, and is written so that every column can hold it.
_TEXTS = frozenset({"owner", "name"})


class APIKeyTable(SQL):
    """An `APIKeyStore`."""

    async def add_api_key(self, key: StoredAPIKey) -> None:
        """Keep a new key; see `APIKeyStore`."""
        async with self._transaction() as connection:
            values = _columns(asdict(key))
            await connection.execute(insert(self._tables.api_keys).values(owner_name=safe(key.owner), **values))

    async def find_api_key(self, key_id: str) -> StoredAPIKey | None:
        """Return a key; see `APIKeyStore`."""
        table = self._tables.api_keys
        async with self._transaction() as connection:
            row = (await connection.execute(select(table).where(table.c.id == safe(key_id)))).one_or_none()
        return None if row is None else _key(row)

    async def api_keys_of(self, owner: str) -> Sequence[StoredAPIKey]:
        """Return the keys of an owner; see `APIKeyStore`."""
        table = self._tables.api_keys
        asked = select(table).where(table.c.owner_name == safe(owner)).order_by(table.c.created_at, table.c.id)
        async with self._transaction() as connection:
            return [_key(row) for row in await connection.execute(asked)]

    async def change_api_key(
        self, key_id: str, changes: Mapping[str, object], *, digest: str | None = None
    ) -> StoredAPIKey | None:
        """Set attributes of a key; see `APIKeyStore`."""
        table = self._tables.api_keys
        changed = update(table).where(table.c.id == safe(key_id)).values(_columns(changes)).returning(table)
        if digest is not None:
            # PostgreSQL asks this again of a row that another transaction has just changed.
            changed = changed.where(table.c.digest == digest)
        async with self._transaction() as connection:
            row = (await connection.execute(changed)).one_or_none()
        return None if row is None else _key(row)

    async def delete_api_key(self, key_id: str) -> bool:
        """Delete a key; see `APIKeyStore`."""
        table = self._tables.api_keys
        async with self._transaction() as connection:
            deleted = await connection.execute(delete(table).where(table.c.id == safe(key_id)))
        return bool(deleted.rowcount)

    async def count_api_keys(self, used: Mapping[str, tuple[int, float]]) -> Collection[str]:
        """Add to counts; see `APIKeyStore`."""
        if not used:
            return ()
        table = self._tables.api_keys
        times: BindParameter[int] = bindparam("times")
        last: BindParameter[float] = bindparam("last")
        later = or_(table.c.last_used_at.is_(None), table.c.last_used_at < last)
        added = (
            update(table)
            .where(table.c.id == bindparam("key_id"))
            .values(
                request_count=table.c.request_count + times,
                last_used_at=case((later, last), else_=table.c.last_used_at),
            )
        )
        # In one order: two processes that lock the same rows in two orders would wait for each other.
        rows = [{"key_id": safe(key_id), "times": n, "last": at} for key_id, (n, at) in sorted(used.items())]
        async with self._transaction() as connection:
            await connection.execute(added, rows)
        return ()


def _columns(values: Mapping[str, object]) -> dict[str, Any]:
    return {name: to_text(str(value)) if name in _TEXTS else value for name, value in values.items()}


def _key(row: Row[Any]) -> StoredAPIKey:
    found = row._mapping  # noqa: SLF001 - SQLAlchemy's public name for a row as a mapping
    values: dict[str, Any] = {one.name: found[one.name] for one in fields(StoredAPIKey)}
    return StoredAPIKey(**values | {name: from_text(values[name]) for name in _TEXTS})
