"""A soak in words and a table, for the documentation: what was held, and what that means for the size."""

from collections.abc import Mapping
from typing import Any

__all__ = ["sized", "soaked"]

_MIB = 2**20


def soaked(came: Mapping[str, Any]) -> list[str]:
    """Return what came of a soak."""
    done, rate = came["done"], came["requests_per_second"]
    load = f"{came['requests']:,} requests in {came['seconds']:.0f} seconds, {rate:,} a second"
    beside = [
        f"{done['sessions']:,} sessions",
        f"{done['refreshes']:,} refreshes",
        f"{done['WebSockets']:,} WebSockets",
        f"{done['uses of a key']:,} uses of an API key",
    ]
    lines = [
        f"{load}, from {done['distinct clients']:,} clients; the load came from {came['load']}.",
        f"Beside it {', '.join(beside)}; {done['hang-ups']:,} times a client hung up.",
        "",
        "| what | came of it |",
        "| --- | --- |",
        f"| memory of the server's process | {_held(came['server'])} |",
        f"| data on Valkey | {_held(came['valkey'])} |",
        *(f"| {name}, before and after | {pair[0]}, {pair[1]} |" for name, pair in came["before_and_after"].items()),
        f"| answers | {', '.join(f'{count:,} of {status}' for status, count in came['statuses'].items())} |",
        f"| events | {came['events']:,} |",
        *(f"| **wrong** | {line} |" for line in came["wrong"]),
        "",
    ]
    if not came["wrong"]:
        lines += ["Events, uses of the key and refused requests add up; nothing else was logged.", ""]
    return lines


def sized(came: Mapping[str, Any]) -> list[str]:
    """Return what a request takes of a worker and of Valkey, and how many workers that makes per Valkey."""
    server, valkey = came["cpu_us_per_request"]["server"], came["cpu_us_per_request"]["valkey"]
    last = came["samples"][len(came["samples"]) // 3 :]
    per_key = sum(held / max(1, keys) for _, _, held, keys in last) / len(last)
    most = max(keys for *_, keys in last)
    carried = f"about {1e6 / valkey:,.0f} such requests a second, and {server / valkey:.0f} workers"
    return [
        f"- A request took {server:,.0f} µs of the worker's core, and {valkey:,.0f} µs of Valkey's.",
        f"- So one core of Valkey carries {carried}.",
        f"- At most {most:,} keys were on Valkey while it ran, of {per_key:,.0f} bytes each.",
        "",
    ]


def _held(trend: Mapping[str, Any]) -> str:
    verdict = ("flat" if trend["flat"] else "**grows**") if trend["judged"] else "measured too briefly to tell"
    held, a_minute = trend["held_bytes"] / _MIB, trend["bytes_per_minute"] / 1024
    return f"{held:.1f} MiB, {a_minute:+.0f} KiB a minute: {verdict}"
