"""Measure plain calls, all variants in one process: for what runs on a value and not on a request.

It goes as in `bench.harness`: time is cut into rounds, each round runs every variant once, in an order that rotates,
and is the CPU time of this thread. A figure is the median over the rounds; a ratio is the median of the quotients of
two variants of the same round. What disturbs a round disturbs both sides of it.

Before anything is timed, each variant is called once. Where variants have to give the same, an answer that differs
stops the run.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TypeAlias

from bench.harness import WrongAnswer

__all__ = [
    "Against",
    "Call",
    "CallFigure",
    "CallGroup",
    "CallOutcome",
    "CallRatio",
    "check",
    "finished",
    "measure_calls",
    "summarise",
]

Call: TypeAlias = Callable[[], object]

_BATCH = 500_000  # ns per turn: far above the clock's resolution, and one call of the slowest variant


@dataclass(frozen=True)
class Against:
    """Compare the first variant with `to`; where `at_most` is given, that is the goal. A missed goal fails nothing."""

    to: str
    at_most: float | None = None


@dataclass(frozen=True)
class CallGroup:
    """What is compared with each other.

    Args:
        name: The title of the table.
        cases: The columns: what is worked on, and each variant's call for it. All have the same variants, ours first.
        against: What ours is compared with.
        same: The variants that have to return what ours returns.
        unit: What the figures are.
    """

    name: str
    cases: Mapping[str, Mapping[str, Call]]
    against: Sequence[Against]
    same: Sequence[str] = ()
    unit: str = "µs per call"

    @property
    def variants(self) -> list[str]:
        return [*next(iter(self.cases.values()))]


@dataclass(frozen=True)
class CallFigure:
    """µs per call: the median over the rounds, and the quartiles around it."""

    variant: str
    case: str
    taken: float
    low: float
    high: float


@dataclass(frozen=True)
class CallRatio:
    """What a comparison came to."""

    against: Against
    case: str
    value: float

    @property
    def missed(self) -> bool:
        return self.against.at_most is not None and self.value > self.against.at_most


@dataclass(frozen=True)
class CallOutcome:
    """All figures of a group, and what its comparisons came to."""

    group: CallGroup
    rounds: int
    figures: list[CallFigure]
    ratios: list[CallRatio]


def measure_calls(group: CallGroup, *, rounds: int) -> CallOutcome:
    """Check every variant of a group, then time it."""
    outcome = CallOutcome(group, rounds, [], [])
    for case, calls in group.cases.items():
        check(group, case, {variant: call() for variant, call in calls.items()})
        summarise(outcome, case, _rounds(calls, rounds))
    return outcome


def summarise(outcome: CallOutcome, case: str, taken: Mapping[str, Sequence[float]]) -> None:
    """Add to an outcome what a case came to, from the ns that each variant took in each round."""
    group = outcome.group
    for variant, values in taken.items():
        low, middle, high = quantiles(values, n=4)
        outcome.figures.append(CallFigure(variant, case, middle / 1000, low / 1000, high / 1000))
    for against in group.against:
        pairs = zip(taken[group.variants[0]], taken[against.to], strict=True)
        outcome.ratios.append(CallRatio(against, case, median(ours / theirs for ours, theirs in pairs)))


def check(group: CallGroup, case: str, answers: Mapping[str, object]) -> None:
    """Stop the run where a case has other variants, or a variant another answer, than it should."""
    if [*answers] != group.variants:
        raise WrongAnswer(f"{group.name}, {case}: these are other variants: {[*answers]}")
    ours = answers[group.variants[0]]
    for variant in group.same:
        if answers[variant] != ours:
            raise WrongAnswer(f"{group.name}, {case}: {variant} gives {answers[variant]!r}, not {ours!r}")


def _rounds(calls: Mapping[str, Call], rounds: int) -> dict[str, list[float]]:
    """Return ns per call: of each variant, in each round."""
    counts = {variant: _calibrate(call) for variant, call in calls.items()}
    taken: dict[str, list[float]] = {variant: [] for variant in calls}
    order = [*calls]
    for _ in range(rounds):
        for variant in order:
            taken[variant].append(_turn(calls[variant], counts[variant]))
        order.append(order.pop(0))
    return taken


def _calibrate(call: Call) -> int:
    _turn(call, 20)
    return max(1, round(_BATCH / _turn(call, 20)))


def _turn(call: Call, count: int) -> float:
    begin = time.thread_time_ns()
    for _ in range(count):
        call()
    return (time.thread_time_ns() - begin) / count


def finished(call: object) -> object:
    """Run what never waits to its end, without an event loop."""
    try:
        call.send(None)  # type: ignore[attr-defined]  # a coroutine
    except StopIteration as stopped:
        return stopped.value
    raise AssertionError("it waits")
