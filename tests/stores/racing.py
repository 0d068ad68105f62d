"""One of several processes that hit one key of one server: `python -m tests.stores.racing URL PREFIX SKEW`.

It reads lines `strategy limit seconds in_flight`, and for each writes a line of JSON: when what was admitted was asked
for, and when it was answered, on the clock that all processes of a machine share. With SKEW its own clock is wrong.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable

now = time.monotonic
url, prefix, skew = sys.argv[1], sys.argv[2], float(sys.argv[3])


def wrong(clock: Callable[[], float]) -> Callable[[], float]:
    return lambda: clock() + skew


# Before anything of ours is imported, and keeps the right one.
time.time = wrong(time.time)
time.time_ns = wrong(time.time_ns)  # type: ignore[assignment]  # a float does for what nobody asks

from asgisec.policies.rate_limit.limiter import RateLimiter  # noqa: E402 - see above
from asgisec.stores import RedisStore  # noqa: E402 - likewise


async def hit(limiter: RateLimiter, until: float, admitted: list[tuple[float, float]]) -> int:
    hits = 0
    while (begin := now()) < until:
        decision = await limiter.hit("everybody")
        hits += 1
        if decision.allowed:
            admitted.append((begin, now()))
    return hits


async def main() -> None:
    async with RedisStore.from_url(url, prefix=prefix, timeout=30) as store:
        loop = asyncio.get_running_loop()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            strategy, limit, seconds, in_flight = line.split()
            limiter = RateLimiter(limit, store=store, strategy=strategy, on_store_error="deny")
            admitted: list[tuple[float, float]] = []
            until = now() + float(seconds)
            hits = await asyncio.gather(*(hit(limiter, until, admitted) for _ in range(int(in_flight))))
            sys.stdout.write(json.dumps({"hits": sum(hits), "admitted": admitted}) + "\n")
            sys.stdout.flush()


asyncio.run(main())
