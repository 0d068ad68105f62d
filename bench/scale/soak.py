"""Minutes at full load, with everything on, and memory that has to stay flat: `python -m bench.scale.soak`.

One worker of uvicorn serves `bench.scale.everything`, on a Valkey of its own. wrk asks as fast as it is answered, in
waves with new tokens and new clients (`bench.scale.waves`); beside it clients log in, refresh, log out, use API keys,
talk over WebSockets, hang up and are refused (`bench.scale.clients`). Without wrk they ask more, and it is said.

Every half second it is noted what the process and Valkey hold. At the end

- neither has grown since the warm-up, by the slope of all samples (`bench.scale.memory`);
- the process has the tasks, the descriptors and the connections that it had before the load;
- nothing is on Valkey without an end, but API keys;
- each refused request has one event, each use of an API key is counted once, and nothing else was logged.

What does not hold is printed, and the exit status is 1.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asgisec.stores import RedisStore
from bench import load, pages
from bench.harness import WrongAnswer
from bench.report import machine
from bench.scale import everything
from bench.scale.accounts import read, unsettled
from bench.scale.clients import CLIENTS, Run, all_of, askers
from bench.scale.held import OURS, inside, on_valkey, sample, valkey_seconds
from bench.scale.memory import Sample, Trend, trend
from bench.scale.waves import CONNECTIONS, Waves
from bench.serving import serving
from tests import valkey

__all__ = ["RESULT", "Soaked", "main", "report", "soak"]

RESULT = Path(__file__).parent.parent / "results" / "soak.json"

_EVERYTHING = "bench.scale.everything:application"
_IDLE = 2.0  # seconds until what the first requests held is given back
_SAMPLED = 0.5  # seconds
_KEPT = 5.0  # seconds between the samples that are kept
_PATIENCE = 60.0  # seconds until what a request held is given back, on a machine that does much else
_PACKAGES = ("uvicorn", "uvloop", "httptools", "fastapi", "starlette", "redis", "hiredis")
# Of as many keys as come, as many are there: Valkey follows the load.
_PART_OF_VALKEY = 0.1


@dataclass
class Soaked:
    """What came of it.

    Attributes:
        seconds: How long it was under load.
        warm_up: How much of that was the warm-up.
        generator: What the load came from.
        statuses: How many answers had which status.
        done: How often what was done.
        events: How many events there were.
        cpu: How many seconds of CPU time the server took, and Valkey.
        samples: What was held.
        held: What the server held before the load, and after it.
        wrong: What does not hold.
    """

    seconds: float
    warm_up: float
    generator: str
    statuses: Counter[int] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    events: int = 0
    cpu: dict[str, float] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)
    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    @property
    def server(self) -> Trend:
        """How the memory of the process went on."""
        return trend([(sample.at, sample.server) for sample in self.samples], self.warm_up)

    @property
    def valkey(self) -> Trend:
        """How the data of Valkey went on."""
        return trend([(sample.at, sample.valkey) for sample in self.samples], self.warm_up, _PART_OF_VALKEY)

    def document(self) -> dict[str, Any]:
        """Return all of it, to be kept."""
        kept: list[Sample] = []
        for one in self.samples:
            if not kept or one.at >= kept[-1].at + _KEPT:
                kept.append(one)
        requests = self.statuses.total()
        return {
            "machine": machine(_PACKAGES),
            "seconds": round(self.seconds, 1),
            "warm_up_seconds": round(self.warm_up, 1),
            "load": self.generator,
            "requests": requests,
            "requests_per_second": round(requests / self.seconds),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "done": dict(sorted(self.done.items())),
            "events": self.events,
            "cpu_us_per_request": {name: round(1e6 * took / requests, 1) for name, took in self.cpu.items()},
            "server": self.server.document(),
            "valkey": self.valkey.document(),
            "before_and_after": {name: list(pair) for name, pair in self.held.items()},
            "wrong": self.wrong,
            "samples": [[round(one.at, 1), one.server, one.valkey, one.keys] for one in kept],
        }


async def soak(seconds: float, *, quiet: bool = False, factory: str = _EVERYTHING) -> Soaked:
    """Put it under load for so long.

    Args:
        seconds: How long.
        quiet: Whether to say nothing meanwhile.
        factory: What makes the application.
    """
    came = Soaked(seconds, seconds / 3, "clients of its own" if load.find() is None else "wrk")
    with tempfile.TemporaryDirectory(prefix="asgisec-soak-") as directory, valkey.process(tcp=True) as kept:
        log = Path(directory) / "log"
        environ = everything.environment(kept.url, log)
        with serving(factory, environ, options=("--no-proxy-headers",)) as port:
            async with RedisStore.from_url(kept.url, timeout=30, client_name=OURS) as store:
                api_keys = everything.keys_on(store)
                made = await api_keys.create("partner", ["orders:read"])
                run = Run(port, everything.issuer_on(store), api_keys, made.key)
                rolled = None if load.find() is None else Waves(run)
                await _under_load(run, rolled, came, kept, quiet=quiet)
        told = await asyncio.to_thread(read, log)
    came.events, came.done, came.statuses = told.events, run.done, run.statuses
    statuses: Counter[int] = Counter()
    if rolled is not None:
        statuses = rolled.statuses
        came.statuses = came.statuses + statuses
        came.done["distinct clients"] += rolled.clients
    came.wrong += unsettled(told, run.refused, statuses, 0 if rolled is None else CONNECTIONS * rolled.count)
    for name, one in (("the server", came.server), ("Valkey", came.valkey)):
        if not one.flat:
            came.wrong.append(f"{name} grew by {one.grown / 1024:.0f} KiB, and {one.allowed / 1024:.0f} count as flat")
    return came


async def _under_load(run: Run, rolled: Waves | None, came: Soaked, kept: valkey.Process, *, quiet: bool) -> None:
    await _warmed(run, kept)
    before, of_valkey = await inside(run.port, kept), await asyncio.to_thread(valkey_seconds, kept)
    begin = time.monotonic()
    async with asyncio.TaskGroup() as group:
        group.create_task(all_of(run, CLIENTS if rolled is not None else {**CLIENTS, askers: 20}))
        if rolled is not None:
            group.create_task(rolled.roll())
        while (now := time.monotonic() - begin) < came.seconds:
            came.samples.append(await asyncio.to_thread(sample, now, before.process, kept))
            if not quiet and len(came.samples) % 20 == 0:
                _progress(came.samples[-1], came.seconds)
            await asyncio.sleep(_SAMPLED)
        run.over = True
    came.seconds = time.monotonic() - begin
    came.cpu["valkey"] = await asyncio.to_thread(valkey_seconds, kept) - of_valkey
    came.cpu["server"] = (await inside(run.port, kept)).seconds - before.seconds
    after = await _settled(run, kept, before.held)
    came.held = {name: (before.held[name], after[name]) for name in after}
    came.wrong += [
        f"{name}: {pair[0]} before, {pair[1]} after" for name, pair in came.held.items() if pair[1] > pair[0]
    ]
    came.wrong += await _miscounted(run)


async def _warmed(run: Run, kept: valkey.Process) -> None:
    """Let all be made that is made when it is first needed, before it is counted: the second connection, too."""
    opened, begin = 0, time.monotonic()
    while opened < everything.CONNECTIONS and time.monotonic() < begin + _PATIENCE:
        await asyncio.gather(*(client(run, turn) for client in CLIENTS for turn in range(4)))
        opened = (await asyncio.to_thread(on_valkey, kept))["connections to Valkey"]
    await asyncio.sleep(_IDLE)


async def _settled(run: Run, kept: valkey.Process, before: dict[str, int]) -> dict[str, int]:
    """Return what is held as soon as it is no more than before, or when patience is over."""
    begin = time.monotonic()
    while True:
        held = (await inside(run.port, kept)).held
        if all(held[name] <= before[name] for name in held) or time.monotonic() > begin + _PATIENCE:
            return held
        await asyncio.sleep(_SAMPLED)


async def _miscounted(run: Run) -> list[str]:
    uses, begin = run.done["uses of a key"], time.monotonic()
    while True:
        (record,) = await run.api_keys.list("partner")
        if record.request_count == uses:
            return []
        if time.monotonic() > begin + _PATIENCE:
            return [f"{uses} uses of an API key, {record.request_count} counted"]
        await asyncio.sleep(_SAMPLED)


def _progress(sample: Sample, seconds: float) -> None:
    print(
        f"  {sample.at:4.0f} of {seconds:.0f} s   server {sample.server / 2**20:6.1f} MiB"
        f"   Valkey {sample.valkey / 2**20:6.1f} MiB   {sample.keys:,} keys",
        flush=True,
    )


def report(came: Soaked) -> None:
    """Print what came of it."""
    told = came.document()
    print(
        f"\n{told['requests']:,} requests in {came.seconds:.0f} s, {told['requests_per_second']:,} a second,", end=" "
    )
    print(f"by {came.generator}: {', '.join(f'{count:,} of {status}' for status, count in told['statuses'].items())}")
    print(", ".join(f"{count:,} {name}" for name, count in told["done"].items()) + f", {came.events:,} events\n")
    for name, one in (("server", came.server), ("Valkey", came.valkey)):
        verdict = ("flat" if one.flat else "GROWS") if one.judged else "measured too briefly to tell"
        print(f"  {name:8}{one.held / 2**20:8.1f} MiB, {one.per_minute / 1024:+8.1f} KiB a minute: {verdict}")
    cpu = told["cpu_us_per_request"]
    print(f"  CPU time per request: {cpu['server']:.0f} µs of the server's, {cpu['valkey']:.0f} µs of Valkey's")
    for name, (before, after) in came.held.items():
        print(f"  {name}: {before} before, {after} after")
    print("\n".join(["", *(f"WRONG: {line}" for line in came.wrong)] if came.wrong else ["", "all of it adds up"]))
    if came.generator != "wrk":
        print(f"left out: full load. {load.MISSING}")


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for one in group.exceptions:
        if isinstance(one, BaseExceptionGroup):
            yield from _leaves(one)
        else:
            yield one


def main(words: list[str] | None = None) -> int:
    """Run it, print what came of it, and keep it."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale.soak", description="Soak a server at full load.")
    parser.add_argument("--seconds", type=float, default=300.0, help="how long (default: %(default)s)")
    parser.add_argument("--write", type=Path, default=RESULT, help="where to write the figures (default: %(default)s)")
    parser.add_argument("--no-write", action="store_true", help="only print")
    options = parser.parse_args(words)
    try:
        came = asyncio.run(soak(options.seconds))
    except BaseExceptionGroup as failed:
        wrong, others = failed.split(WrongAnswer)
        if wrong is None or others is not None:
            raise
        print("\n".join(f"WRONG: {one}" for one in _leaves(wrong)))
        return 1
    report(came)
    if not options.no_write:
        options.write.write_text(json.dumps(came.document(), indent=1) + "\n", encoding="utf-8")
        print(f"wrote {options.write}")
        if options.write == RESULT:
            print(*(f"wrote {path}" for path in pages.write()), sep="\n")
    return 1 if came.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
