"""The circuit breaker: who may ask when, and what is said about it."""

import logging
from dataclasses import dataclass

import pytest

from asgisec.stores._breaker import Breaker


@dataclass
class Clock:
    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, int]]:
    return [(record.event.name, record.event.reason, record.levelno) for record in caplog.records]  # type: ignore[attr-defined]


OPENED = ("sys_store_unavailable", "circuit_opened", logging.ERROR)
CLOSED = ("sys_store_available", "circuit_closed", logging.INFO)


def test_it_opens_after_failures_in_a_row_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    breaker = Breaker(Clock(), "RedisStore")
    for failed in (True, True, False, True, True):
        assert breaker.may_ask()
        (breaker.failed if failed else breaker.succeeded)()
    assert breaker.may_ask()
    assert events(caplog) == []
    breaker.failed()
    assert not breaker.may_ask()
    breaker.failed()  # of one that had been let through before
    assert events(caplog) == [OPENED]


def test_one_may_try_after_a_pause_and_an_answer_closes_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    clock = Clock()
    breaker = Breaker(clock, "RedisStore")
    for _ in range(3):
        breaker.failed()
    clock.now += 0.9
    assert not breaker.may_ask()
    clock.now += 0.2
    assert [breaker.may_ask() for _ in range(5)] == [True, False, False, False, False]
    breaker.failed()
    assert not breaker.may_ask()
    clock.now += 1.1
    assert breaker.may_ask()
    breaker.succeeded()
    assert [breaker.may_ask() for _ in range(5)] == [True] * 5
    assert events(caplog) == [OPENED, CLOSED]


def test_one_that_never_told_how_it_went_does_not_keep_it_open() -> None:
    clock = Clock()
    breaker = Breaker(clock, "RedisStore")
    for _ in range(3):
        breaker.failed()
    clock.now += 1.1
    assert [breaker.may_ask(), breaker.may_ask()] == [True, False]
    clock.now += 1.1
    assert [breaker.may_ask(), breaker.may_ask()] == [True, False]
