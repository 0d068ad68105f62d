"""Passwords: hashed with Argon2id, in threads, and compared at the same cost for users that there are not.

- Hashing runs in a few threads with a bounded queue: the event loop goes on, and memory is bounded. Whoever finds the
  queue full is refused with 503 (`Overloaded`).
- `verify(password, None)`, for a user that there is not, takes as long as a wrong password.
- A password that is longer than `max_length` is refused before anything is made of it.
- A hash with lower parameters, without the current pepper, or of another library fits, and comes with a new one.
- A hash that cannot be read, or that asks for more than is sane, fits nothing, and is an event.
- A pepper is a secret of the application: a copy of the database alone lets nobody guess. A hash says which it used.

    hasher = PasswordHasher()
    result = await hasher.verify(password, user.password_hash if user else None)
    if result.ok and result.new_hash:
        user.password_hash = result.new_hash
"""

import hmac
import logging
import os
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, NamedTuple

import argon2
from argon2.exceptions import Argon2Error, VerifyMismatchError

from asgisec.context import request_id
from asgisec.credentials._encodings import LEGACY
from asgisec.credentials._normal_forms import normalized
from asgisec.credentials._peppers import peppers_of
from asgisec.credentials._workers import Workers
from asgisec.errors import ConfigError, ContentTooLarge
from asgisec.events import SecurityEvent, emit

__all__ = ["PasswordHasher", "VerifyResult"]

# OWASP Password Storage Cheat Sheet: 19 MiB, two passes, one lane; its other choices cost an attacker the same.
_MEMORY, _TIME, _LANES = 19_456, 2, 1
_MOST_MEMORY, _MOST_TIME, _MOST_LANES = 1_048_576, 32, 16
# What a stored hash may ask for, where it is more than the hasher's own: one that was planted must not take all memory,
# or a minute. RFC 9106 section 4 recommends 64 MiB and three passes, which is within both.
_MOST_READ_MEMORY = 262_144  # KiB
_MOST_READ_WORK = 1_048_576  # KiB times passes: about a second
_HEAD = re.compile(r"~(?:n=(NFC|NFKC))?,?(?:p=([A-Za-z0-9]{1,32}))?~").match

Normalization = Literal["NFC", "NFKC"] | None
Reason = Literal["hash_unreadable", "pepper_unknown"]


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """What became of a password; true where it fits.

    Attributes:
        ok: It fits.
        new_hash: What to store in place of the hash, where it fits and the hash is not as good as a new one.
    """

    ok: bool
    new_hash: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        # `if await hasher.verify(...)` is soon written, and must not let everybody in.
        return self.ok


class _Form(NamedTuple):
    """How a password was prepared before it was hashed; a hash begins with what is not the default."""

    normalization: Normalization
    pepper_id: str | None


