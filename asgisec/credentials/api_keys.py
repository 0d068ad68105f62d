"""API keys: made once, shown once, and known by their hash from then on.

- A key is `prefix_id_secret` with 256 random bits and a checksum: secret scanners recognise it, and a typo is told
  without asking the store.
- The store has the SHA-256 of the secret, or its HMAC where a pepper is given. The secret is random, so a slow hash
  would protect nothing.
- A key is looked up by its id and compared in constant time; an id that there is not costs the same.
- Uses are counted in memory and written in batches, never one write per request.

Whatever is wrong with a key is an `InvalidAPIKey` with one of a closed set of reasons, and the peer is told the same
for all: `malformed`, `checksum`, `unknown`, `secret`, `disabled`, `expired`, `network`.

    api_keys = APIKeys(MemoryStore(), prefix="ask")
    created = await api_keys.create(owner="user-1", scopes=["orders:read"])
    record = await api_keys.verify(created.key)
"""

import hmac
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Self

from asgisec._durations import in_seconds
from asgisec.context import request_id
from asgisec.credentials import _key_text
from asgisec.credentials._usage import Usage
from asgisec.errors import APIKeyChanged, ConfigError, InvalidAPIKey, unless_text
from asgisec.events import SecurityEvent, emit
from asgisec.stores.protocols import APIKeyStore, Closable, StoredAPIKey

__all__ = ["APIKeyRecord", "APIKeys", "CreatedAPIKey"]

_DAY = 86_400.0
_MAX_TEXT = 256  # characters of an owner and of a name
_MIN_PEPPER = 16  # bytes; it is a key, not a password
_YEAR_10000 = 253_402_300_800.0  # seconds since the epoch
_MAPPED = 96  # bits before an IPv4 address that is written as an IPv6 one


class APIKeyRecord:
    """What is known of a key; neither the key nor its hash. It cannot be changed.

    Every request with a key makes one, so what is seldom asked for is read when it is.
    """

    __slots__ = ("_stored", "_uses")

    def __init__(self, stored: StoredAPIKey, uses: tuple[int, float | None] = (0, None)) -> None:
        self._stored = stored
        self._uses = uses  # those that are not written yet

    @property
    def id(self) -> str:
        """Its id."""
        return self._stored.id

    @property
    def owner(self) -> str:
        """Whose it is."""
        return self._stored.owner

    @property
    def name(self) -> str:
        """What its owner calls it."""
        return self._stored.name

    @property
    def scopes(self) -> frozenset[str]:
        """What it allows."""
        return _scopes_of(self._stored.scopes)

    @property
    def last_four(self) -> str:
        """Its last characters, by which its owner knows it."""
        return self._stored.last_four

    @property
    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """From where it may be used; anywhere where there is none."""
        return _networks_of(self._stored.networks)

    @property
    def active(self) -> bool:
        """Whether it was not disabled."""
        return self._stored.active

    @property
    def created_at(self) -> float:
        """When it was made, in seconds since the epoch."""
        return self._stored.created_at

    @property
    def expires_at(self) -> float | None:
        """When it ends; `None` for never."""
        return self._stored.expires_at

    @property
    def last_used_at(self) -> float | None:
        """When it was used last; `None` where it never was."""
        known, last = self._stored.last_used_at, self._uses[1]
        return known if last is None else max(last, known or 0.0)

    @property
    def request_count(self) -> int:
        """How often it was used."""
        return self._stored.request_count + self._uses[0]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, APIKeyRecord) and (self._stored, self._uses) == (other._stored, other._uses)

    def __hash__(self) -> int:
        return hash(self._stored.id)

    def __repr__(self) -> str:
        return f"<APIKeyRecord {self.id} of {self.owner!r}, ...{self.last_four}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedAPIKey:
    """A new key.

    Attributes:
        key: The key itself. This is the only time that it is there.
        record: What is known of it from now on.
    """

    key: str = field(repr=False)
    record: APIKeyRecord


