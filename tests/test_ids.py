"""Request ids: UUIDv7 (RFC 9562 section 5.7), rising, and never the same twice, in threads and forks too."""

import itertools
import json
import os
import re
import threading
import uuid
from collections.abc import Callable

import pytest

from asgisec._ids import UUID7
from asgisec._wire.traceparent import parse_traceparent

MS = 1_000_000  # nanoseconds
NOW = 1_700_000_000_000 * MS
BLOCK = 256  # ids of one call for random bytes


# Python 3.12 and later warn of threads in a process that forks; here they are the point.
forks = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def clock(*readings: int) -> Callable[[], int]:
    """Return these readings, and the last one ever after."""
    left = itertools.chain(readings, itertools.repeat(readings[-1]))
    return lambda: next(left)


def test_layout() -> None:
    made = UUID7(clock(NOW))()
    assert re.fullmatch(r"[0-9a-f]{32}", made)
    read = uuid.UUID(made)
    assert (read.version, read.variant) == (7, uuid.RFC_4122)
    assert read.int >> 80 == NOW // MS


@pytest.mark.parametrize("fill", [pytest.param(b"\x00", id="zeros"), pytest.param(b"\xff", id="ones")])
def test_version_and_variant_whatever_the_random_bytes(fill: bytes) -> None:
    make = UUID7(clock(NOW), lambda size: fill * size)
    for made in (make() for _ in range(2 * BLOCK)):
        read = uuid.UUID(made)
        assert (read.version, read.variant) == (7, uuid.RFC_4122)


def test_random_bits_are_all_used() -> None:
    """Each of the 66 random bits takes both values; no block repeats a tail."""
    make = UUID7(clock(NOW))
    made = [int(make(), 16) for _ in range(4 * BLOCK)]
    random_bits = (1 << 62) - 1 | 0xF << 64
    seen_set, seen_clear = 0, 0
    for number in made:
        seen_set |= number
        seen_clear |= ~number
    assert seen_set & seen_clear & random_bits == random_bits
    assert len({number & random_bits for number in made}) == len(made)


def test_an_id_is_a_valid_trace_id() -> None:
    assert parse_traceparent(f"00-{UUID7()()}-00f067aa0ba902b7-01".encode()) is not None


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param((NOW,), id="a clock that stands still"),
        pytest.param((NOW, NOW - 60_000 * MS), id="a clock set back by a minute"),
        pytest.param((NOW, 0), id="a clock set back to 1970"),
        pytest.param(tuple(NOW + step * MS for step in range(2000)), id="a clock that runs"),
        pytest.param((*[NOW + BLOCK * MS, NOW] * 600,), id="a clock that jumps to and fro"),
    ],
)
def test_ids_rise(readings: tuple[int, ...]) -> None:
    make = UUID7(clock(*readings))
    made = [make() for _ in range(5 * BLOCK)]
    assert all(earlier < later for earlier, later in itertools.pairwise(made))


def test_time_runs_ahead_by_a_millisecond_per_block_at_most() -> None:
    make = UUID7(clock(NOW))
    made = [make() for _ in range(10 * BLOCK)]
    assert (uuid.UUID(made[-1]).int >> 80) - NOW // MS <= 10


def test_the_system_is_asked_once_per_block() -> None:
    asked: list[int] = []

    def entropy(size: int) -> bytes:
        asked.append(size)
        return os.urandom(size)

    make = UUID7(clock(NOW), entropy)
    for _ in range(3 * BLOCK):
        make()
    assert len(asked) == 3


@forks
def test_a_forked_worker_makes_other_ids() -> None:
    # A clock that stands still: only the tails can differ.
    make = UUID7(clock(NOW))
    make()
    here, there = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover - runs in the child, which leaves without telling
        os.write(there, json.dumps([make()[12:] for _ in range(20)]).encode())
        os._exit(0)
    os.close(there)
    with os.fdopen(here) as pipe:
        of_child = json.loads(pipe.read())
    assert os.waitpid(child, 0)[1] == 0
    of_parent = [make()[12:] for _ in range(BLOCK)]
    assert len(of_child) == 20
    assert not set(of_child) & set(of_parent)


@forks
def test_a_fork_while_a_thread_starts_a_block_leaves_a_worker_that_makes_ids() -> None:
    asked, go_on = threading.Event(), threading.Event()

    def entropy(size: int) -> bytes:
        if threading.current_thread() is starting:
            asked.set()
            go_on.wait(10)
        return os.urandom(size)

    make = UUID7(clock(NOW), entropy)
    starting = threading.Thread(target=make)
    starting.start()
    asked.wait(10)
    child = os.fork()
    if child == 0:  # pragma: no cover - runs in the child, which leaves without telling
        fresh = threading.Thread(target=make, daemon=True)  # waits for ever where the lock was taken along
        fresh.start()
        fresh.join(10)
        os._exit(1 if fresh.is_alive() else 0)
    go_on.set()
    starting.join()
    assert os.waitpid(child, 0)[1] == 0


def test_systems_without_fork_make_ids_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    assert len(UUID7()()) == 32


def test_no_two_threads_get_the_same_id() -> None:
    make, together = UUID7(), threading.Barrier(4)
    made: list[list[str]] = [[] for _ in range(4)]

    def work(mine: list[str]) -> None:
        together.wait()
        mine.extend(make() for _ in range(5000))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one for mine in made for one in mine}) == 20_000


def test_threads_that_run_out_together_start_one_block() -> None:
    inside, go_on = threading.Event(), threading.Event()
    second = threading.Event()

    def entropy(size: int) -> bytes:
        (second if inside.is_set() else inside).set()
        go_on.wait(10)
        return os.urandom(size)

    make = UUID7(clock(NOW), entropy)
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.append(make())) for _ in range(2)]
    threads[0].start()
    inside.wait(10)
    threads[1].start()
    assert not second.wait(0.05)
    go_on.set()
    for thread in threads:
        thread.join()
    made += [make() for _ in range(BLOCK - 2)]
    assert not second.is_set()
    assert sorted(made[2:]) == made[2:]
    assert len(set(made)) == BLOCK
