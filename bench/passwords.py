"""What logins cost everybody else: how late the event loop gets, and how much memory hashing takes.

The same Argon2id parameters everywhere, those of `PasswordHasher`. While 50 logins run, a task wakes up every 10 ms and
notes how late it was; the figure of a round is the worst of these. Memory is the peak that 50 logins add to a fresh
process.
"""

import asyncio
import subprocess
import sys
import warnings
from collections.abc import Awaitable, Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import argon2
from anyio import to_thread

from asgisec.credentials import PasswordHasher
from bench.calls import Against, CallGroup, CallOutcome, check, summarise

__all__ = ["PEERS", "groups", "measured"]

PEERS = ("argon2-cffi", "anyio", "passlib")

_LOGINS = 50
_TICK = 0.01  # seconds
_AT_ONCE = 2
_COSTS: dict[str, Any] = {"memory_cost": 19_456, "time_cost": 2, "parallelism": 1}
_PASSWORD = "correct horse battery"  # noqa: S105 - nobody's
_OURS = "PasswordHasher.verify"
_LOOP = "argon2-cffi on the loop"
_PASSLIB = "passlib on the loop"
_THREADS = "argon2-cffi in anyio's threads"
_STATUS = Path("/proc/self/status")

Login: TypeAlias = Callable[[], Awaitable[bool]]


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure lateness, then memory; of the rounds asked for a few, as one takes a second per variant."""
    few = max(2, min(rounds, 20) // 3)
    for group, run in zip(groups(), (_all_at_once, _one_by_one), strict=False):
        yield asyncio.run(_measure(group, run, few))
    if _STATUS.exists():
        yield _memory(groups()[-1], few)


def groups() -> list[CallGroup]:
    """Return what is compared."""
    made: dict[str, Any] = {variant: make() for variant, make in _MADE.items()}
    late = {f"{_LOGINS} logins": {name: made[name] for name in (_OURS, _LOOP, _PASSLIB, _THREADS)}}
    memory = {f"{_LOGINS} logins": {name: made[name] for name in (_OURS, _PASSLIB, _THREADS)}}
    unit = "µs late at worst"
    return [
        CallGroup(
            "A ticker of 10 ms while logins come at once",
            late,
            [Against(_LOOP, 1 / 8), Against(_PASSLIB, 1 / 8), Against(_THREADS)],
            [_LOOP, _PASSLIB, _THREADS],
            unit,
        ),
        CallGroup(
            "A ticker of 10 ms while logins come one by one",
            late,
            [Against(_LOOP), Against(_PASSLIB), Against(_THREADS)],
            [_LOOP, _PASSLIB, _THREADS],
            unit,
        ),
        # One hash after the other takes the memory of one; two at once may take that of two, and what threads need.
        CallGroup(
            f"Memory that logins add, {_AT_ONCE} at once",
            memory,
            [Against(_PASSLIB, _AT_ONCE + 0.5), Against(_THREADS)],
            [_PASSLIB, _THREADS],
            "KiB",
        ),
    ]


def _ours() -> Login:
    hasher = PasswordHasher(at_once=_AT_ONCE, **_COSTS)
    hashed = argon2.PasswordHasher(**_COSTS).hash(_PASSWORD)

    async def login() -> bool:
        return (await hasher.verify(_PASSWORD, hashed)).ok

    return login


def _on_the_loop() -> Login:
    hasher = argon2.PasswordHasher(**_COSTS)
    hashed = hasher.hash(_PASSWORD)

    async def login() -> bool:
        return hasher.verify(hashed, _PASSWORD)

    return login


def _passlib() -> Login:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks for `crypt`, and for versions in ways that are going
        theirs: Any = import_module("passlib.hash").argon2.using(
            type="ID", memory_cost=_COSTS["memory_cost"], rounds=_COSTS["time_cost"], parallelism=1
        )
        hashed = theirs.hash(_PASSWORD)

    async def login() -> bool:
        return bool(theirs.verify(_PASSWORD, hashed))

    return login


def _in_threads() -> Login:
    hasher = argon2.PasswordHasher(**_COSTS)
    hashed = hasher.hash(_PASSWORD)

    async def login() -> bool:
        return await to_thread.run_sync(hasher.verify, hashed, _PASSWORD)

    return login


_MADE: dict[str, Callable[[], Login]] = {
    _OURS: _ours,
    _LOOP: _on_the_loop,
    _PASSLIB: _passlib,
    _THREADS: _in_threads,
}


async def _all_at_once(login: Login) -> None:
    await asyncio.gather(*(login() for _ in range(_LOGINS)))


async def _one_by_one(login: Login) -> None:
    for _ in range(_LOGINS):
        await login()
        await asyncio.sleep(0)


async def _measure(group: CallGroup, run: Callable[[Login], Awaitable[None]], rounds: int) -> CallOutcome:
    outcome = CallOutcome(group, rounds, [], [])
    for case, listed in group.cases.items():
        calls: dict[str, Any] = {**listed}
        check(group, case, {variant: await call() for variant, call in calls.items()})
        taken: dict[str, list[float]] = {variant: [] for variant in calls}
        for _ in range(rounds):
            for variant, call in calls.items():
                taken[variant].append(await _worst(run, call) * 1e9)
        summarise(outcome, case, taken)
    return outcome


async def _worst(run: Callable[[Login], Awaitable[None]], login: Login) -> float:
    """Return how late a ticker was at worst, in seconds, while logins ran."""
    loop, worst, over = asyncio.get_running_loop(), 0.0, False

    async def tick() -> None:
        nonlocal worst
        while not over:
            due = loop.time() + _TICK
            await asyncio.sleep(_TICK)
            worst = max(worst, loop.time() - due)

    ticker = asyncio.create_task(tick())
    await asyncio.sleep(0)
    await run(login)
    over = True
    await ticker
    return worst


def _memory(group: CallGroup, rounds: int) -> CallOutcome:
    outcome = CallOutcome(group, rounds, [], [])
    for case in group.cases:
        grown = {variant: [_grown(variant) * 1000.0 for _ in range(rounds)] for variant in group.variants}
        summarise(outcome, case, grown)
    return outcome


def _grown(variant: str) -> int:
    """Return how many KiB logins add to a process of their own, at the peak."""
    run = [sys.executable, "-m", "bench.passwords", variant]
    return int(subprocess.run(run, capture_output=True, check=True, text=True).stdout)  # noqa: S603 - this module


def _of_this_process(field: str) -> int:
    [line] = [line for line in _STATUS.read_text("ascii").splitlines() if line.startswith(f"{field}:")]
    return int(line.split()[1])


def _print_growth(variant: str) -> None:
    login = _MADE[variant]()
    # Making it took the memory of a hash, which the peak must not hold already.
    Path("/proc/self/clear_refs").write_text("5", "ascii")
    before = _of_this_process("VmRSS")
    asyncio.run(_all_at_once(login))
    print(_of_this_process("VmHWM") - before)


if __name__ == "__main__":
    _print_growth(sys.argv[1])
