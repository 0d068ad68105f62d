"""The benchmark of stores measures all that it says, after it has checked it."""

from bench import stores


def test_what_is_compared() -> None:
    outcomes = list(stores.measured(2))
    compared = {outcome.group.name: [(item.to, item.at_most) for item in outcome.group.against] for outcome in outcomes}
    assert compared == {
        "MemoryStore, live entries": [("100 entries", 1.2)],
        "A script on Redis, 1 in flight": [("redis.asyncio ping", 1.5), ("redis.asyncio evalsha", None)],
        "A look at the denylist on Redis, 1 in flight": [("redis.asyncio mget", None)],
        "A script on Redis, 50 in flight": [("redis.asyncio evalsha", 1 / 3)],
        "A look at the denylist on Redis, 50 in flight": [("redis.asyncio mget", 1 / 3)],
    }
    assert all(figure.taken > 0 for outcome in outcomes for figure in outcome.figures)
