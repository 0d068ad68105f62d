"""Memory and Valkey decide alike, whatever comes in whatever order."""

import asyncio
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asgisec.stores import MemoryStore
from asgisec.stores.protocols import LoginStore, Pace
from tests.stores.test_rate_limits_model import START, Clock
from tests.stores.timed import Timed
from tests.valkey import fresh_prefix

pytestmark = pytest.mark.anyio

# Nothing is forgotten meanwhile, as the server would by a clock of its own.
PACES = {
    "one": Pace(1, 4000.0, 50_000.0, 2_000_000.0),
    "two": Pace(2, 3000.0, 9000.0, 2_000_000.0),
    "three": Pace(0, 0.5, 2_000_000.0, 2_000_000.0),
}
NAMES = st.sampled_from(["home", "away", "\ud800", "a:{b}", "x" * 300])
SOME = st.sampled_from([["one"], ["two"], ["three"], ["one", "two"], ["three", "one"]])
COUNTS = st.builds(
    lambda kinds, exempting: [(kind, PACES[kind], name) for kind, name in zip(kinds, exempting, strict=False)],
    SOME,
    st.tuples(st.none() | NAMES, st.none() | NAMES),
)
SETTLED = st.fixed_dictionaries(
    {
        "forget": st.just([]) | SOME,
        "undo": st.just([]) | COUNTS,
        "remember": st.none() | st.tuples(NAMES, st.just(2_000_000.0)),
    }
)
PAUSES = st.sampled_from([0.0, 0.0, 0.25, 0.75, 1.5, 3999.5, 4000.25, 9000.0])
CALLS = st.lists(st.tuples(PAUSES, st.sampled_from(["ada", "bob"]), COUNTS | SETTLED), min_size=1, max_size=15)


async def done(store: LoginStore, clock: Clock, calls: list[tuple[float, str, Any]]) -> list[float]:
    waits = []
    clock.now = START
    for pause, identity, call in calls:
        clock.now += pause
        if isinstance(call, dict):
            await store.settle_login(identity, **call)
        else:
            waits.append(await store.attempt_login(identity, call))
    return waits


@pytest.mark.parametrize("seed", range(3))
async def test_they_decide_alike_on_a_long_walk(valkey_url: str, seed: int) -> None:
    drawn = Random(seed)  # noqa: S311 - the same walk each time
    calls: list[tuple[float, str, Any]] = []
    for _ in range(250):
        kinds = drawn.choice([["one"], ["two"], ["three"], ["one", "two"]])
        counts = [(kind, PACES[kind], drawn.choice([None, "home"])) for kind in kinds]
        call: Any = drawn.choice([counts, counts, counts, {"undo": counts}, {"undo": counts}, {"forget": kinds[:1]}])
        calls.append((drawn.choice([0.0, 0.25, 1.5, 1000.0, 4000.25, 9000.0]), "ada", call))
    async with Timed.from_url(valkey_url, prefix=fresh_prefix(), timeout=10) as theirs:
        ours = await done(MemoryStore(clock=theirs.clock), theirs.clock, calls)
        assert await done(theirs, theirs.clock, calls) == pytest.approx(ours, abs=1e-5)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=CALLS)
def test_they_decide_alike(valkey_url: str, calls: list[tuple[float, str, Any]]) -> None:
    async def both() -> tuple[list[float], list[float]]:
        async with Timed.from_url(valkey_url, prefix=fresh_prefix(), timeout=10) as theirs:
            ours = MemoryStore(clock=theirs.clock)
            return await done(ours, theirs.clock, calls), await done(theirs, theirs.clock, calls)

    memory, valkey = asyncio.run(both())
    assert valkey == pytest.approx(memory, abs=1e-5)
