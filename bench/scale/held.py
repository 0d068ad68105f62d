"""What the server and Valkey hold, looked at from outside; and what only the server itself can say."""

import asyncio
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.scale.client import Client
from bench.scale.memory import Sample
from tests import valkey

__all__ = ["OURS", "Inside", "inside", "on_valkey", "sample", "valkey_seconds"]

OURS = "soak"
"""What connections to Valkey are called that are not the server's."""


@dataclass(frozen=True)
class Inside:
    """What a worker says of itself.

    Attributes:
        process: Its number.
        seconds: The CPU time that it took.
        held: Its tasks and file descriptors, and its connections to Valkey.
    """

    process: int
    seconds: float
    held: dict[str, int]


async def inside(port: int, kept: valkey.Process) -> Inside:
    """Ask a worker, and look at Valkey."""
    async with Client(port) as client:
        told = (await client.ask("/inside")).document
    held = {"tasks": told["tasks"], "file descriptors": told["descriptors"]}
    return Inside(told["process"], told["cpu"], {**held, **await asyncio.to_thread(on_valkey, kept)})


def sample(now: float, process: int, kept: valkey.Process) -> Sample:
    """Note what is held."""
    with kept.client() as client:
        return Sample(now, resident(process), int(client.info("memory")["used_memory"]), int(client.dbsize()))


def resident(process: int, processes: Path = Path("/proc")) -> int:
    """Return how many bytes of a process are in memory."""
    if (processes / "self").exists():
        status = (processes / str(process) / "status").read_text("utf-8")
        return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:"))
    words = ["ps", "-o", "rss=", "-p", str(process)]
    return 1024 * int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)  # noqa: S603 - a number


def on_valkey(kept: valkey.Process) -> dict[str, int]:
    """Return how many connections the server has, and how many keys never end."""
    with kept.client() as client:
        names = [name for name in client.scan_iter(count=1000) if client.ttl(name) == -1]
        # Ours have a name, or come by the socket.
        theirs = [one for one in client.client_list() if one["name"] != OURS and one["addr"].startswith("127.")]
        return {"connections to Valkey": len(theirs), "keys without an end": len(names)}


def valkey_seconds(kept: valkey.Process) -> float:
    """Return the CPU time that Valkey took."""
    with kept.client() as client:
        cpu = client.info("cpu")
        return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])
