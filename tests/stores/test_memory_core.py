"""The bounded mapping whose entries expire: right against a plain model, and bounded whatever comes."""

import tracemalloc
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from asgisec.errors import ConfigError, StoreUnavailable
from asgisec.stores import MemoryStore
from asgisec.stores.memory._core import Expiring

CAPACITY = 5
KEYS = st.integers(0, 12)
LIFETIMES = st.floats(0.1, 30, allow_nan=False)


@dataclass
class Clock:
    """A clock that goes when it is told to."""

    now: float = 1_000.0

    def __call__(self) -> float:
        return self.now


class AgainstAModel(RuleBasedStateMachine):
    """Whatever is put, moved, discarded and expires: what is found is what a plain dict would hold."""

    @initialize(evicts=st.booleans())
    def begin(self, evicts: bool) -> None:
        self.now = 1_000.0
        self.evicts = evicts
        self.kept: Expiring[int, int] = Expiring(CAPACITY, evicts=evicts)
        self.model: dict[int, tuple[int, float]] = {}

    def live(self) -> dict[int, tuple[int, float]]:
        return {key: entry for key, entry in self.model.items() if entry[1] > self.now}

    @rule(seconds=st.floats(0, 20, allow_nan=False))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        # What has expired makes room when its second is over.
        self.model = {key: entry for key, entry in self.model.items() if int(entry[1]) + 1 > self.now}

    @rule(key=KEYS, value=st.integers(), lifetime=LIFETIMES)
    def put(self, key: int, value: int, lifetime: float) -> None:
        expires_at = self.now + lifetime
        before = self.live()
        full = key not in before and len(before) >= CAPACITY
        perhaps = key not in before and len(self.model) >= CAPACITY
        try:
            self.kept.put(key, value, expires_at, self.now)
        except StoreUnavailable:
            assert perhaps
            assert not self.evicts
            return
        gone = [known for known in before if self.kept.find(known, self.now) is None]
        assert full <= len(gone) <= perhaps
        for dropped in gone:
            assert self.evicts
            del self.model[dropped]
            # Within a second the order does not matter.
            assert int(before[dropped][1]) == min(int(entry[1]) for entry in before.values())
        self.model[key] = (value, expires_at)

    @rule(key=KEYS, lifetime=LIFETIMES)
    def move(self, key: int, lifetime: float) -> None:
        entry = self.kept.find(key, self.now)
        if entry is not None:
            entry.expires_at = max(entry.expires_at, self.now + lifetime)
            self.model[key] = (entry.value, entry.expires_at)

    @rule(key=KEYS)
    def discard(self, key: int) -> None:
        self.kept.discard(key)
        self.model.pop(key, None)

    @invariant()
    def finds_what_the_model_holds(self) -> None:
        if hasattr(self, "kept"):
            found = {key: self.kept.find(key, self.now) for key in range(13)}
            assert {key: (entry.value, entry.expires_at) for key, entry in found.items() if entry} == self.live()
            assert dict(self.kept.items(self.now)) == {key: value for key, (value, _) in self.live().items()}
            assert len(self.kept) <= CAPACITY


TestAgainstAModel = AgainstAModel.TestCase
TestAgainstAModel.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)


@given(st.lists(st.tuples(st.integers(0, 1000), LIFETIMES, st.floats(0, 2, allow_nan=False)), max_size=300))
@settings(max_examples=30, deadline=None)
def test_what_is_noted_stays_in_proportion_to_what_is_kept(puts: list[tuple[int, float, float]]) -> None:
    now, kept = 1_000.0, Expiring[int, None](50, evicts=True)
    for key, lifetime, pause in puts:
        now += pause
        kept.put(key, None, now + lifetime, now)
        assert len(kept) <= 50
    noted = sum(map(len, kept._due.values())) + len(kept._waiting)
    assert noted <= 3 * max(len(puts), 1)


def test_one_key_that_is_renewed_for_ever_is_noted_once() -> None:
    now, kept = 1_000.0, Expiring[str, int](10, evicts=True)
    for count in range(10_000):
        now += 0.1
        kept.put("one", count, now + 60, now)
    assert sum(map(len, kept._due.values())) + len(kept._waiting) == 1


def test_no_put_pays_for_the_expiry_of_all() -> None:
    kept = Expiring[int, None](100_000, evicts=True)
    for key in range(10_000):
        kept.put(key, None, 1_010.0, 1_000.0)
    tracemalloc.start()
    kept.put(-1, None, 2_000.0, 1_500.0)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000, "it wrote down all that had expired"
    assert len(kept) == 10_000 + 1 - 2
    assert kept.find(5_000, 1_500.0) is None
    for key in range(5_000):
        kept.put(-2 - key, None, 2_000.0, 1_500.0)
    assert len(kept) == 5_001