class APIKeys:
    """Make, verify and revoke API keys.

    Args:
        store: Where they are kept: a `MemoryStore`, `RedisStore` or `SQLStore`.
        prefix: What every key begins with: a lower-case letter, and up to 15 letters and digits.
        pepper: A secret of this application that hashes are keyed with, so that a copy of the store alone lets nobody
            test keys. Several, by their ids, where it is rotated: the first is used for new keys.
        flush_interval: After how many seconds uses are written: 10.
        clock: The time, in seconds since the epoch; for tests.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        store: APIKeyStore,
        *,
        prefix: str = "ask",
        pepper: str | bytes | Mapping[str, str | bytes] | None = None,
        flush_interval: float | timedelta = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not callable(getattr(store, "find_api_key", None)):
            raise ConfigError("APIKeys(store=)", unless_text(store), "write a store, such as open_store(url)")
        if not _key_text.prefix_is_good(prefix):
            raise ConfigError("APIKeys(prefix=)", prefix, "write 2 to 16 lower-case letters and digits, such as 'ask'")
        self._store = store
        self._prefix = prefix
        self._peppers = _peppers(pepper)
        self._pepper_id = next(iter(self._peppers), "")
        self._clock = clock
        self._usage = Usage(store, _seconds("APIKeys(flush_interval=)", flush_interval), time.monotonic)
        # What an id that there is not is compared with, so that it takes the time of one that there is.
        self._nobodys = self._digest(_key_text.made(prefix)[1].secret, self._pepper_id)

    @property
    def closes(self) -> tuple[Closable, ...]:
        """What to close when the application shuts down: pending counts are written, then the store is closed."""
        return (self._usage, self._store)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Write pending counts; the store stays open."""
        await self._usage.aclose()

    async def create(
        self,
        owner: str,
        scopes: Iterable[str] = (),
        *,
        name: str = "",
        expires_at: float | datetime | None = None,
        networks: Iterable[str] = (),
    ) -> CreatedAPIKey:
        """Make a key.

        Args:
            owner: Whose it is.
            scopes: What it allows.
            name: What its owner calls it.
            expires_at: When it ends: seconds since the epoch, or a datetime with a time zone; `None` for never.
            networks: From where it may be used, such as `192.0.2.0/24`; from anywhere where left out.

        Raises:
            ValueError: Something of this cannot be.
            StoreUnavailable: It cannot be kept now.
        """
        key, parts = _key_text.made(self._prefix)
        stored = StoredAPIKey(
            id=parts.id,
            owner=_text("owner", owner, 1),
            name=_text("name", name, 0),
            scopes=_written_scopes(scopes),
            networks=" ".join(str(network) for network in _networks(networks)),
            digest=self._digest(parts.secret, self._pepper_id),
            last_four=key[-4:],
            created_at=self._clock(),
            expires_at=_moment(expires_at),
        )
        await self._store.add_api_key(stored)
        self._tell("token_created", "api_key_created", stored)
        return CreatedAPIKey(key=key, record=self._record(stored))

    async def verify(self, key: str, *, client: str | None = None) -> APIKeyRecord:
        """Return what is known of a key that is good, and count its use.

        Args:
            key: What was presented.
            client: From which address; needed for keys that are bound to networks.

        Raises:
            InvalidAPIKey: It is not good.
            StoreUnavailable: Nobody can say now.
        """
        try:
            parts = _key_text.parsed(self._prefix, key)
        except ValueError:
            raise InvalidAPIKey(reason="malformed") from None
        if parts is None:
            raise InvalidAPIKey(reason="checksum")
        stored = await self._store.find_api_key(parts.id)
        now = self._clock()
        self._compare(stored, parts.secret, now)
        if stored is None:
            raise InvalidAPIKey(reason="unknown")
        if not stored.active:
            raise InvalidAPIKey(reason="disabled")
        if stored.expires_at is not None and stored.expires_at <= now:
            raise InvalidAPIKey(reason="expired")
        if stored.networks and not _within(client, stored.networks):
            raise InvalidAPIKey(reason="network")
        await self._usage.count(stored.id, now)
        return self._record(stored)

    async def find(self, key_id: str) -> APIKeyRecord | None:
        """Return what is known of a key by its id."""
        stored = await self._store.find_api_key(key_id)
        return None if stored is None else self._record(stored)

    async def list(self, owner: str) -> Sequence[APIKeyRecord]:
        """Return what is known of an owner's keys, the oldest first."""
        return [self._record(stored) for stored in await self._store.api_keys_of(owner)]

    async def rotate(self, key_id: str, *, overlap: float | timedelta = _DAY) -> CreatedAPIKey:
        """Give a key a new secret; the old one is good until the overlap is over.

        A key has two secrets at most. Rotated again within the overlap, it has the newest and the one before that.

        Args:
            key_id: Which.
            overlap: For how many seconds both are good; 0 ends the old one at once.

        Raises:
            KeyError: There is no such key.
            APIKeyChanged: Somebody else rotates it at the same moment; their secret holds, and nothing else was done.
        """
        kept = _seconds("APIKeys.rotate(overlap=)", overlap)
        known = await self._store.find_api_key(key_id)
        if known is None:
            raise KeyError(key_id)
        key, parts = _key_text.made(self._prefix, key_id)
        changes = {
            "digest": self._digest(parts.secret, self._pepper_id),
            "last_four": key[-4:],
            "previous_digest": known.digest if kept else None,
            "previous_until": self._clock() + kept if kept else None,
        }
        # Only if it still has the secret that was found: of two at once, one would else be given a key that is none.
        changed = await self._store.change_api_key(key_id, changes, digest=known.digest)
        if changed is None:
            if await self._store.find_api_key(key_id) is None:
                raise KeyError(key_id)
            raise APIKeyChanged
        self._tell("token_created", "api_key_rotated", changed)
        return CreatedAPIKey(key=key, record=self._record(changed))

    async def disable(self, key_id: str) -> APIKeyRecord:
        """Refuse a key until it is enabled again; `KeyError` where there is none."""
        return self._record(await self._changed(key_id, {"active": False}, "token_revoked", "api_key_disabled"))

    async def enable(self, key_id: str) -> APIKeyRecord:
        """Let a key pass that was disabled; `KeyError` where there is none."""
        return self._record(await self._changed(key_id, {"active": True}, "token_created", "api_key_enabled"))

    async def delete(self, key_id: str) -> bool:
        """Forget a key, and tell whether there was one."""
        stored = await self._store.find_api_key(key_id)
        deleted = await self._store.delete_api_key(key_id)
        if stored is not None and deleted:
            self._tell("token_revoked", "api_key_deleted", stored)
        return deleted

    async def _changed(self, key_id: str, changes: Mapping[str, object], event: str, reason: str) -> StoredAPIKey:
        changed = await self._store.change_api_key(key_id, changes)
        if changed is None:
            raise KeyError(key_id)
        self._tell(event, reason, changed)
        return changed

    def _compare(self, stored: StoredAPIKey | None, secret: str, now: float) -> None:
        kept = self._nobodys if stored is None else stored.digest
        good = self._is(secret, kept)
        if stored is None or good:
            return
        previous, until = stored.previous_digest, stored.previous_until
        if previous is None or until is None or until <= now or not self._is(secret, previous):
            raise InvalidAPIKey(reason="secret")

    def _is(self, secret: str, digest: str) -> bool:
        pepper_id = digest.partition(":")[0] if ":" in digest else ""
        if pepper_id and pepper_id not in self._peppers:
            return False  # a pepper that was taken away took its keys with it
        return hmac.compare_digest(self._digest(secret, pepper_id), digest)

    def _digest(self, secret: str, pepper_id: str) -> str:
        if not pepper_id:
            return sha256(secret.encode()).hexdigest()
        return f"{pepper_id}:{hmac.digest(self._peppers[pepper_id], secret.encode(), 'sha256').hex()}"

    def _record(self, stored: StoredAPIKey) -> APIKeyRecord:
        return APIKeyRecord(stored, self._usage.pending(stored.id))

    @staticmethod
    def _tell(name: str, reason: str, stored: StoredAPIKey) -> None:
        emit(
            SecurityEvent(
                name=name,
                reason=reason,
                policy="APIKeys",
                principal=stored.owner,
                request_id=request_id(),
                level=logging.INFO,
            )
        )


