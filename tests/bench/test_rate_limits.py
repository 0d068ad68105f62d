"""The benchmark of decisions measures all that it says, after it has checked it."""

import asyncio

from bench import growing, rate_limits
from tests import valkey


def test_what_is_compared() -> None:
    outcomes = list(rate_limits.measured(2))
    compared = {outcome.group.name: [(item.to, item.at_most) for item in outcome.group.against] for outcome in outcomes}
    assert compared == {
        "A decision in memory, one limit": [("a plain dict counter", 6)],
        "A decision in memory, live keys": [("100 keys", 1.2)],
        "An awaited decision in memory": [("limits.aio hit + stats", 0.3)],
        "A decision on Redis, one at a time": [("redis.asyncio ping", 1.5)],
        "A decision on Redis, 50 in flight": [("redis.asyncio evalsha", 1 / 3)],
        "Three limits on Redis, 50 in flight": [("limits.aio hit + stats", 1 / 10)],
    }
    assert all(figure.taken > 0 for outcome in outcomes for figure in outcome.figures)


def test_keys_that_grow() -> None:
    with valkey.process() as server:
        grown = asyncio.run(growing.grow(server, "gcra", 1500))
    assert [row.keys for row in grown] == [1000, 1500]
    assert all(50 < row.size < 500 and min(row.alone, row.together, row.script) > 0 for row in grown)
