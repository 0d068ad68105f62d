"""One set of servers per implementation, for all tests of this directory."""

from collections.abc import Iterator

import pytest

from tests.servers.apps import secured
from tests.servers.harness import SERVERS, Servers, running


@pytest.fixture(scope="session", params=SERVERS)
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    with running(request.param, secured()) as started:
        yield started
