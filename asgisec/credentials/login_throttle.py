"""Guessing passwords, slowed down; the owner of an account that is under attack still gets in.

Three counts, each with a pace of its own. A few attempts are free; each further one waits twice as long as the one
before, up to a longest wait.

- Of an account from one address: 5 at once, then 1, 2, 4 ... up to 900 seconds. A success begins anew.
- Of an account from all addresses: 100 at once (NIST SP 800-63B-4 section 3.2.2), then the same. An address that has
  logged in to the account in the last 30 days is not held back by it, so whoever attacks from many addresses does not
  lock out the owner.
- Of an address over all accounts: 50 at once, then the same. A success is not counted.

An attempt is counted before the password is looked at, so guesses in parallel count like guesses in a row. Of an IPv6
address the first 64 bits count. Names of accounts are kept as hashes.

    await throttle.check(username, client)
    ok = await verify(username, password)
    await (throttle.succeeded if ok else throttle.failed)(username, client)
"""

import logging
import re
import unicodedata
from datetime import timedelta
from hashlib import sha256
from math import ceil
from typing import Literal

from asgisec._connection import asked_for, report
from asgisec._durations import in_seconds
from asgisec._wire.forwarded import client_of
from asgisec.context import request_id
from asgisec.errors import ConfigError, RateLimitExceeded, StoreUnavailable, unless_text
from asgisec.events import SecurityEvent, emit
from asgisec.stores.protocols import Closable, LoginStore, Pace

__all__ = ["LoginThrottle"]

_FIRST, _LONGEST, _FORGOTTEN = 1.0, 900.0, 86_400.0  # seconds
_REMEMBERED = 30 * 86_400.0  # seconds: how long an owner may be away
_MOST_SHOWN = 256  # characters of a name, in events: it is whatever was entered
# Characters of a name that are looked at: the longest address has 254 (RFC 5321 section 4.5.3.1.3), and to normalise a
# text takes time with the square of how many accents follow each other, before anybody is held back.
_LONGEST_NAME = 512
# Accents, controls, and signs that are not shown. Accents of other scripts are left: there they tell words apart.
_NOT_COMPARED = re.compile(
    "[\0-\x1f\x7f-\x9f\xad\u0300-\u036f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
).sub
_ALL = "all"