def _peppers(pepper: object) -> dict[str, bytes]:
    if pepper is None:
        return {}
    option, mend = "APIKeys(pepper=)", f"write {_MIN_PEPPER} random bytes or more, or a mapping of ids to such"
    given = dict(pepper) if isinstance(pepper, Mapping) else {"p1": pepper}
    found: dict[str, bytes] = {}
    for pepper_id, value in given.items():
        data = value.encode() if isinstance(value, str) else value
        if not isinstance(data, bytes) or len(data) < _MIN_PEPPER:
            raise ConfigError(option, ..., mend)
        if not isinstance(pepper_id, str) or not pepper_id.isalnum() or not pepper_id.isascii():
            raise ConfigError(option, pepper_id, "name peppers by letters and digits, such as 'p1'")
        found[pepper_id] = data
    if not found:
        raise ConfigError(option, ..., mend)
    return found


def _seconds(option: str, value: object) -> float:
    seconds = in_seconds(value)
    if seconds is None or seconds < 0:
        raise ConfigError(option, value, "write seconds or a timedelta, 0 or more")
    return float(seconds)


def _text(name: str, value: object, least: int) -> str:
    if not isinstance(value, str) or not least <= len(value) <= _MAX_TEXT:
        raise ValueError(f"the {name} of a key is a text of {least} to {_MAX_TEXT} characters")
    return value


