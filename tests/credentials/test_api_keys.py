"""API keys: how they are made, verified, rotated and ended, and what is told of those that are refused."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec.credentials import APIKeys, CreatedAPIKey
from asgisec.credentials._key_text import made, parsed
from asgisec.errors import APIKeyChanged, ConfigError, InvalidAPIKey
from asgisec.stores import MemoryStore
from asgisec.stores.protocols import StoredAPIKey

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


class Counting(MemoryStore):
    """Counts how often keys are looked up."""

    finds = 0

    async def find_api_key(self, key_id: str) -> StoredAPIKey | None:
        self.finds += 1
        return await super().find_api_key(key_id)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Counting:
    return Counting()


@pytest.fixture
async def keys(store: Counting, clock: Clock) -> AsyncIterator[APIKeys]:
    async with APIKeys(store, clock=clock) as keys:
        yield keys


async def refusal(keys: APIKeys, key: object, client: str | None = None) -> str:
    with pytest.raises(InvalidAPIKey) as refused:
        await keys.verify(key, client=client)  # type: ignore[arg-type]
    assert (refused.value.status_code, refused.value.detail) == (401, "This API key is not valid.")
    return refused.value.reason


async def test_a_key_is_shown_once_and_has_a_form_that_scanners_know(keys: APIKeys) -> None:
    created = await keys.create("user-1", ["orders:read", "a"], name="ci", expires_at=NOW + 60, networks=["10.0.0.0/8"])
    assert re.fullmatch("ask_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}", created.key)
    assert created.key not in repr(created)
    record = created.record
    assert (record.owner, record.name, record.scopes, record.active) == (
        "user-1",
        "ci",
        frozenset({"orders:read", "a"}),
        True,
    )
    assert (record.last_four, record.networks) == (created.key[-4:], (ip_network("10.0.0.0/8"),))
    assert (record.created_at, record.expires_at, record.last_used_at, record.request_count) == (NOW, NOW + 60, None, 0)
    [listed] = await keys.list("user-1")
    assert {listed, record} == {record}
    assert await keys.find(record.id) == record != created
    assert repr(record) == f"<APIKeyRecord {record.id} of 'user-1', ...{created.key[-4:]}>"
    assert await keys.find("never") is None
    assert list(await keys.list("user-2")) == []


async def test_each_use_is_counted(keys: APIKeys, clock: Clock) -> None:
    created = await keys.create("user-1")
    clock.now += 5
    assert (await keys.verify(created.key)).request_count == 1
    clock.now += 5
    record = await keys.verify(created.key)
    assert (record.request_count, record.last_used_at) == (2, NOW + 10)
    await keys.aclose()
    assert (await keys.list("user-1"))[0].request_count == 2


def _with(key: str, at: int, sign: str) -> str:
    return key[:at] + sign + key[at + 1 :]


async def test_a_typo_is_told_without_asking_the_store(keys: APIKeys, store: Counting) -> None:
    created = await keys.create("user-1")
    store.finds = 0
    for at in range(len("ask_"), len(created.key)):
        if created.key[at] != "_":
            wrong = _with(created.key, at, "0" if created.key[at] != "0" else "1")
            assert await refusal(keys, wrong) == "checksum"
    assert store.finds == 0


@pytest.mark.parametrize(
    "key",
    [
        "",
        "ask_",
        "ask",
        "x" * 70,
        "ask_" + "0" * 66,
        "ask_" + "0" * 16 + "_" + "0" * 48 + "é",
        "A" * 1_000_000,
        None,
        5,
        b"ask_",
    ],
    ids=lambda key: repr(key)[:20],
)
async def test_what_is_no_key_is_refused_by_its_form(keys: APIKeys, store: Counting, key: object) -> None:
    assert await refusal(keys, key) == "malformed"
    assert store.finds == 0


async def test_a_key_of_another_application_is_refused_by_its_form(keys: APIKeys) -> None:
    key, _ = made("other")
    assert await refusal(keys, key) == "malformed"


async def test_what_nobody_made_and_another_secret_are_refused(keys: APIKeys) -> None:
    created = await keys.create("user-1")
    assert await refusal(keys, made("ask")[0]) == "unknown"
    assert await refusal(keys, made("ask", created.record.id)[0]) == "secret"


async def test_a_rotated_key_overlaps(keys: APIKeys, clock: Clock) -> None:
    created = await keys.create("user-1")
    rotated = await keys.rotate(created.record.id, overlap=timedelta(seconds=60))
    assert rotated.record.id == created.record.id
    clock.now += 59
    for key in (created.key, rotated.key):
        await keys.verify(key)
    clock.now += 1
    assert await refusal(keys, created.key) == "secret"
    await keys.verify(rotated.key)


async def test_a_rotation_without_overlap_ends_the_old_key_at_once(keys: APIKeys) -> None:
    created = await keys.create("user-1")
    rotated = await keys.rotate(created.record.id, overlap=0)
    assert await refusal(keys, created.key) == "secret"
    await keys.verify(rotated.key)


async def test_a_key_is_disabled_enabled_and_deleted(keys: APIKeys) -> None:
    created = await keys.create("user-1")
    assert not (await keys.disable(created.record.id)).active
    assert await refusal(keys, created.key) == "disabled"
    assert (await keys.enable(created.record.id)).active
    await keys.verify(created.key)
    assert await keys.delete(created.record.id)
    assert not await keys.delete(created.record.id)
    assert await refusal(keys, created.key) == "unknown"


@pytest.mark.parametrize("action", ["rotate", "disable", "enable"])
async def test_what_is_done_to_no_key(keys: APIKeys, action: str) -> None:
    with pytest.raises(KeyError):
        await getattr(keys, action)("never")


async def test_a_key_that_goes_while_it_is_rotated_is_none(clock: Clock) -> None:
    class Going(MemoryStore):
        async def find_api_key(self, key_id: str) -> StoredAPIKey | None:
            found = await super().find_api_key(key_id)
            await self.delete_api_key(key_id)
            return found

    async with APIKeys(Going(), clock=clock) as keys:
        created = await keys.create("user-1")
        with pytest.raises(KeyError):
            await keys.rotate(created.record.id)
        assert not await keys.delete(created.record.id)


async def test_of_two_that_rotate_a_key_at_once_the_first_holds(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    class Racing(MemoryStore):
        races: Callable[[], Awaitable[object]] | None = None

        async def find_api_key(self, key_id: str) -> StoredAPIKey | None:
            found, race = await super().find_api_key(key_id), self.races
            self.races = None
            if race is not None:
                await race()
            return found

    caplog.set_level("INFO", "asgisec.events")
    store, first = Racing(), []
    async with APIKeys(store, clock=clock) as keys:
        created = await keys.create("user-1")

        async def rotated_by_another() -> None:
            first.append(await keys.rotate(created.record.id, overlap=60))

        store.races = rotated_by_another
        with pytest.raises(APIKeyChanged) as refused:
            await keys.rotate(created.record.id, overlap=10**9)
        assert (refused.value.status_code, refused.value.reason) == (409, "api_key_changed")
        await keys.verify(created.key)
        await keys.verify(first[0].key)
        clock.now += 60
        assert await refusal(keys, created.key) == "secret"
        await keys.verify(first[0].key)
    told = [record.event.reason for record in caplog.records]  # type: ignore[attr-defined]  # what `extra` put there
    assert told == ["api_key_created", "api_key_rotated"]


async def test_a_key_that_is_rotated_again_has_the_newest_two(keys: APIKeys) -> None:
    oldest = await keys.create("user-1")
    before, newest = [(await keys.rotate(oldest.record.id)).key for _ in range(2)]
    await keys.verify(before)
    await keys.verify(newest)
    assert await refusal(keys, oldest.key) == "secret"


@pytest.mark.parametrize(
    "expires_at",
    [NOW + 60, datetime.fromtimestamp(NOW + 60, UTC), datetime.fromtimestamp(NOW + 60, timezone(timedelta(hours=9)))],
)
async def test_a_key_ends(keys: APIKeys, clock: Clock, expires_at: Any) -> None:
    created = await keys.create("user-1", expires_at=expires_at)
    clock.now += 59
    await keys.verify(created.key)
    clock.now += 1
    assert await refusal(keys, created.key) == "expired"


@pytest.mark.parametrize(
    ("client", "passes"),
    [
        ("192.0.2.7", True),
        ("::ffff:192.0.2.7", True),
        ("2001:db8::1", True),
        ("192.0.3.1", False),
        ("2001:db9::1", False),
        ("unix", False),
        ("", False),
        (None, False),
        ("192.0.2.7, 10.0.0.1", False),
    ],
)
async def test_a_key_is_good_in_its_networks(keys: APIKeys, client: str | None, passes: bool) -> None:
    created = await keys.create("user-1", networks=["192.0.2.0/24", "2001:db8::/32"])
    if passes:
        await keys.verify(created.key, client=client)
    else:
        assert await refusal(keys, created.key, client) == "network"


@pytest.mark.parametrize("client", ["192.0.2.7", "::ffff:192.0.2.7", "::ffff:c000:207"])
@pytest.mark.parametrize(
    ("network", "kept", "passes"),
    [
        ("::ffff:192.0.2.0/120", "192.0.2.0/24", True),
        ("::ffff:192.0.2.7", "192.0.2.7/32", True),
        ("::ffff:c000:200/120", "192.0.2.0/24", True),
        ("::ffff:0:0/96", "0.0.0.0/0", True),
        ("::ffff:198.51.100.0/120", "198.51.100.0/24", False),
        ("::/0", "::/0", False),
        ("::fffe:0:0/95", "::fffe:0:0/95", False),
    ],
)
async def test_a_network_of_ipv4_may_be_written_as_one_of_ipv6(
    keys: APIKeys, store: Counting, network: str, kept: str, passes: bool, client: str
) -> None:
    created = await keys.create("user-1", networks=[network])
    assert created.record.networks == (ip_network(kept),)
    # Keys may be there from before this was known.
    await store.change_api_key(created.record.id, {"networks": network})
    if passes:
        await keys.verify(created.key, client=client)
    else:
        assert await refusal(keys, created.key, client) == "network"


async def test_peppers_are_rotated_and_one_that_is_taken_away_takes_its_keys(store: Counting) -> None:
    old, new = b"o" * 16, "n" * 16
    before = await APIKeys(store).create("user-1")
    first = await APIKeys(store, pepper={"p1": old}).create("user-1")
    both = APIKeys(store, pepper={"p2": new, "p1": old})
    second = await both.create("user-1")
    for created in (before, first, second):
        await both.verify(created.key)
    alone = APIKeys(store, pepper={"p2": new})
    await alone.verify(second.key)
    assert await refusal(alone, first.key) == "secret"
    assert await refusal(APIKeys(store, pepper={"p2": "m" * 16}), second.key) == "secret"
    await APIKeys(store, pepper=new).create("user-1")
    for keys in (both, alone):
        await keys.aclose()


@pytest.mark.parametrize(
    ("options", "error"),
    [
        pytest.param({"owner": ""}, ValueError, id="nobody's"),
        pytest.param({"owner": "o" * 257}, ValueError, id="an owner that is too long"),
        pytest.param({"owner": 5}, ValueError, id="an owner that is no text"),
        pytest.param({"name": "n" * 257}, ValueError, id="a name that is too long"),
        pytest.param({"scopes": "orders:read"}, TypeError, id="scopes as one text"),
        pytest.param({"scopes": ["a b"]}, ValueError, id="a scope with a space"),
        pytest.param({"scopes": ["a\n"]}, ValueError, id="a scope with a line break"),
        pytest.param({"scopes": [""]}, ValueError, id="an empty scope"),
        pytest.param({"scopes": ["ä"]}, ValueError, id="a scope that is not ASCII"),
        pytest.param({"networks": "10.0.0.0/8"}, TypeError, id="networks as one text"),
        pytest.param({"networks": ["10.0.0.1/8"]}, ValueError, id="a network with bits of a host"),
        pytest.param({"networks": ["example.com"]}, ValueError, id="a network that is none"),
        pytest.param({"networks": ["fe80::%eth0/64"]}, ValueError, id="a network of one machine"),
        pytest.param({"networks": ["fe80::%a 10.0.0.0/8"]}, ValueError, id="two networks as one, behind a zone"),
        pytest.param({"networks": [5]}, ValueError, id="a number, which is an address"),
        pytest.param({"networks": [b"abcd"]}, ValueError, id="bytes, which are an address"),
        pytest.param({"expires_at": NOW * 1000}, ValueError, id="milliseconds"),
        pytest.param({"expires_at": 10**400}, ValueError, id="a number that no float holds"),
        pytest.param({"expires_at": datetime(2030, 1, 1)}, ValueError, id="a time without a zone"),  # noqa: DTZ001 - so it is
        pytest.param({"expires_at": True}, ValueError, id="a time that is none"),
        pytest.param({"expires_at": float("nan")}, ValueError, id="no number"),
        pytest.param({"expires_at": "tomorrow"}, ValueError, id="a text"),
    ],
)
async def test_what_cannot_be_kept_of_a_key(keys: APIKeys, options: Mapping[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await keys.create(**{"owner": "user-1", **options})
    assert list(await keys.list("user-1")) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"store": object()}, "write a store", id="no store"),
        pytest.param({"prefix": ""}, "2 to 16 lower-case", id="no prefix"),
        pytest.param({"prefix": "a_b"}, "2 to 16 lower-case", id="a prefix with the sign that ends it"),
        pytest.param({"prefix": None}, "2 to 16 lower-case", id="a prefix that is no text"),
        pytest.param({"pepper": "short"}, "16 random bytes", id="a short pepper"),
        pytest.param({"pepper": 5}, "16 random bytes", id="a pepper that is none"),
        pytest.param({"pepper": {}}, "16 random bytes", id="no pepper"),
        pytest.param({"pepper": {"a:b": b"p" * 16}}, "letters and digits", id="a pepper's id with a sign"),
        pytest.param({"pepper": {"a" * 33: b"p" * 16}}, "up to 32 letters", id="a pepper's id that no column holds"),
        pytest.param({"flush_interval": -1}, "0 or more", id="a negative interval"),
        pytest.param({"flush_interval": True}, "0 or more", id="an interval that is none"),
    ],
)
def test_a_wrong_option_is_a_config_error(options: Mapping[str, Any], message: str) -> None:
    given = {"store": MemoryStore(), **options}
    with pytest.raises(ConfigError, match=message) as error:
        APIKeys(given.pop("store"), **given)
    assert "short" not in str(error.value)


async def test_what_is_closed_with_the_application(keys: APIKeys, store: Counting) -> None:
    assert keys.closes[-1] is store
    created: CreatedAPIKey = await keys.create("user-1")
    await keys.verify(created.key)
    for closable in keys.closes:
        await closable.aclose()
    [stored] = await store.api_keys_of("user-1")
    assert stored.request_count == 1


@given(st.text(max_size=80) | st.from_regex(r"ask_[0-9A-Za-z]{16}_[0-9A-Za-z]{49}", fullmatch=True))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    try:
        found = parsed("ask", text)
    except ValueError:
        return
    assert found is None or text.startswith(f"ask_{found.id}_{found.secret}")
