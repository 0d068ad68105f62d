"""What holds for every sequence of attempts: guesses keep their distance, owners get in, and every wait has an end."""

from collections.abc import Coroutine
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from asgisec.credentials import LoginThrottle
from asgisec.errors import RateLimitExceeded
from asgisec.stores import MemoryStore

ACCOUNTS = st.sampled_from(["ada", "bob", "eve"])
ADDRESSES = st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8:0:1::1"])
PER_PAIR, PER_ACCOUNT, PER_ADDRESS, LONGEST = 2, 4, 3, 64.0


def finished(call: Coroutine[Any, Any, None]) -> None:
    """Run what never waits to its end."""
    try:
        call.send(None)
    except StopIteration:
        return
    raise AssertionError("it waits")


class Attempts(RuleBasedStateMachine):
    """Attempts of a few addresses at a few accounts; all of it within the day after which attempts are forgotten."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000_000.0
        self.throttle = LoginThrottle(
            MemoryStore(clock=lambda: self.now),
            per_pair=PER_PAIR,
            per_account=PER_ACCOUNT,
            per_address=PER_ADDRESS,
            longest_wait=LONGEST,
        )
        self.known: set[tuple[str, str]] = set()
        # When guesses were let through: at an account from an address since its last success, at an account from
        # addresses that had not logged in to it, from an address at all.
        self.guesses: dict[tuple[str, ...], list[float]] = {}
        self.held_back: tuple[str, str, float] | None = None

    @rule(account=ACCOUNTS, address=ADDRESSES)
    def guess(self, account: str, address: str) -> None:
        if not self.let_in(account, address):
            return
        finished(self.throttle.failed(account, address))
        self.keeps_its_distance(PER_PAIR, "pair", account, address)
        self.keeps_its_distance(PER_ADDRESS, "from", address)
        if (account, address) not in self.known:
            self.keeps_its_distance(PER_ACCOUNT, "at", account)

    @rule(account=ACCOUNTS, address=ADDRESSES)
    def log_in(self, account: str, address: str) -> None:
        if not self.let_in(account, address):
            return
        finished(self.throttle.succeeded(account, address))
        self.known.add((account, address))
        self.guesses.pop(("pair", account, address), None)

    @rule(seconds=st.floats(0.01, 100.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.held_back = None

    @precondition(lambda self: self.held_back is not None)
    @rule()
    def come_when_told(self) -> None:
        assert self.held_back is not None
        account, address, _ = self.held_back
        for _ in range(2):  # first that of the address may be told, then that of the account
            if self.held_back is not None:
                self.now += self.held_back[2]
                self.log_in(account, address)
        assert self.held_back is None

    def let_in(self, account: str, address: str) -> bool:
        try:
            finished(self.throttle.check(account, address))
        except RateLimitExceeded as refusal:
            after = float((refusal.headers or {})["Retry-After"])
        else:
            self.held_back = None
            return True
        assert 1 <= after <= LONGEST
        self.held_back = (account, address, after)
        # Whoever logged in to an account before is held back for guesses of the own address alone.
        pair, own = self.guesses.get(("pair", account, address), []), self.guesses.get(("from", address), [])
        if (account, address) in self.known:
            assert len(pair) >= PER_PAIR or len(own) >= PER_ADDRESS
        return False

    def keeps_its_distance(self, free: int, *count: str) -> None:
        times = self.guesses.setdefault(count, [])
        over = len(times) - free
        if over >= 0:
            assert self.now - times[-1] >= min(LONGEST, 2.0**over) - 1e-6
        times.append(self.now)


Attempts.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestAttempts = Attempts.TestCase
