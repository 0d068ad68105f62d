"""Measure what middleware adds to a request, with all variants in one process.

A machine's speed drifts by more than what is measured here. So variants are never run one after the other and then
compared. Time is cut into rounds. Each round runs every variant and the bare application, for about two milliseconds
each, in an order that rotates.

- Added cost is a variant minus bare, of the same round. The figure is the median over the rounds.
- A ratio is a quotient of two added costs of the same round. The figure is again the median.
- Time is the CPU time of this thread, so what other processes take is left out.
- Each variant starts its turn with an empty garbage list and the collector on: it pays for the cycles that it makes,
  and for nobody else's.
- Requests run one after the other in one task of one event loop. An application that never waits never reaches the
  loop, so nothing of the loop is in its figure.

Before anything is timed, each variant answers the requests it will be timed with, and those it must refuse. An answer
that is not as expected stops the run with `WrongAnswer`: a middleware that does nothing is fast.
"""

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from statistics import median, quantiles
from typing import Any, TypeAlias

__all__ = [
    "Expected",
    "Figure",
    "Goal",
    "Group",
    "Outcome",
    "Ratio",
    "Request",
    "Variant",
    "WrongAnswer",
    "check",
    "measure",
]

ASGIApp: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_BATCH = 2_000_000  # ns per turn: a few collections of the youngest generation happen in it, as in a server
_WARM_UP = 200  # requests per variant; CPython 3.11 specialises bytecode after 8 executions, allocators take longer
_FEWEST = 4  # requests per turn


class WrongAnswer(Exception):
    """A variant does not do what it is measured for."""


@dataclass(frozen=True)
class Request:
    """A request as a server hands it over. Its name is a row of the table.

    Args:
        name: What is special about it.
        scope: The scope; copied for each request, with its list of headers, as variants may write to it.
    """

    name: str
    scope: Mapping[str, Any]


@dataclass(frozen=True)
class Expected:
    """What a variant has to answer to a request.

    Args:
        request: The request.
        status: The status.
        present: Names of headers that must be there once each, in lower case.
        absent: Names of headers that must not be there.
    """

    request: Request
    status: int = 200
    present: frozenset[bytes] = frozenset()
    absent: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class Variant:
    """One way to do the work.

    Args:
        name: A row of the table.
        app: The bare application, wrapped in it.
        expected: What it has to answer, to the timed requests and to others.
    """

    name: str
    app: ASGIApp
    expected: Sequence[Expected] = ()


@dataclass(frozen=True)
class Goal:
    """The added cost of `of` is at most `at_most` times the added cost of `to`. A missed goal fails nothing."""

    of: str
    to: str
    at_most: float


@dataclass(frozen=True)
class Group:
    """What is compared with each other.

    Args:
        name: The title of the table.
        bare: The application alone.
        requests: The requests it is measured with.
        variants: The variants, in the order shown.
        goals: What should hold.
    """

    name: str
    bare: ASGIApp
    requests: Sequence[Request]
    variants: Sequence[Variant]
    goals: Sequence[Goal] = ()


@dataclass(frozen=True)
class Figure:
    """Added µs per request: the median over the rounds, and the quartiles around it."""

    variant: str
    request: str
    added: float
    low: float
    high: float


@dataclass(frozen=True)
class Ratio:
    """What became of a goal."""

    goal: Goal
    request: str
    value: float

    @property
    def met(self) -> bool:
        return self.value <= self.goal.at_most


@dataclass(frozen=True)
class Outcome:
    """All figures of a group, and what became of its goals."""

    group: Group
    rounds: int
    bare: Mapping[str, float] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    ratios: list[Ratio] = field(default_factory=list)

    def added(self, variant: str, request: str) -> float:
        """Return the figure of one row."""
        return next(f.added for f in self.figures if (f.variant, f.request) == (variant, request))


def measure(group: Group, *, rounds: int, seed: int) -> Outcome:
    """Check every variant of a group, then time it."""
    return asyncio.run(_measure(group, rounds, Random(seed)))  # noqa: S311 - an order, not a secret


async def check(variant: Variant) -> None:
    """Compare what a variant answers with what it has to."""
    for expected in variant.expected:
        start: list[Any] = []

        async def send(message: Any, start: list[Any] = start) -> None:
            if message["type"] == "http.response.start":
                start.append(message)

        await variant.app(_scope(expected.request), _receive, send)
        where = f"{variant.name}, {expected.request.name}"
        if [message["status"] for message in start] != [expected.status]:
            raise WrongAnswer(f"{where}: answered {start}, not {expected.status}")
        names = [bytes(name).lower() for name, _ in start[0]["headers"]]
        wrong = {name for name in expected.present if names.count(name) != 1} | (expected.absent & {*names})
        if wrong:
            raise WrongAnswer(f"{where}: {sorted(wrong)} should be there once, or not at all: {names}")


async def _measure(group: Group, rounds: int, random: Random) -> Outcome:
    for variant in group.variants:
        await check(variant)
        unchecked = {request.name for request in group.requests} - {row.request.name for row in variant.expected}
        if unchecked:
            raise WrongAnswer(f"{variant.name}: nothing says what it answers to {sorted(unchecked)}")
    apps = [group.bare, *(variant.app for variant in group.variants)]
    bare: dict[str, float] = {}
    outcome = Outcome(group, rounds, bare)
    for request in group.requests:
        costs = await _rounds(apps, request, rounds, random)
        bare[request.name] = median(costs[0]) / 1000
        added = {
            variant.name: [own - base for own, base in zip(costs[place], costs[0], strict=True)]
            for place, variant in enumerate(group.variants, 1)
        }
        for name, values in added.items():
            low, middle, high = quantiles(values, n=4)
            outcome.figures.append(Figure(name, request.name, middle / 1000, low / 1000, high / 1000))
        for goal in group.goals:
            quotients = [of / to for of, to in zip(added[goal.of], added[goal.to], strict=True) if to > 0]
            outcome.ratios.append(Ratio(goal, request.name, median(quotients)))
    return outcome


async def _rounds(apps: Sequence[ASGIApp], request: Request, rounds: int, random: Random) -> list[list[float]]:
    """Return ns per request: of each application, in each round."""
    batches = [await _calibrate(app, request) for app in apps]
    costs: list[list[float]] = [[] for _ in apps]
    order = list(range(len(apps)))
    random.shuffle(order)
    gc.collect()
    gc.freeze()
    try:
        for _ in range(rounds):
            for place in order:
                gc.collect()
                costs[place].append(await _turn(apps[place], request, batches[place]))
            order.append(order.pop(0))
    finally:
        gc.unfreeze()
    return costs


async def _calibrate(app: ASGIApp, request: Request) -> int:
    await _turn(app, request, _WARM_UP)
    return max(_FEWEST, round(_BATCH / await _turn(app, request, _WARM_UP)))


async def _turn(app: ASGIApp, request: Request, count: int) -> float:
    template, headers = request.scope, request.scope["headers"]
    begin = time.thread_time_ns()
    for _ in range(count):
        await app({**template, "headers": [*headers]}, _receive, _send)
    return (time.thread_time_ns() - begin) / count


def _scope(request: Request) -> dict[str, Any]:
    return {**request.scope, "headers": [*request.scope["headers"]]}


async def _receive() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _send(message: Any) -> None:
    pass
