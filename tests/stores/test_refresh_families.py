"""The contract of a `RefreshStore`, over every store that is one."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from asgisec.stores import MemoryStore
from asgisec.stores.memory._core import Entry, Expiring
from asgisec.stores.protocols import RefreshFamily, RefreshStore
from tests.stores.opened import STORES, opened

pytestmark = pytest.mark.anyio


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[RefreshStore]:
    async with opened(request) as store:
        yield store


def family(name: str = "f1", owner: str = "ada", **changes: object) -> RefreshFamily:
    now = time.time()
    made = RefreshFamily(
        id=name, owner=owner, grant='{"sub":"ada"}', proof="p", current="c1", created_at=now, expires_at=now + 60
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_a_family_comes_back_as_it_was_given(store: RefreshStore) -> None:
    given = family()
    await store.add_family(given)
    assert await store.find_family("f1") == given
    assert await store.find_family("f2") is None


async def test_only_the_current_token_is_rotated(store: RefreshStore) -> None:
    await store.add_family(family())
    assert (await store.rotate("f1", "c1", "c2", "sealed-2", 10)).outcome == "rotated"
    found = await store.find_family("f1")
    assert found is not None
    assert (found.current, found.previous, found.sealed) == ("c2", "c1", "sealed-2")
    assert found.refreshed_at == pytest.approx(time.time(), abs=20)
    assert (await store.rotate("f1", "c2", "c3", "sealed-3", 10)).outcome == "rotated"


async def test_the_token_before_gets_what_was_sealed_for_it(store: RefreshStore) -> None:
    await store.add_family(family())
    await store.rotate("f1", "c1", "c2", "sealed-2", 1000)
    for _ in range(2):
        repeated = await store.rotate("f1", "c1", "other", "sealed-other", 1000)
        assert (repeated.outcome, repeated.sealed) == ("repeated", "sealed-2")
        assert "sealed-2" not in repr(repeated)


@pytest.mark.parametrize(
    ("rotations", "presented", "grace"),
    [
        pytest.param([("c1", "c2")], "c1", 0, id="no grace"),
        pytest.param([("c1", "c2"), ("c2", "c3")], "c1", 1000, id="its successor was used"),
        pytest.param([], "never", 1000, id="another token of the family"),
    ],
)
async def test_a_token_used_twice_ends_the_family(
    store: RefreshStore, rotations: list[tuple[str, str]], presented: str, grace: float
) -> None:
    await store.add_family(family())
    for before, after in rotations:
        await store.rotate("f1", before, after, "sealed", grace)
    assert (await store.rotate("f1", presented, "c9", "sealed", grace)).outcome == "reused"
    for secret in ("c1", "c2", "c3", "c9"):
        assert (await store.rotate("f1", secret, "c10", "sealed", 1000)).outcome == "gone"
    found = await store.find_family("f1")
    assert found is not None
    assert found.ended


async def test_what_was_never_there_and_what_is_over_is_gone(store: RefreshStore) -> None:
    await store.add_family(family("over", expires_at=time.time() - 1))
    assert await store.find_family("over") is None
    for name in ("over", "never"):
        assert (await store.rotate(name, "c1", "c2", "sealed", 10)).outcome == "gone"
        await store.end_family(name)
    assert await store.families_of("ada") == []


async def test_an_owner_has_the_families_that_have_not_ended(store: RefreshStore) -> None:
    now = time.time()
    for number in range(4):
        await store.add_family(family(f"f{number}", created_at=now - number))
    await store.add_family(family("other", owner="bob"))
    await store.add_family(family("over", expires_at=now - 1))
    await store.end_family("f2")
    assert [found.id for found in await store.families_of("ada")] == ["f3", "f1", "f0"]
    assert [found.id for found in await store.families_of("bob")] == ["other"]
    await store.add_family(family("f9", created_at=now + 1))
    assert [found.id for found in await store.families_of("ada")] == ["f3", "f1", "f0", "f9"]


@pytest.mark.parametrize(
    "owner", ["", "{ada}", "a" * 5_000, "ada\r\nFLUSHALL", "ädä", "\ud800", "ada\0", "%_"], ids=ascii
)
async def test_any_text_is_an_owner(store: RefreshStore, owner: str) -> None:
    await store.add_family(family("f1", owner=owner))
    await store.add_family(family("f2", owner="someone"))
    [found] = await store.families_of(owner)
    assert (found.id, found.owner) == ("f1", owner)


async def test_of_many_at_once_one_rotates(store: RefreshStore) -> None:
    await store.add_family(family())
    rotations = await asyncio.gather(*(store.rotate("f1", "c1", f"next-{n}", f"sealed-{n}", 1000) for n in range(12)))
    assert sorted(rotation.outcome for rotation in rotations) == ["repeated"] * 11 + ["rotated"]
    found = await store.find_family("f1")
    assert found is not None
    assert {rotation.sealed for rotation in rotations if rotation.outcome == "repeated"} == {found.sealed}
    assert found.sealed == f"sealed-{found.current.removeprefix('next-')}"


async def test_a_login_costs_the_same_however_many_its_owner_has(monkeypatch: pytest.MonkeyPatch) -> None:
    found = 0
    find = Expiring.find

    def counted(self: Expiring[Any, Any], key: Any, now: float) -> Entry[Any] | None:
        nonlocal found
        found += 1
        return find(self, key, now)

    monkeypatch.setattr(Expiring, "find", counted)
    store = MemoryStore()
    for number in range(1000):
        await store.add_family(family(f"f{number}"))
    assert found < 5000
    assert len(await store.families_of("ada")) == 1000


async def test_what_is_over_is_forgotten_with_the_logins_that_follow() -> None:
    now = [1000.0]
    store = MemoryStore(clock=lambda: now[0])
    for number in range(500):
        now[0] += 1
        await store.add_family(family(f"f{number}", created_at=now[0], expires_at=now[0] + 10))
    owned = store._owned.find("ada", now[0])
    assert owned is not None
    assert len(owned.value.ids) <= 32
    assert [one.id for one in await store.families_of("ada")] == [f"f{number}" for number in range(490, 500)]