class LoginThrottle:
    """Slow down attempts to log in.

    Args:
        store: Where they are counted: a `MemoryStore` or `RedisStore`.
        per_pair: How many attempts at one account from one address are free: 5.
        per_account: How many attempts at one account from addresses that never logged in to it: 100.
        per_address: How many failed attempts from one address, at all accounts: 50.
        longest_wait: How many seconds an attempt is held back at most: 900.
        on_store_error: What happens where the store cannot answer: `deny` (503), or `allow`, which lets passwords be
            guessed for as long.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        store: LoginStore,
        *,
        per_pair: int = 5,
        per_account: int = 100,
        per_address: int = 50,
        longest_wait: float | timedelta = _LONGEST,
        on_store_error: Literal["deny", "allow"] = "deny",
    ) -> None:
        if not callable(getattr(store, "attempt_login", None)):
            raise ConfigError("LoginThrottle(store=)", unless_text(store), "write a MemoryStore or a RedisStore")
        if on_store_error not in ("deny", "allow"):
            raise ConfigError("LoginThrottle(on_store_error=)", on_store_error, 'write "deny" or "allow"')
        longest = in_seconds(longest_wait)
        if longest is None or not _FIRST <= longest <= _FORGOTTEN:
            raise ConfigError("LoginThrottle(longest_wait=)", longest_wait, "write seconds from 1 to 86,400")
        self._store = store
        self._pair = _pace("per_pair", per_pair, longest)
        self._account = _pace("per_account", per_account, longest)
        self._address = _pace("per_address", per_address, longest)
        self._allow_unchecked = on_store_error == "allow"

    @property
    def closes(self) -> tuple[Closable, ...]:
        """What to close when the application shuts down."""
        return (self._store,)

    async def check(self, account: str, client: str | None) -> None:
        """Count an attempt, before the password is looked at.

        Args:
            account: What was entered as the name of the account.
            client: The client's address.

        Raises:
            RateLimitExceeded: It has to wait; `Retry-After` says how long.
            StoreUnavailable: Nobody can say now.
        """
        address = client_of(client or "") or "unknown"
        try:
            wait = await self._store.attempt_login(f"from:{address}", [(_ALL, self._address, None)])
            if not wait:
                wait = await self._store.attempt_login(_account(account), self._counts(address))
                if wait:
                    # It was no attempt: whoever shares the address does not pay for one that was held back.
                    await self._store.settle_login(f"from:{address}", undo=[(_ALL, _given_back(self._address), None)])
        except StoreUnavailable:
            self._unchecked(account, client)
            return
        if wait:
            self._tell_end("authn_login_lock", "login_held_back", account, client, logging.WARNING)
            kind = RateLimitExceeded if asked_for() is None else _HeldBack
            raise kind(
                "Too many attempts. Try again later.",
                reason="login_held_back",
                headers={"Retry-After": str(max(1, ceil(wait)))},
            )

    async def failed(self, account: str, client: str | None) -> None:
        """Say that the password was wrong, or the account is none; the attempt was counted already."""
        self._tell_end("authn_login_fail", "wrong_password", account, client, logging.WARNING)

    async def succeeded(self, account: str, client: str | None) -> None:
        """Say that the password was right: the counts begin anew, and the address is remembered.

        Raises:
            StoreUnavailable: It cannot be kept now; let nobody in who would be held back by it next time.
        """
        address = client_of(client or "") or "unknown"
        try:
            await self._store.settle_login(
                _account(account),
                forget=[address],
                undo=[(_ALL, _given_back(self._account), address)],
                remember=(address, _REMEMBERED),
            )
            await self._store.settle_login(f"from:{address}", undo=[(_ALL, _given_back(self._address), None)])
        except StoreUnavailable:
            self._unchecked(account, client)
        self._tell_end("authn_login_success", "password", account, client, logging.INFO)

    def _counts(self, address: str) -> list[tuple[str, Pace, str | None]]:
        return [(address, self._pair, None), (_ALL, self._account, address)]

    def _unchecked(self, account: str, client: str | None) -> None:
        """Go on without the store where that was chosen; called while its error is handled."""
        if not self._allow_unchecked:
            raise  # noqa: PLE0704 - the error that is being handled
        # Somebody chose that a store that is down must not keep everybody out: `on_store_error="allow"`. Each use of
        # that is told.
        self._tell("sys_store_unavailable", "login_unchecked", account, client, logging.ERROR)

    def _tell_end(self, name: str, reason: str, account: str, client: str | None, level: int) -> None:
        """Tell how an attempt ended, where nobody does who knows the request."""
        if asked_for() is None:
            self._tell(name, reason, account, client, level)

    def _tell(self, name: str, reason: str, account: str, client: str | None, level: int) -> None:
        scope, shown = asked_for(), account[:_MOST_SHOWN]
        if scope is not None:
            report(scope, name, reason, policy=self, principal=shown, level=level)
            return
        emit(
            SecurityEvent(
                name=name,
                reason=reason,
                policy="LoginThrottle",
                principal=shown,
                client=client,
                request_id=request_id(),
                level=level,
            )
        )


class _HeldBack(RateLimitExceeded):
    """What is told of it is told by who answers it: that an attempt to log in was held back."""

    event = "authn_login_lock"


def _pace(option: str, free: object, longest_wait: float) -> Pace:
    if not isinstance(free, int) or isinstance(free, bool) or free < 1:
        raise ConfigError(f"LoginThrottle({option}=)", free, "write a whole number of 1 or more")
    return Pace(free, _FIRST, float(longest_wait), _FORGOTTEN)


def _given_back(pace: Pace) -> Pace:
    # The attempt had waited its turn: the next one may take it at once.
    return pace._replace(first_wait=0.0)


def _account(account: str) -> str:
    # One account has several spellings to whoever guesses: some databases find `ada` by `ÀDA`, or with a sign in it
    # that nobody sees. What was entered may be a password, in the wrong field.
    plain = _NOT_COMPARED("", unicodedata.normalize("NFKD", account[:_LONGEST_NAME]).casefold()).strip()
    return "at:" + sha256(plain.encode("utf-8", "surrogatepass")).hexdigest()
