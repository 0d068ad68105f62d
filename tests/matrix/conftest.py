"""The servers of the matrix, each started once, when its first cell runs. A cell that is skipped has failed."""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack

import pytest

from tests.matrix.fleet import Fleet, running


@pytest.fixture(scope="session")
def fleets() -> Iterator[Callable[[str], Fleet]]:
    started: dict[str, Fleet] = {}
    with ExitStack() as stack:

        def start(server: str) -> Fleet:
            if server not in started:
                started[server] = stack.enter_context(running(server))
            return started[server]

        yield start


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{item.name} did not run"
    return report
