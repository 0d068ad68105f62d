"""The contract of a `DenylistStore`, over every store that is one."""

import time
from collections.abc import AsyncIterator

import pytest

from asgisec.stores.protocols import DenylistStore
from tests.stores.opened import STORES, opened

pytestmark = pytest.mark.anyio


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest) -> AsyncIterator[DenylistStore]:
    async with opened(request) as store:
        yield store


async def test_what_nobody_denied_is_not_denied(store: DenylistStore) -> None:
    assert list(await store.denied("ada", ["t:1", "s:1", "ada"])) == [None, None, None]
    assert list(await store.denied("ada", [])) == []


async def test_each_key_has_its_answer_in_the_order_asked(store: DenylistStore) -> None:
    now = time.time()
    await store.deny("ada", "t:1", now, now + 60)
    await store.deny("ada", "ada", now - 5.25, now + 60)
    assert list(await store.denied("ada", ["ada", "t:2", "t:1"])) == [now - 5.25, None, now]


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        pytest.param((10.0, 60), (20.5, 60), 20.5, id="a later time replaces an earlier"),
        pytest.param((20.5, 60), (10.0, 60), 20.5, id="an earlier time weakens nothing"),
        pytest.param((10.0, 60), (5.0, -60), 10.0, id="what has expired already changes nothing"),
    ],
)
async def test_the_strictest_stays(
    store: DenylistStore, first: tuple[float, float], second: tuple[float, float], kept: float
) -> None:
    now = time.time()
    for not_before, lifetime in (first, second):
        await store.deny("ada", "t:1", not_before, now + lifetime)
    assert list(await store.denied("ada", ["t:1"])) == [kept]


async def test_what_has_expired_is_as_if_it_had_never_been_there(store: DenylistStore) -> None:
    now = time.time()
    await store.deny("ada", "t:1", now, now - 1)
    assert list(await store.denied("ada", ["t:1"])) == [None]


@pytest.mark.parametrize("store", STORES[1:], indirect=True)
@pytest.mark.parametrize("behind", [7200.0, -7200.0], ids=["behind", "ahead"])
async def test_a_revocation_lasts_as_long_as_it_should_whatever_the_servers_clock_says(
    store: DenylistStore, behind: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that is two hours ahead would forget at once what was revoked for an hour, and nobody would know."""
    ours = time.time() - behind
    with monkeypatch.context() as patched:
        patched.setattr("time.time", lambda: ours)
        await store.deny("ada", "t:1", ours, ours + 3600)
        await store.deny("ada", "t:2", ours, ours - 1)
    assert list(await store.denied("ada", ["t:1", "t:2"])) == [ours, None]


STRANGE = ["", "{ada}", "ada}:t:1", "a" * 10_000, "ada\r\nFLUSHALL", "ädä", "\ud800", "ada:t", "#ada", "*", "ada\0"]


@pytest.mark.parametrize("owner", STRANGE, ids=ascii)
async def test_no_name_is_another(store: DenylistStore, owner: str) -> None:
    now = time.time()
    await store.deny(owner, "t:1", now, now + 60)
    await store.deny("someone", owner, 1.0, now + 60)
    assert list(await store.denied(owner, ["t:1", "1"])) == [now, None]
    assert list(await store.denied("someone", [owner, "t:1"])) == [1.0, None]
    for other in [*STRANGE, "ada"]:
        if other != owner:
            assert list(await store.denied(other, ["t:1", "1"])) == [None, None]