class PasswordHasher:
    """Hash and verify passwords.

    Args:
        memory_cost: Argon2's memory, in KiB: 19,456.
        time_cost: Argon2's passes: 2.
        parallelism: Argon2's lanes: 1.
        at_once: How many hashes run at the same time, per event loop; as many as there are cores where left out. Each
            takes `memory_cost`.
        queued: How many may wait: 64. Who comes later is refused with 503.
        max_length: How many characters a password may have: 1,024.
        normalization: The Unicode form that passwords are brought to before they are hashed, `NFC` or `NFKC`; as they
            were received where left out (OWASP ASVS 6.2.8). Hashes record it, so it may be changed.
        pepper: A secret of the application, of 16 random bytes or more. Several, by their ids, where it is rotated: the
            first is used for new hashes.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        *,
        memory_cost: int = _MEMORY,
        time_cost: int = _TIME,
        parallelism: int = _LANES,
        at_once: int | None = None,
        queued: int = 64,
        max_length: int = 1024,
        normalization: Normalization = None,
        pepper: str | bytes | Mapping[str, str | bytes] | None = None,
    ) -> None:
        parallelism = _whole("parallelism", parallelism, 1, _MOST_LANES)
        self._argon2 = argon2.PasswordHasher(
            memory_cost=_whole("memory_cost", memory_cost, 8 * parallelism, _MOST_MEMORY),
            time_cost=_whole("time_cost", time_cost, 1, _MOST_TIME),
            parallelism=parallelism,
        )
        at_once = _cores() if at_once is None else _whole("at_once", at_once, 1, 1024)
        self._workers = Workers(at_once, _whole("queued", queued, 1, 1_000_000))
        self._max_length = _whole("max_length", max_length, 64, 65_536)
        if normalization not in (None, "NFC", "NFKC"):
            raise ConfigError("PasswordHasher(normalization=)", normalization, "write 'NFC', 'NFKC' or None")
        self._peppers = peppers_of("PasswordHasher(pepper=)", pepper, "1")
        self._form = _Form(normalization, next(iter(self._peppers), None))
        # What a user that there is not is compared with.
        self._nobodys = self._hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        """Return the hash of a password, to be stored.

        Raises:
            ContentTooLarge: It is longer than `max_length`. It is a `ValueError`, too.
            ValueError: It is empty, or has half of a surrogate pair.
            Overloaded: Too many hashes wait.
        """
        if not self._fits(password):
            if isinstance(password, str) and len(password) > self._max_length:
                raise ContentTooLarge("This password is too long.", reason="password_too_long")
            raise ValueError("a password is a text of one character or more")
        return await self._workers.run(partial(self._hash, password))

    async def verify(self, password: str, hashed: str | None) -> VerifyResult:
        """Tell whether a password fits a hash.

        Args:
            password: What was entered.
            hashed: What is stored; `None` for a user that there is not, which takes as long as a wrong password.

        Raises:
            Overloaded: Too many hashes wait.
            ConfigError: It is a hash of bcrypt, and the extra is not installed.
        """
        if not self._fits(password):
            return VerifyResult(False)
        result, unreadable = await self._workers.run(partial(self._verify, password, hashed))
        if unreadable is not None:
            self._tell(unreadable)
        return result

    def _fits(self, password: object) -> bool:
        if not isinstance(password, str) or not 0 < len(password) <= self._max_length:
            return False
        return not any("\ud800" <= sign <= "\udfff" for sign in password)

    def _hash(self, password: str) -> str:
        return _head(self._form) + self._argon2.hash(self._prepared(password, self._form))

    def _verify(self, password: str, hashed: str | None) -> tuple[VerifyResult, Reason | None]:
        if hashed is None:
            self._matches(password, self._nobodys)
            return VerifyResult(False), None
        try:
            ok, stale = self._matches(password, hashed)
        except ConfigError:
            raise
        except _UnknownPepperError:
            unreadable: Reason = "pepper_unknown"
        except (ValueError, Argon2Error):
            # It is no text, nobody can read it, or it asks for too much.
            unreadable = "hash_unreadable"
        else:
            return VerifyResult(ok, self._hash(password) if ok and stale else None), None
        # As with a wrong password, and as slow as with one.
        self._matches(password, self._nobodys)
        return VerifyResult(False), unreadable

    def _matches(self, password: str, hashed: str) -> tuple[bool, bool]:
        """Tell whether a password fits, and whether the hash is not as good as a new one."""
        if not isinstance(hashed, str):
            raise ValueError  # noqa: TRY004 - a database holds what it holds
        for start, reads, fits in LEGACY:
            if hashed.startswith(start):
                data = password.encode()
                # Where what comes behind was not compared, nobody knows that it is right: a new hash would hold it.
                return fits(data, hashed), len(data) <= reads
        form, encoded = _split(hashed.removeprefix("argon2"))  # Django writes it before
        self._check_costs(encoded)
        try:
            self._argon2.verify(encoded, self._prepared(password, form))
        except VerifyMismatchError:
            return False, False
        return True, hashed[0] == "a" or form != self._form or self._argon2.check_needs_rehash(encoded)

    def _check_costs(self, encoded: str) -> None:
        asked, own = argon2.extract_parameters(encoded), self._argon2
        if (
            asked.memory_cost > max(own.memory_cost, _MOST_READ_MEMORY)
            or asked.memory_cost * asked.time_cost > max(own.memory_cost * own.time_cost, _MOST_READ_WORK)
            or asked.parallelism > _MOST_LANES
        ):
            raise ValueError

    def _prepared(self, password: str, form: _Form) -> bytes:
        if form.normalization is not None:
            password = normalized(form.normalization, password)
        data = password.encode()
        if form.pepper_id is None:
            return data
        if form.pepper_id not in self._peppers:
            raise _UnknownPepperError
        return b64encode(hmac.digest(self._peppers[form.pepper_id], data, "sha256"))

    @staticmethod
    def _tell(reason: Reason) -> None:
        # Nobody can log in with such a hash, and to the user it is a wrong password: the operator has to hear of it.
        emit(
            SecurityEvent(
                name="sys_crash",
                reason=reason,
                policy="PasswordHasher",
                request_id=request_id(),
                level=logging.ERROR,
            )
        )


class _UnknownPepperError(Exception):
    """A hash names a pepper that this hasher was not given."""


def _head(form: _Form) -> str:
    said = [f"n={form.normalization}"] if form.normalization else []
    said += [f"p={form.pepper_id}"] if form.pepper_id else []
    return f"~{','.join(said)}~" if said else ""


def _split(hashed: str) -> tuple[_Form, str]:
    found = _HEAD(hashed)
    if found is None:
        return _Form(None, None), hashed
    normalization: Normalization = found[1]  # type: ignore[assignment]  # one of the two, by the pattern
    return _Form(normalization, found[2]), hashed[found.end() :]


def _cores() -> int:
    # Of the machine's cores a container may have fewer.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _whole(option: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ConfigError(f"PasswordHasher({option}=)", value, f"write a whole number from {least:,} to {most:,}")
    return value
