"""What middleware adds to a request, in CPU time beside the bare application: in rounds, as `bench.harness` does it."""

import time
from collections.abc import Callable
from statistics import median

from bench.compare.driving import ask
from tests.asgi import App

__all__ = ["added"]


async def added(make: Callable[[], App], bare: Callable[[], App], *, rounds: int = 30, requests: int = 20) -> float:
    """Return what a request costs more than a bare one, as a share of the bare one: 0.5 is half as much again."""
    apps = (make(), bare())
    for app in apps:
        await _taken(app, requests)
    shares = []
    for turn in range(rounds):
        taken = [0, 0]
        for place in (turn % 2, 1 - turn % 2):
            taken[place] = await _taken(apps[place], requests)
        shares.append(taken[0] / taken[1] - 1)
    return median(shares)


async def _taken(app: App, requests: int) -> int:
    begin = time.thread_time_ns()
    for _ in range(requests):
        await ask(app)
    return time.thread_time_ns() - begin
