"""Stores for what is kept of credentials."""

from tests.stores.conftest import anyio_backend, postgres_url, valkey_url

__all__ = ["anyio_backend", "postgres_url", "valkey_url"]
