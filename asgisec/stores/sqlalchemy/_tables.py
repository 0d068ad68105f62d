"""The tables, and their DDL. Owners are kept as JSON text: it holds what no column of text can, such as NUL.

What is looked up by an owner is looked up by its name, which is short whatever the owner is.
"""

import json
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Double, Index, MetaData, String, Table, Text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import CreateIndex, CreateTable

from asgisec.stores._names import MAX_NAME

__all__ = ["DIALECTS", "Tables", "creating", "from_text", "statements", "to_text"]

_DIGEST = 64  # hexadecimal digits of SHA-256
_PEPPERED = 128  # of a digest that has the id of its pepper before it

DIALECTS: dict[str, Any] = {"postgresql": postgresql.dialect, "sqlite": sqlite.dialect}


class Tables:
    """The tables of one store.

    Attributes:
        metadata: All of them, for tools such as Alembic.
        revocations: What was revoked.
        families: Families of refresh tokens.
        api_keys: API keys.
    """

    def __init__(self, prefix: str) -> None:
        self.metadata = MetaData()
        self.revocations = Table(
            f"{prefix}revocations",
            self.metadata,
            Column("owner_name", String(MAX_NAME), primary_key=True),
            Column("key_name", String(MAX_NAME), primary_key=True),
            Column("not_before", Double, nullable=False),
            Column("expires_at", Double, nullable=False),
        )
        self.families = Table(
            f"{prefix}refresh_families",
            self.metadata,
            Column("id", String(MAX_NAME), primary_key=True),
            Column("owner_name", String(MAX_NAME), nullable=False),
            Column("owner", Text, nullable=False),
            Column("grant_text", Text, nullable=False),
            Column("proof", String(_DIGEST), nullable=False),
            Column("current_digest", String(_DIGEST), nullable=False),
            Column("created_at", Double, nullable=False),
            Column("expires_at", Double, nullable=False),
            Column("refreshed_at", Double),
            Column("previous_digest", String(_DIGEST)),
            Column("sealed", Text),
            Column("ended", Boolean, nullable=False),
        )
        self.api_keys = Table(
            f"{prefix}api_keys",
            self.metadata,
            Column("id", String(MAX_NAME), primary_key=True),
            Column("owner_name", String(MAX_NAME), nullable=False),
            Column("owner", Text, nullable=False),
            Column("name", Text, nullable=False),
            Column("scopes", Text, nullable=False),
            Column("networks", Text, nullable=False),
            Column("digest", String(_PEPPERED), nullable=False),
            Column("last_four", String(4), nullable=False),
            Column("created_at", Double, nullable=False),
            Column("expires_at", Double),
            Column("active", Boolean, nullable=False),
            Column("previous_digest", String(_PEPPERED)),
            Column("previous_until", Double),
            Column("last_used_at", Double),
            Column("request_count", BigInteger, nullable=False),
        )
        for table, column in (
            (self.revocations, "expires_at"),
            (self.families, "owner_name"),
            (self.families, "expires_at"),
            (self.api_keys, "owner_name"),
        ):
            Index(f"ix_{table.name}_{column}", table.c[column])


def creating(tables: Tables) -> list[CreateTable | CreateIndex]:
    """Return what creates what is not there yet. Executed as it is, it follows an engine's map of schemas."""
    made: list[CreateTable | CreateIndex] = []
    for table in tables.metadata.sorted_tables:
        made.append(CreateTable(table, if_not_exists=True))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        made += [CreateIndex(index, if_not_exists=True) for index in indexes]
    return made


def statements(tables: Tables, dialect: Dialect) -> list[str]:
    """Return the statements that create what is not there yet."""
    return [str(one.compile(dialect=dialect)).strip() for one in creating(tables)]


def to_text(text: str) -> str:
    """Return a text as every column of text can hold it."""
    return json.dumps(text)


def from_text(text: str) -> str:
    """Return the text that a column holds."""
    read: str = json.loads(text)
    return read
