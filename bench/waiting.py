"""Measure awaited calls: what waits for a store, one call at a time or many in flight.

It goes as in `bench.calls`, but for the clock: what waits for another process is not in the CPU time of this thread, so
the wall clock is read. A figure is the time of a turn divided by its calls, so with 50 in flight it is what one call
costs at that load; how long one caller waits is more. The server works on the same machine, for all variants alike.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias, cast

from bench.calls import CallGroup, CallOutcome, check, summarise

__all__ = ["measure_awaited"]

Waiting: TypeAlias = Callable[[], Awaitable[object]]

_BATCH = 10_000_000  # ns per turn: many round trips, so that one late wake-up is not the figure


async def measure_awaited(group: CallGroup, *, rounds: int, in_flight: int = 1) -> CallOutcome:
    """Check every variant of a group, then time it; its calls return awaitables."""
    outcome = CallOutcome(group, rounds, [], [])
    for case, listed in group.cases.items():
        calls = cast("Mapping[str, Waiting]", listed)
        check(group, case, {variant: await call() for variant, call in calls.items()})
        summarise(outcome, case, await _rounds(calls, rounds, in_flight))
    return outcome


async def _rounds(calls: Mapping[str, Waiting], rounds: int, in_flight: int) -> dict[str, list[float]]:
    counts = {variant: await _calibrate(call, in_flight) for variant, call in calls.items()}
    taken: dict[str, list[float]] = {variant: [] for variant in calls}
    order = [*calls]
    for _ in range(rounds):
        for variant in order:
            taken[variant].append(await _turn(calls[variant], counts[variant], in_flight))
        order.append(order.pop(0))
    return taken


async def _calibrate(call: Waiting, in_flight: int) -> int:
    await _turn(call, 5, in_flight)
    return max(1, round(_BATCH / (await _turn(call, 5, in_flight) * in_flight)))


async def _turn(call: Waiting, count: int, in_flight: int) -> float:
    """Return ns per call: `in_flight` callers, each of `count` calls, one after the other."""

    async def caller() -> None:
        for _ in range(count):
            await call()

    begin = time.perf_counter_ns()
    await asyncio.gather(*(caller() for _ in range(in_flight)))
    return (time.perf_counter_ns() - begin) / (count * in_flight)
