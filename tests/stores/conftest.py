"""Stores of every kind, each with what belongs to it alone."""

from collections.abc import Iterator

import pytest

from tests import postgres, valkey


@pytest.fixture(scope="session")
def valkey_url() -> Iterator[str]:
    """Give the URL of a server that all tests of this process share."""
    with valkey.server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Give the URL of a database that all tests of this process share."""
    with postgres.server() as url:
        yield url


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
