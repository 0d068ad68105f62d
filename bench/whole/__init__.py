"""The whole way of a request through a secured FastAPI application, one file per way to build it.

The route asks for a Bearer token with a scope, which must not have been revoked, and for two rate limits; tokens and
counts are looked up on a real Valkey. Around it are CORS, trusted hosts, security headers and a request id.

- `bare`: the route alone.
- `usual`: what tutorials have.
- `assembled`: the best of the other packages.
- `secured`: asgisec.
- `floor`: the same by hand.

In process it is the time of a request, waiting for Valkey included, one at a time and 50 in flight. Through uvicorn it
is what a load generator gets, variants in turn: each round runs all of them for a second, and compares within itself.
A hundred users ask, each with a token that is good for long enough to come again.
"""

import asyncio
from collections.abc import Iterator

from bench import load
from bench.calls import CallOutcome
from bench.whole import in_process, served
from tests import valkey

__all__ = ["LEFT_OUT", "PEERS", "measured"]

PEERS = (
    "fastapi",
    "starlette",
    "asgi-correlation-id",
    "fastapi-security-headers",
    "pyjwt",
    "python-jose",
    "limits",
    "slowapi",
    "redis",
    "hiredis",
    "uvicorn",
    "uvloop",
    "httptools",
)

LEFT_OUT: list[str] = []
"""What the last run did not measure, and why."""


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure in process, then through uvicorn."""
    LEFT_OUT.clear()
    with valkey.process(tcp=True) as server:
        yield from asyncio.run(in_process.measured(server.url, rounds))
        if load.find() is None:
            LEFT_OUT.append(f"the whole way through uvicorn: {load.MISSING}")
        else:
            yield served.measured(server.url, rounds)
