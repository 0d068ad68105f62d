"""Eight processes on one key of a real server, the clocks of half of them an hour off: one limit for all together."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from asgisec.policies.rate_limit.limiter import STRATEGIES
from tests import valkey
from tests.stores.test_rate_limits_model import MOST

ROOT = Path(__file__).parents[2]
HOUR = 3600


class Racers:
    """Processes that wait to be told whom to race for."""

    def __init__(self, started: Sequence[subprocess.Popen[str]]) -> None:
        self._started = started

    def race(self, strategy: str, limit: str, seconds: float) -> tuple[int, list[tuple[float, float]]]:
        """Return how many hits there were, and when each that was admitted was asked and answered."""
        for process in self._started:
            assert process.stdin is not None
            process.stdin.write(f"{strategy} {limit} {seconds} 4\n")
            process.stdin.flush()
        told = [json.loads(process.stdout.readline()) for process in self._started if process.stdout is not None]
        return sum(one["hits"] for one in told), [tuple(pair) for one in told for pair in one["admitted"]]


@contextmanager
def racers(url: str, skews: Sequence[int]) -> Iterator[Racers]:
    """Start a process per skew of its clock."""
    prefix = valkey.fresh_prefix()
    with ExitStack() as stack:
        started = []
        for skew in skews:
            words = [sys.executable, "-m", "tests.stores.racing", url, prefix, str(skew)]
            process = subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
            stack.enter_context(process)
            stack.callback(process.kill)
            started.append(process)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        yield Racers(started)


def most_surely_within(admitted: Sequence[tuple[float, float]], seconds: float) -> int:
    """Return the most that were admitted within some window: those both asked and answered in it."""
    return max(sum(begin <= asked and told <= begin + seconds for asked, told in admitted) for begin, _ in admitted)


@pytest.fixture(scope="module")
def eight(valkey_url: str) -> Iterator[Racers]:
    with racers(valkey_url, [0, HOUR, 0, -HOUR] * 2) as started:
        yield started


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_limit_is_spent_to_the_last_and_no_further(eight: Racers, strategy: str) -> None:
    hits, admitted = eight.race(strategy, "30/day", 0.2)
    assert hits > 30  # each process begins with four at once
    assert len(admitted) == 30


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_no_window_has_more_than_its_limit(eight: Racers, strategy: str) -> None:
    hits, admitted = eight.race(strategy, "10/second", 1.2)
    assert hits > 20
    assert len(admitted) >= 10
    assert most_surely_within(admitted, 1) <= MOST[strategy]
    if strategy == "fixed-window":
        # Windows begin with a hit, and last a second: as many as fit, and the one that began last.
        span = max(told for _, told in admitted) - min(asked for asked, _ in admitted)
        assert len(admitted) <= 10 * (int(span) + 1)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_twelve_processes_for_longer(valkey_url: str, strategy: str) -> None:
    with racers(valkey_url, [0, HOUR, 0, -HOUR] * 3) as twelve:
        hits, admitted = twelve.race(strategy, "10/second", 9)
        assert hits > 300
        assert most_surely_within(admitted, 1) <= MOST[strategy]
        assert len(admitted) >= 10 * 9 / 2 / 1.5
        _, exact = twelve.race(strategy, "500/day", 3)
        assert len(exact) == 500
