"""Work in threads: bounded, however many ask at once and whoever is cancelled."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import pytest

from asgisec.credentials._workers import Workers
from asgisec.errors import Overloaded


class Bench:
    """Work that goes on until it is told to end, and knows how many do it at the same time."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.end = threading.Event()
        self.running = self.most = self.done = 0
        self._lock = threading.Lock()

    def work(self) -> str:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        self.begun.release()
        self.end.wait(30)
        with self._lock:
            self.running -= 1
            self.done += 1
        return "done"

    async def until_begun(self, count: int) -> None:
        for _ in range(count):
            assert await anyio.to_thread.run_sync(self.begun.acquire, True, 30)


@contextmanager
def ending(bench: Bench) -> Iterator[Bench]:
    try:
        yield bench
    finally:
        bench.end.set()


LOOPS = pytest.mark.parametrize("loop", ["asyncio", "trio"])


@LOOPS
def test_of_callers_in_one_turn_as_many_are_let_in_as_there_is_room_for(loop: str) -> None:
    async def main() -> None:
        workers, outcomes = Workers(2, 3), list[str]()

        async def caller() -> None:
            try:
                outcomes.append(await workers.run(bench.work))
            except Overloaded as refusal:
                outcomes.append(refusal.reason)
                if outcomes.count("queue_full") == 15:
                    bench.end.set()

        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(caller)
        assert (outcomes.count("done"), outcomes.count("queue_full"), bench.done) == (5, 15, 5)
        assert bench.most <= 2
        assert await workers.run(bench.work) == "done"

    with ending(Bench()) as bench:
        anyio.run(main, backend=loop)


def test_a_task_that_asyncio_cancels_keeps_its_place_until_its_thread_has_ended() -> None:
    async def main() -> None:
        workers = Workers(1, 5)
        first = asyncio.create_task(workers.run(bench.work))
        await bench.until_begun(1)
        waiting = [asyncio.create_task(workers.run(bench.work)) for _ in range(3)]
        for _ in range(3):
            first.cancel()
            await asyncio.sleep(0)
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
        assert not first.done()
        assert (bench.running, bench.most) == (1, 1)
        bench.end.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        assert await asyncio.gather(*waiting[1:]) == ["done", "done"]
        assert (bench.most, bench.done) == (1, 3)
        assert await asyncio.gather(*(workers.run(bench.work) for _ in range(6))) == ["done"] * 6

    with ending(Bench()) as bench:
        asyncio.run(main())


@LOOPS
def test_a_cancelled_scope_leaks_no_place(loop: str) -> None:
    async def main() -> None:
        workers = Workers(1, 1)
        async with anyio.create_task_group() as group:
            group.start_soon(workers.run, bench.work)
            await bench.until_begun(1)
            group.start_soon(workers.run, bench.work)
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
            bench.end.set()
        assert bench.done == 1
        async with anyio.create_task_group() as group:
            group.start_soon(workers.run, bench.work)
            group.start_soon(workers.run, bench.work)
        assert (bench.most, bench.done) == (1, 3)

    with ending(Bench()) as bench:
        anyio.run(main, backend=loop)


@LOOPS
def test_two_kinds_of_work_have_their_own_places_and_errors_come_as_they_are(loop: str) -> None:
    async def main() -> None:
        narrow, wide = Workers(1, 1), Workers(3, 1)

        def fail() -> str:
            raise LookupError("as it is")

        with pytest.raises(LookupError, match="as it is"):
            await narrow.run(fail)
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(wide.run, bench.work)
            await bench.until_begun(3)
            bench.end.set()
        assert bench.most == 3

    with ending(Bench()) as bench:
        anyio.run(main, backend=loop)


def test_each_event_loop_begins_anew() -> None:
    workers = Workers(1, 1)
    with ending(Bench()) as bench:
        bench.end.set()
        assert [asyncio.run(workers.run(bench.work)) for _ in range(3)] == ["done"] * 3
