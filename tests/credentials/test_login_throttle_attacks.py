"""Attacks on a `LoginThrottle`: from many addresses, by several processes, under other names, with the store down."""

import logging
import unicodedata
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, Literal

import anyio
import anyio.lowlevel
import pytest

from asgisec.credentials import LoginThrottle, login_throttle
from asgisec.errors import ConfigError, RateLimitExceeded, StoreUnavailable
from asgisec.stores import MemoryStore, RedisStore
from asgisec.stores.protocols import LoginStore, Pace
from tests.processes import forking
from tests.stores.opened import opened
from tests.valkey import fresh_prefix

pytestmark = pytest.mark.anyio

OWNER, ELSEWHERE = "192.0.2.1", "203.0.113.9"


@pytest.fixture(params=["memory", "valkey"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[LoginStore]:
    async with opened(request) as store:
        yield store  # type: ignore[misc]  # of these kinds it is one


async def let_in(throttle: LoginThrottle, account: str, clients: Sequence[str | None]) -> list[bool]:
    """Guess once from each address; tell which guesses were not held back."""
    passed = []
    for client in clients:
        try:
            await throttle.check(account, client)
        except RateLimitExceeded:
            passed.append(False)
        else:
            await throttle.failed(account, client)
            passed.append(True)
    return passed


SPELLINGS: dict[str, tuple[Sequence[str], Sequence[str | None]]] = {
    "case of the name": (["ada", "ADA", "Ada", " ada "], [ELSEWHERE]),
    "width of its letters": (["ada", "\uff41\uff44\uff41"], [ELSEWHERE]),
    "accents, of which some databases know nothing": (["ada", "\u00c0d\u00e0", "ad\u0301a"], [ELSEWHERE]),
    "signs that nobody sees": (["ada", "a\u200bda", "\ufeffada", "a\u00adda", "ada\0"], [ELSEWHERE]),
    "a letter whose small one is two": (["iris", "\u0130ris"], [ELSEWHERE]),
    "a name that is half a pair": (["\ud800"], [ELSEWHERE]),
    "a name without end": (["a" * 5_000, "a" * 1_000_000], [ELSEWHERE]),
    "IPv4 in IPv6": (["ada"], [ELSEWHERE, f"::ffff:{ELSEWHERE}"]),
    "hosts of one IPv6 network": (["ada"], [f"2001:db8::{n:x}" for n in range(1, 9)]),
    "zones": (["ada"], ["fe80::1%eth0", "fe80::1%eth1", "fe80::2"]),
    "ports": (["ada"], [ELSEWHERE, f"{ELSEWHERE}:80", f"{ELSEWHERE}:8080"]),
    "no address": (["ada"], [None, "", "unix", "testclient", "x" * 100_000]),
}


async def test_a_name_of_accents_costs_no_more_than_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    # Accents are put in order in a time that grows with the square of their number: 4,000 take tenths of a second.
    lengths: list[int] = []

    def normalize(form: Literal["NFKD"], text: str) -> str:
        lengths.append(len(text))
        return unicodedata.normalize(form, text)

    monkeypatch.setattr(login_throttle, "unicodedata", SimpleNamespace(normalize=normalize))
    await LoginThrottle(MemoryStore()).check("\u0301" * 4000 + "\u0323" * 4000, ELSEWHERE)
    assert lengths == [512]


@pytest.mark.parametrize(("accounts", "clients"), SPELLINGS.values(), ids=SPELLINGS)
async def test_another_spelling_is_no_other_account_and_no_other_address(
    accounts: Sequence[str], clients: Sequence[str | None]
) -> None:
    throttle = LoginThrottle(MemoryStore(clock=lambda: 1000.0), per_pair=4)
    passed = [
        await let_in(throttle, accounts[number % len(accounts)], [clients[number % len(clients)]])
        for number in range(10)
    ]
    assert passed == [[True]] * 4 + [[False]] * 6


async def test_other_networks_are_other_addresses() -> None:
    throttle = LoginThrottle(MemoryStore(clock=lambda: 1000.0), per_pair=1)
    clients = ["2001:db8:0:1::1", "2001:db8:0:2::1", "192.0.2.7", "192.0.2.8"]
    assert await let_in(throttle, "ada", clients) == [True] * 4
    assert await let_in(throttle, "bob", clients) == [True] * 4


async def test_one_address_over_all_accounts(store: LoginStore) -> None:
    throttle = LoginThrottle(store, per_address=10)
    for _ in range(20):
        await throttle.check("mallory", ELSEWHERE)  # logging in to an account of one's own wins nothing
        await throttle.succeeded("mallory", ELSEWHERE)
    passed = [(await let_in(throttle, f"user-{number}", [ELSEWHERE]))[0] for number in range(20)]
    assert passed[:10] == [True] * 10
    assert passed[10:] == [False] * 10
    with pytest.raises(RateLimitExceeded):
        await throttle.check("mallory", ELSEWHERE)
    assert await let_in(throttle, "user-1", [OWNER]) == [True]


async def test_an_attempt_that_is_held_back_costs_its_address_nothing(store: LoginStore) -> None:
    throttle = LoginThrottle(store, per_pair=1, per_address=3)
    assert await let_in(throttle, "ada", [ELSEWHERE] * 30) == [True] + [False] * 29
    assert await let_in(throttle, "bob", [ELSEWHERE]) == [True]


@pytest.mark.parametrize("what", ["a success", "an attempt that its account holds back"])
async def test_what_costs_an_address_nothing_makes_nobody_wait_who_shares_it(what: str) -> None:
    now = 1000.0
    throttle = LoginThrottle(MemoryStore(clock=lambda: now), per_pair=1, per_address=2)
    assert await let_in(throttle, "ada", [ELSEWHERE]) == [True]
    assert await let_in(throttle, "bob", [ELSEWHERE]) == [True]
    now += 1.0  # the wait of the address; and that of each account is over, too
    if what == "a success":
        await throttle.check("ada", ELSEWHERE)
        await throttle.succeeded("ada", ELSEWHERE)
        assert await let_in(throttle, "carol", [ELSEWHERE, ELSEWHERE]) == [True, False]
    else:
        assert await let_in(throttle, "ada", [ELSEWHERE]) == [True]
        now += 2.0  # again that of the address, and that of `ada` from it has just ended, too
        assert await let_in(throttle, "ada", [ELSEWHERE]) == [True]
        now += 4.0
        throttle = LoginThrottle(throttle._store, per_pair=1, per_address=2, per_account=1)
        assert await let_in(throttle, "dora", ["192.0.2.77"]) == [True]
        assert await let_in(throttle, "dora", [ELSEWHERE]) == [False]
        assert await let_in(throttle, "carol", [ELSEWHERE]) == [True]


async def test_a_success_begins_anew_for_its_own_address_alone(store: LoginStore) -> None:
    throttle = LoginThrottle(store, per_pair=2)
    assert await let_in(throttle, "ada", [OWNER, ELSEWHERE, ELSEWHERE, ELSEWHERE]) == [True, True, True, False]
    await throttle.check("ada", OWNER)
    await throttle.succeeded("ada", OWNER)
    assert await let_in(throttle, "ada", [OWNER, OWNER, OWNER, ELSEWHERE]) == [True, True, False, False]


async def test_of_guesses_at_the_same_time_no_more_slip_by(store: LoginStore) -> None:
    throttle = LoginThrottle(store)
    passed: list[bool] = []

    async def guess() -> None:
        passed.extend(await let_in(throttle, "ada", [ELSEWHERE]))

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(guess)
    assert (passed.count(True), passed.count(False)) == (5, 95)


async def _attack(url: str, prefix: str, number: int) -> int:
    async with RedisStore.from_url(url, prefix=prefix, timeout=10) as store:
        throttle = LoginThrottle(store, per_account=40)
        clients = [f"198.51.{number}.{host}" for host in range(60)]
        return (await let_in(throttle, "ada", clients)).count(True)


def attack(url: str, prefix: str, number: int) -> int:
    return anyio.run(_attack, url, prefix, number)


async def test_two_processes_count_together_and_the_owner_gets_in(valkey_url: str) -> None:
    prefix = fresh_prefix()
    async with RedisStore.from_url(valkey_url, prefix=prefix, timeout=10) as store:
        throttle = LoginThrottle(store, per_account=40)
        await throttle.check("ada", OWNER)
        await throttle.succeeded("ada", OWNER)
        with forking().Pool(2) as pool:
            attacks = [pool.apply_async(attack, (valkey_url, prefix, number)) for number in (1, 2)]
            while not all(one.ready() for one in attacks):
                await throttle.check("ada", OWNER)  # raises nothing, however the attack stands
                await throttle.succeeded("ada", OWNER)
                await anyio.lowlevel.checkpoint()
        passed = [one.get() for one in attacks]
        # Of 120 guesses 40 were free. The first wait is a second, so a slow machine lets a few more pass.
        assert 40 <= sum(passed) <= 45
        with pytest.raises(RateLimitExceeded):
            await throttle.check("ada", "198.51.100.200")


class Down(MemoryStore):
    """A store that does not answer."""

    async def attempt_login(self, identity: str, paces: Sequence[tuple[str, Pace, str | None]]) -> float:
        raise StoreUnavailable

    async def settle_login(self, identity: str, **how: Any) -> None:
        raise StoreUnavailable


async def test_where_the_store_is_down_nobody_guesses_unless_that_was_chosen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asgisec.events")
    throttle = LoginThrottle(Down())
    for call in (throttle.check, throttle.succeeded):
        with pytest.raises(StoreUnavailable):
            await call("ada", OWNER)
    assert not caplog.records
    open_one = LoginThrottle(Down(), on_store_error="allow")
    await open_one.check("ada", OWNER)
    await open_one.succeeded("ada", OWNER)
    told = [record.getMessage() for record in caplog.records]
    unchecked = "sys_store_unavailable reason=login_unchecked policy=LoginThrottle client=192.0.2.1 principal=ada"
    success = "authn_login_success reason=password policy=LoginThrottle client=192.0.2.1 principal=ada"
    assert told == [unchecked, unchecked, success]


async def test_a_real_server_that_is_gone() -> None:
    async with RedisStore.from_url("redis://127.0.0.1:1/0", timeout=0.5) as store:
        with pytest.raises(StoreUnavailable):
            await LoginThrottle(store).check("ada", OWNER)
        await LoginThrottle(store, on_store_error="allow").check("ada", OWNER)


async def test_events_tell_who_and_end_no_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "asgisec.events")
    throttle = LoginThrottle(MemoryStore(clock=lambda: 1000.0), per_pair=1)
    assert await let_in(throttle, "ada\r\nINFO forged" + "x" * 10_000, [ELSEWHERE, ELSEWHERE]) == [True, False]
    events = [record.event for record in caplog.records]  # type: ignore[attr-defined]  # what `extra` put there
    assert [(event.name, event.reason) for event in events] == [
        ("authn_login_fail", "wrong_password"),
        ("authn_login_lock", "login_held_back"),
    ]
    assert all(len(event.principal) == 256 and len(str(event).splitlines()) == 1 for event in events)


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "a store that counts no logins": ("store", {"store": object()}),
    "none free": ("per_pair", {"per_pair": 0}),
    "half a one": ("per_account", {"per_account": 1.5}),
    "true": ("per_address", {"per_address": True}),
    "no wait": ("longest_wait", {"longest_wait": 0}),
    "two days": ("longest_wait", {"longest_wait": 172_800}),
    "two days as a timedelta": ("longest_wait", {"longest_wait": timedelta(days=2)}),
    "a wait in words": ("longest_wait", {"longest_wait": "long"}),
    "a wait that is true": ("longest_wait", {"longest_wait": True}),
    "another word": ("on_store_error", {"on_store_error": "local"}),
}


@pytest.mark.parametrize(("option", "options"), WRONG.values(), ids=WRONG)
def test_wrong_options(option: str, options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=rf"^LoginThrottle\({option}=\) got .+: write "):
        LoginThrottle(**{"store": MemoryStore(), **options})


def test_what_it_closes() -> None:
    store = MemoryStore()
    assert LoginThrottle(store).closes == (store,)
