"""The benchmark of passwords measures all that it says, after it has checked it."""

import asyncio
import time
from typing import Any

import pytest

from bench import passwords
from bench.calls import CallGroup
from bench.harness import WrongAnswer

OURS, LOOP, PASSLIB, THREADS = (
    "PasswordHasher.verify",
    *(
        "argon2-cffi on the loop",
        "passlib on the loop",
        "argon2-cffi in anyio's threads",
    ),
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_LOGINS", 3)
    monkeypatch.setattr(passwords, "_COSTS", {"memory_cost": 1024, "time_cost": 1, "parallelism": 1})


def test_what_is_compared() -> None:
    assert [(group.unit, [(one.to, one.at_most) for one in group.against]) for group in passwords.groups()] == [
        ("µs late at worst", [(LOOP, 0.125), (PASSLIB, 0.125), (THREADS, None)]),
        ("µs late at worst", [(LOOP, None), (PASSLIB, None), (THREADS, None)]),
        ("KiB", [(PASSLIB, 2.5), (THREADS, None)]),
    ]


def test_every_variant_has_a_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    grown: list[str] = []

    def note(variant: str) -> int:
        grown.append(variant)
        return 1024

    monkeypatch.setattr(passwords, "_grown", note)
    outcomes = [*passwords.measured(1)]
    assert len(outcomes) == 3
    for outcome in outcomes:
        assert [figure.variant for figure in outcome.figures] == outcome.group.variants
        assert all(figure.taken > 0 for figure in outcome.figures)
    assert grown == [variant for variant in (OURS, PASSLIB, THREADS) for _ in range(2)]


def test_what_stands_still_is_late_and_what_waits_is_not() -> None:
    async def blocking() -> bool:
        time.sleep(0.1)  # noqa: ASYNC251 - what is to be seen
        return True

    assert asyncio.run(passwords._worst(passwords._all_at_once, blocking)) > 0.2


def test_a_login_that_fails_stops_the_run() -> None:
    async def fits() -> bool:
        return True

    async def fails() -> bool:
        return False

    calls: dict[str, Any] = {"ours": fits, "theirs": fails}
    group = CallGroup("logins", {"x": calls}, [], same=["theirs"])
    with pytest.raises(WrongAnswer, match="theirs gives False, not True"):
        asyncio.run(passwords._measure(group, passwords._all_at_once, 2))


@pytest.mark.skipif(not passwords._STATUS.exists(), reason="only Linux tells it")
def test_logins_take_the_memory_of_those_at_once() -> None:
    """It runs with the costs that are measured: 50 logins, each with 19 MiB, two at once."""
    assert 19_000 < passwords._grown(OURS) < 3 * 19_456
