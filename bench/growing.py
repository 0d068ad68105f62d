"""What keys cost on Redis while they grow: `python -m bench.growing --keys 1000000`.

Every key is one decision of a client of its own. At each power of ten are told: the memory of the server per key, what
a decision takes with one in flight and with 200, and what of it is the script's on the server.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from asgisec.policies.rate_limit.limiter import STRATEGIES, RateLimiter
from asgisec.stores import RedisStore
from tests import valkey
from tests.valkey import Process

__all__ = ["Grown", "grow"]

_IN_FLIGHT = 200
_ALONE = 200  # decisions, of clients that are known


@dataclass(frozen=True)
class Grown:
    """What it was at one size: bytes per key, µs per decision, and µs of the script."""

    keys: int
    size: float
    alone: float
    together: float
    script: float


async def grow(server: Process, strategy: str, keys: int) -> list[Grown]:
    """Make keys, up to so many."""
    async with RedisStore.from_url(server.url, timeout=10) as store:
        limiter = RateLimiter("100/day", store=store, strategy=strategy, on_store_error="deny")
        await limiter.hit("first")
        empty = _memory(server)
        grown = []
        made = 0
        for size in _sizes(keys):
            begin = time.perf_counter()
            clients = iter(range(made, size))

            async def caller(clients: Iterator[int] = clients) -> None:
                for client in clients:
                    await limiter.hit(f"client:{client >> 16}.{client & 65535}")

            await asyncio.gather(*(caller() for _ in range(_IN_FLIGHT)))
            together = (time.perf_counter() - begin) / (size - made)
            made = size
            memory = _memory(server) - empty
            with server.client() as other:
                other.config_resetstat()
            begin = time.perf_counter()
            for n in range(_ALONE):
                client = n * size // _ALONE
                await limiter.hit(f"client:{client >> 16}.{client & 65535}")
            alone = (time.perf_counter() - begin) / _ALONE
            with server.client() as other:
                script = float(other.info("commandstats")["cmdstat_evalsha"]["usec_per_call"])
            grown.append(Grown(size, memory / size, alone * 1e6, together * 1e6, script))
        return grown


def _sizes(keys: int) -> Iterator[int]:
    size = 1000
    while size < keys:
        yield size
        size *= 10
    yield keys


def _memory(server: Process) -> int:
    with server.client() as other:
        return int(other.info("memory")["used_memory"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growing", description="Measure keys that grow on Redis.")
    parser.add_argument("--keys", type=int, default=1_000_000, help="up to how many (default: %(default)s)")
    parser.add_argument("--strategy", choices=STRATEGIES, action="append", help="one strategy, or several; all")
    options = parser.parse_args()
    for strategy in options.strategy or STRATEGIES:
        print(f"{strategy}\n\n       keys  bytes per key  µs alone  µs with {_IN_FLIGHT} in flight  µs of the script")
        with valkey.process() as server:
            for row in asyncio.run(grow(server, strategy, options.keys)):
                print(f"{row.keys:>11,}{row.size:>15.0f}{row.alone:>10.0f}{row.together:>22.0f}{row.script:>18.1f}")
        print()


if __name__ == "__main__":
    main()
