"""What becomes of it when it grows: more routes and rules, more workers, more time.

- `growth`: the cost of a request, with one of what an application lists and with a thousand.
- `workers`: two workers of uvicorn beside one, on one Valkey, under the load generator.
- `soak`: minutes at full load, with everything on; a target of its own, `make soak`.
"""

from collections.abc import Iterator

from bench import load
from bench.calls import CallOutcome
from bench.scale import growth, workers
from tests import valkey

__all__ = ["LEFT_OUT", "PEERS", "measured"]

PEERS = ("fastapi", "starlette", "uvicorn", "uvloop", "httptools", "redis", "hiredis")

LEFT_OUT: list[str] = []
"""What the last run did not measure, and why."""


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure in process, then two workers beside one."""
    LEFT_OUT.clear()
    yield from growth.measured(rounds)
    if load.find() is None:
        LEFT_OUT.append(f"two workers beside one: {load.MISSING}")
        return
    with valkey.process(tcp=True) as server:
        yield from workers.measured(server.url, rounds)
