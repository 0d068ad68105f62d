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
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Self

from asgisec.context import request_id
from asgisec.credentials import _key_text
from asgisec.credentials._key_options import (
    is_within,
    moment_of,
    networks_from,
    seconds_of,
    text_of,
    written_scopes,
)
from asgisec.credentials._key_record import APIKeyRecord, CreatedAPIKey
from asgisec.credentials._peppers import peppers_of
from asgisec.credentials._usage import Usage
from asgisec.errors import APIKeyChanged, ConfigError, InvalidAPIKey, unless_text
from asgisec.events import SecurityEvent, emit
from asgisec.stores.protocols import APIKeyStore, Closable, StoredAPIKey

__all__ = ["APIKeyRecord", "APIKeys", "CreatedAPIKey"]

_DAY = 86_400.0


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
        self._peppers = peppers_of("APIKeys(pepper=)", pepper, "p1")
        self._pepper_id = next(iter(self._peppers), "")
        self._clock = clock
        self._usage = Usage(store, seconds_of("APIKeys(flush_interval=)", flush_interval), time.monotonic)
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
            owner=text_of("owner", owner, 1),
            name=text_of("name", name, 0),
            scopes=written_scopes(scopes),
            networks=" ".join(str(network) for network in networks_from(networks)),
            digest=self._digest(parts.secret, self._pepper_id),
            last_four=key[-4:],
            created_at=self._clock(),
            expires_at=moment_of(expires_at),
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
        if stored.networks and not is_within(client, stored.networks):
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
        kept = seconds_of("APIKeys.rotate(overlap=)", overlap)
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
        # What a store keeps may be any text; as text, `compare_digest` takes ASCII only.
        made = self._digest(secret, pepper_id)
        return hmac.compare_digest(made.encode(), digest.encode("utf-8", "surrogatepass"))

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