def _written_scopes(scopes: Iterable[str]) -> str:
    if isinstance(scopes, str):
        raise TypeError("write scopes as a list of texts, such as ['orders:read']")
    found = sorted(set(scopes))
    for scope in found:
        # RFC 6749 section 3.3.
        if not scope or not scope.isascii() or not scope.isprintable() or any(sign in scope for sign in ' "\\'):
            raise ValueError("a scope is visible ASCII without spaces, quotes and backslashes")
    return " ".join(found)


def _networks(networks: Iterable[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    if isinstance(networks, str):
        raise TypeError("write networks as a list of texts, such as ['192.0.2.0/24']")
    return tuple(_unmapped(_network(network)) for network in networks)


def _network(network: object) -> IPv4Network | IPv6Network:
    # A number or bytes would be an address, too. A zone (RFC 4007 section 11) means something on one machine alone, and
    # may hold a space, which separates networks.
    if not isinstance(network, str) or "%" in network:
        raise ValueError("write networks as texts without zones, such as ['192.0.2.0/24']")
    return ip_network(network)


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    # As for addresses: `::ffff:192.0.2.0/120` (RFC 4291 section 2.5.5.2) is another spelling of `192.0.2.0/24`.
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED))


def _within(client: str | None, networks: str) -> bool:
    try:
        address = ip_address(client or "")
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _networks_of(networks))


# Many keys have the same few, and each request reads them.
@lru_cache(maxsize=1024)
def _scopes_of(written: str) -> frozenset[str]:
    return frozenset(written.split())


@lru_cache(maxsize=1024)
def _networks_of(written: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return _networks(written.split())


def _moment(value: float | datetime | None) -> float | None:
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a datetime needs a time zone: without one, nobody knows when it is")
        return value.timestamp()
    if value is None:
        return None
    # Milliseconds, as JavaScript counts, would make a key that never ends.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _YEAR_10000:
        raise ValueError("expires_at is seconds since the epoch, a datetime, or None")
    return value
