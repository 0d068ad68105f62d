"""Put a server under load with wrk, and count what it answered.

    found = load.run(f"http://127.0.0.1:{port}/users", headers={"Authorization": f"Bearer {token}"}, connections=50)
    print(found.per_second, found.p99)

- Every answer is counted by its status. One that is not expected stops the run with `WrongAnswer`, and so does whatever
  became of a connection: refused, reset, timed out. Refusals are cheap, so a server that refuses looks fast.
- wrk is written in C and shares the machine with the server: it takes about a tenth of what a server in Python takes.
- wrk counts whole seconds. For an alternation of servers run each for one or two, again and again.

It is not a Python package: `find()` looks for it, and `MISSING` says how to get it where it is not there.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.harness import WrongAnswer

__all__ = ["MISSING", "OK", "Loaded", "find", "run"]

MISSING = "wrk, the load generator, is not installed: apt install wrk, or brew install wrk"

OK = frozenset(range(200, 300))

_LINE = "counted "
_PATIENCE = 30.0  # seconds that a run may take beyond its time

# A thread of wrk has a Lua of its own: each counts for itself, and `done` adds up. wrk itself counts from 400 only.
_SCRIPT = """
local threads = {}
statuses = {}
function setup(thread) table.insert(threads, thread) end
function response(status) statuses[status] = (statuses[status] or 0) + 1 end
function done(summary, latency)
  local counted, listed = {}, {}
  for _, thread in ipairs(threads) do
    for status, count in pairs(thread:get("statuses")) do counted[status] = (counted[status] or 0) + count end
  end
  for status, count in pairs(counted) do table.insert(listed, string.format('"%d": %d', status, count)) end
  local failed = summary.errors
  io.write(string.format(
    'counted {"micros": %d, "statuses": {%s}, "p50": %d, "p90": %d, "p99": %d, "most": %d, ' ..
    '"failed": {"connect": %d, "read": %d, "write": %d, "timeout": %d}}\\n',
    summary.duration, table.concat(listed, ", "),
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency.max,
    failed.connect, failed.read, failed.write, failed.timeout))
end
"""


@dataclass(frozen=True)
class Loaded:
    """What came of a run.

    Args:
        seconds: How long it took.
        statuses: How many answers had which status.
        p50: Half of the answers took at most so many µs.
        p90: Nine of ten.
        p99: Ninety-nine of a hundred.
        most: All.
    """

    seconds: float
    statuses: Mapping[int, int]
    p50: float
    p90: float
    p99: float
    most: float

    @property
    def requests(self) -> int:
        """How many were answered."""
        return sum(self.statuses.values())

    @property
    def per_second(self) -> float:
        """How many were answered in a second."""
        return self.requests / self.seconds


def find() -> str | None:
    """Return where wrk is, or `None`."""
    return shutil.which("wrk")


def run(
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    connections: int = 50,
    seconds: int = 1,
    threads: int = 1,
    script: str = "",
    expected: Collection[int] = OK,
    timeout: int = 2,
) -> Loaded:
    """Ask for a URL, on many connections at once, each with one request after the other.

    Args:
        url: What is asked for.
        headers: The headers of each request.
        connections: How many.
        seconds: How long.
        threads: How many threads wrk has; it must not have more than connections.
        script: Lua that makes the requests, where they differ: a function `request` (`wrk.format` helps), or `init`.
        expected: The statuses that the server may answer with.
        timeout: Seconds after which an answer is late, which stops the run.

    Raises:
        FileNotFoundError: wrk is not installed; look with `find()` before.
        WrongAnswer: The server answered with another status, or a connection failed, or nothing was answered.
    """
    program = find()
    if program is None:
        raise FileNotFoundError(MISSING)
    with tempfile.TemporaryDirectory(prefix="asgisec-load-") as directory:
        path = Path(directory) / "count.lua"
        path.write_text(f"{_SCRIPT}\n{script}\n", encoding="utf-8")
        words = [program, "-c", str(connections), "-d", f"{seconds}s", "-t", str(threads), "-s", str(path)]
        words += ["--timeout", f"{timeout}s"]
        for name, value in (headers or {}).items():
            # wrk looks for its own spelling of this one, and adds a second where it finds another.
            words += ["-H", f"{'Host' if name.lower() == 'host' else name}: {value}"]
        ended = subprocess.run(  # noqa: S603 - a benchmark of this machine's own
            [*words, url], capture_output=True, text=True, timeout=seconds + _PATIENCE, check=False
        )
    return _read(url, ended, expected)


def _read(url: str, ended: "subprocess.CompletedProcess[str]", expected: Collection[int]) -> Loaded:
    lines = [line.removeprefix(_LINE) for line in ended.stdout.splitlines() if line.startswith(_LINE)]
    if ended.returncode != 0 or len(lines) != 1:
        raise WrongAnswer(f"{url}: wrk ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
    counted: dict[str, Any] = json.loads(lines[0])
    statuses = {int(status): count for status, count in counted.pop("statuses").items()}
    failed = {kind: count for kind, count in counted.pop("failed").items() if count}
    others = {status: count for status, count in statuses.items() if status not in expected}
    if failed or others or not statuses:
        raise WrongAnswer(f"{url}: answered {statuses}, failed connections: {failed}")
    return Loaded(counted.pop("micros") / 1_000_000, statuses, **counted)
