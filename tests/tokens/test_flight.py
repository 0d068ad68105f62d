"""Work that runs once for all who wait for it: whether it is under way, and who waits how long."""

from concurrent.futures import Future
from threading import Event
from typing import Any

import anyio
import pytest
from anyio import fail_after

from asgisec.tokens._flight import Flights, landed

PATIENCE = 60.0
SOON = 5.0  # seconds: nobody waits for so long here


@pytest.mark.anyio
async def test_work_is_under_way_until_it_ends() -> None:
    gate = Event()
    failures: list[Exception] = []

    def work() -> None:
        gate.wait(PATIENCE)

    flights = Flights(work, failures.append)
    assert flights.under_way() is None
    flight = flights.begin()
    assert flights.begin() is flight
    assert flights.under_way() is flight
    gate.set()
    with fail_after(SOON):
        await landed(flight, PATIENCE)
    assert flights.under_way() is None
    assert failures == []


@pytest.mark.anyio
async def test_nobody_waits_longer_than_his_patience() -> None:
    with fail_after(SOON):
        await landed(Future(), 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_work_that_ends_behind_a_loop_that_has_gone_wakes_nobody(
    backend: Any, caplog: pytest.LogCaptureFixture
) -> None:
    flight: Future[None] = Future()
    anyio.run(landed, flight, 0, backend=backend)
    flight.set_result(None)
    assert caplog.records == []