def test_no_put_pays_for_all_that_was_moved() -> None:
    kept = Expiring[int, None](1_000, evicts=True)
    for key in range(1_000):
        kept.put(key, None, 1_010.0, 1_000.0).expires_at = 1_030.0
    spent = kept.find(500, 1_000.0)
    assert spent is not None
    spent.expires_at = 1_040.0
    for now in (1_001.0, 1_012.0):  # before their second has come, and after
        kept.put(int(now), None, 1_050.0, now)
        assert len(kept) == 1_000
        assert len(kept._due[1_031]) < 50, "all were noted anew"
    # Whoever spends more ends later: fresh keys do not drive out such a count.
    for key in range(2_000, 2_900):
        kept.put(key, None, 1_050.0, 1_012.0)
    assert len(kept) == 1_000
    assert kept.find(500, 1_012.0) is spent


@dataclass
class Denials:
    """A store, and the time that it sees."""

    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.store = MemoryStore(max_entries=2, clock=self.clock)


@pytest.mark.anyio
async def test_a_revocation_is_never_dropped_for_another() -> None:
    made = Denials()
    await made.store.deny("ada", "t:1", 1_000.0, 1_060.0)
    await made.store.deny("ada", "t:2", 1_000.0, 1_060.0)
    with pytest.raises(StoreUnavailable) as refused:
        await made.store.deny("ada", "t:3", 1_000.0, 1_060.0)
    assert str(refused.value.__cause__) == "the memory store holds 2 entries, and may drop none"
    assert await made.store.denied("ada", ["t:1", "t:2", "t:3"]) == [1_000.0, 1_000.0, None]
    made.clock.now = 1_061.0
    await made.store.deny("ada", "t:3", 1_061.0, 1_100.0)
    assert await made.store.denied("ada", ["t:1", "t:2", "t:3"]) == [None, None, 1_061.0]


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "9", None])
def test_a_bound_that_is_none_is_a_config_error(value: object) -> None:
    with pytest.raises(ConfigError, match="write a whole number of 1 or more"):
        MemoryStore(max_entries=value)  # type: ignore[arg-type]


def test_what_expires_first_makes_room_and_what_was_moved_or_dropped_is_no_longer_first() -> None:
    kept = Expiring[str, int](3, evicts=True)
    for key, expires_at in (("moved", 1_010.0), ("gone", 1_020.0), ("first", 1_030.0)):
        kept.put(key, 0, expires_at, 1_000.0)
    moved = kept.find("moved", 1_000.0)
    assert moved is not None
    moved.expires_at = 1_090.0
    kept.discard("gone")
    kept.put("new", 0, 1_080.0, 1_000.0)
    kept.put("newer", 0, 1_085.0, 1_000.0)
    assert [key for key, _ in kept.items(1_000.0)] == ["moved", "new", "newer"]
    kept.put("new", 1, 1_005.0, 1_000.0)  # earlier than it was
    kept.put("newest", 0, 1_070.0, 1_000.0)
    assert [key for key, _ in kept.items(1_000.0)] == ["moved", "newer", "newest"]
    kept.put("later", 0, 1_200.0, 1_100.0)
    assert [key for key, _ in kept.items(1_100.0)] == ["later"]


def test_what_has_expired_makes_room_where_nothing_may_be_dropped() -> None:
    kept = Expiring[int, int](10, evicts=False)
    for key in range(10):
        kept.put(key, 0, 1_001.0 if key < 9 else 1_100.0, 1_000.0)
    for key in range(10, 19):
        kept.put(key, 0, 1_100.0, 1_050.0)
    with pytest.raises(StoreUnavailable):
        kept.put(99, 0, 1_100.0, 1_050.0)
    assert len(kept) == 10


def test_what_was_moved_does_not_keep_what_has_expired_in_its_place() -> None:
    kept = Expiring[str, int](3, evicts=False)
    for key in ("one", "two", "three"):
        kept.put(key, 0, 1_010.0, 1_000.0)
    for key in ("one", "two"):
        entry = kept.find(key, 1_000.0)
        assert entry is not None
        entry.expires_at = 1_090.0
    kept.put("four", 0, 1_100.0, 1_050.0)
    assert [key for key, _ in kept.items(1_050.0)] == ["one", "two", "four"]


def test_one_of_several_that_expire_in_the_same_second_makes_room_alone() -> None:
    kept: Expiring[str, int] = Expiring(3, evicts=True)
    for key, expires_at in (("a", 10.1), ("b", 10.5), ("late", 99.0), ("new", 50.0)):
        kept.put(key, 1, expires_at, now=0.0)
    assert len(kept) == 3
    assert [key for key in ("a", "b") if kept.find(key, 0.0)] == ["a"]
    assert kept.find("late", 0.0) is not None
    assert kept.find("new", 0.0) is not None
