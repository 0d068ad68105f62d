"""Memory and Valkey decide alike, whatever comes in whatever order."""

import asyncio
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asgisec.stores import MemoryStore, RedisStore
from asgisec.stores.protocols import LoginStore, Pace
from tests.valkey import fresh_prefix

# Waits of hours, so that what passes between two calls changes nothing.
PACES = {"one": Pace(1, 4000.0, 50_000.0, 90_000.0), "two": Pace(2, 9000.0, 9000.0, 90_000.0)}
NAMES = st.sampled_from(["home", "away", "\ud800", "a:{b}", "x" * 300])
SOME = st.sampled_from([["one"], ["two"], ["one", "two"], ["two", "one"]])
COUNTS = st.builds(
    lambda kinds, exempting: [(kind, PACES[kind], name) for kind, name in zip(kinds, exempting, strict=False)],
    SOME,
    st.tuples(st.none() | NAMES, st.none() | NAMES),
)
SETTLED = st.fixed_dictionaries(
    {
        "forget": st.just([]) | SOME,
        "undo": st.just([]) | COUNTS,
        "remember": st.none() | st.tuples(NAMES, st.just(90_000.0)),
    }
)
CALLS = st.lists(st.tuples(st.sampled_from(["ada", "bob"]), COUNTS | SETTLED), min_size=1, max_size=15)


async def done(store: LoginStore, calls: list[tuple[str, Any]]) -> list[float]:
    waits = []
    for identity, call in calls:
        if isinstance(call, dict):
            await store.settle_login(identity, **call)
        else:
            waits.append(await store.attempt_login(identity, call))
    return waits


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_they_decide_alike(valkey_url: str, calls: list[tuple[str, Any]]) -> None:
    async def both() -> tuple[list[float], list[float]]:
        async with RedisStore.from_url(valkey_url, prefix=fresh_prefix(), timeout=10) as theirs:
            return await done(MemoryStore(clock=lambda: 1000.0), calls), await done(theirs, calls)

    memory, valkey = asyncio.run(both())
    assert [wait == 0 for wait in memory] == [wait == 0 for wait in valkey]
    assert all(0 <= expected - wait < 600 for expected, wait in zip(memory, valkey, strict=True))
