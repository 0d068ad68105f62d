"""The keys of somebody else's issuer, fetched and kept.

- They are fetched when the first token comes, and anew when `ttl` is over; meanwhile, and while the issuer cannot be
  reached, the old ones verify, until `max_stale` is over. Then nobody can say: `KeysUnavailable`, 503.
- Whoever needs them waits for one fetch, however many wait, in whichever event loop.
- A token that names a key we do not have has them fetched anew, once per `cooldown`: made-up ids cannot make us flood
  the issuer. Keys that the issuer has withdrawn are forgotten with the next fetch.
- What is fetched is bounded and strict, and of the issuer it was asked for, to the letter (OpenID Connect Discovery
  section 4.3). What is not understood in a set is passed over, as RFC 7517 section 5 asks; a secret or a private key
  in it always is, for everybody can sign with it.

    keys = RemoteKeySet(issuer="https://id.example.com")
    verifier = TokenVerifier(keys, issuer="https://id.example.com", audience="api")
"""

import logging
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from asgisec._wire.url import is_safe_url
from asgisec.errors import ConfigError, KeysUnavailable
from asgisec.events import SecurityEvent, emit
from asgisec.tokens._fetch import fetch_json
from asgisec.tokens._flight import Flights, landed
from asgisec.tokens._jwk import BadKey, from_jwk
from asgisec.tokens._options import seconds
from asgisec.tokens._ring import Ring

if TYPE_CHECKING:
    from asgisec.tokens._keys import Key

__all__ = ["RemoteKeySet"]

_MAX_KEYS = 64  # the largest of the common sets has a dozen
_WELL_KNOWN = "/.well-known/openid-configuration"
_SAFE_URL = "write an https:// URL; http:// is for this machine only, as http://localhost:8080"


class RemoteKeySet:
    """The public keys of an issuer: by OpenID Connect discovery, or from a URL.

    Args:
        issuer: The issuer; where its keys are is asked at `/.well-known/openid-configuration` below it.
        jwks_url: Where its keys are; then nothing is asked elsewhere.
        ttl: For how long keys are used without asking again.
        max_stale: For how long keys are used at most while the issuer cannot be reached.
        cooldown: How often, at most, tokens that name unknown keys have the keys fetched.
        timeout: How long a fetch may take.
        clock: A clock that never goes back, in seconds; for tests.

    Raises:
        ConfigError: An option is wrong, or not exactly one of `issuer` and `jwks_url` is given.
    """

    def __init__(
        self,
        *,
        issuer: str | None = None,
        jwks_url: str | None = None,
        ttl: float | timedelta = 300,
        max_stale: float | timedelta = 86_400,
        cooldown: float | timedelta = 30,
        timeout: float | timedelta = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if (issuer is None) == (jwks_url is None):
            raise ConfigError("RemoteKeySet(issuer=)", issuer, "write either issuer= or jwks_url=")
        name, url = ("issuer", issuer) if jwks_url is None else ("jwks_url", jwks_url)
        if not is_safe_url(url) or (name == "issuer" and "?" in str(url)):
            raise ConfigError(f"RemoteKeySet({name}=)", url, _SAFE_URL)
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._ttl = seconds("RemoteKeySet(ttl=)", ttl, zero=False)
        self._max_stale = seconds("RemoteKeySet(max_stale=)", max_stale, zero=False)
        self._cooldown = seconds("RemoteKeySet(cooldown=)", cooldown)
        self._timeout = seconds("RemoteKeySet(timeout=)", timeout, zero=False)
        if self._max_stale < self._ttl:
            raise ConfigError("RemoteKeySet(max_stale=)", max_stale, "write no less than ttl=")
        self._clock = clock
        self._flights = Flights(self._fetch, self._failed)
        self._ring: Ring | None = None
        self._published: list[Any] | None = None
        self._fetched_at = 0.0
        self._learned_at: float | None = None
        self._failures = 0
        self._failed_at = 0.0
        self._cause: Exception | None = None

    def __repr__(self) -> str:
        return f"RemoteKeySet({self._issuer or self._jwks_url!r})"

    def current(self) -> Ring:
        """Return the keys at hand.

        Raises:
            KeysUnavailable: There are none yet, or they are too old to be believed.
        """
        ring = self._ring
        if ring is None or self._clock() - self._fetched_at >= self._max_stale:
            raise KeysUnavailable from self._cause
        return ring

    async def prepare(self) -> None:
        """Fetch the keys where there are none, or they are too old; where they are only due, let that be done."""
        age = self._clock() - self._fetched_at
        if self._ring is not None and age < self._ttl:
            return
        if not self._may_try():
            return
        flight = self._flights.begin()
        if self._ring is None or age >= self._max_stale:
            await landed(flight, self._timeout)

    async def learn(self) -> bool:
        """Fetch the keys anew, unless that was done a short while ago; say whether there may be new ones."""
        now = self._clock()
        if self._learned_at is not None and now - self._learned_at < self._cooldown:
            # Somebody else asked. Where that is under way, its answer is ours, too.
            flight = self._flights.under_way()
            if flight is None:
                return False
        else:
            self._learned_at = now
            flight = self._flights.begin()
        await landed(flight, self._timeout)
        return True

    def _may_try(self) -> bool:
        """Say whether enough time has passed since what failed: first none, then more and more."""
        pause = min(self._cooldown, 0.1 * 2.0 ** min(self._failures, 20)) if self._failures > 1 else 0.0
        return self._clock() - self._failed_at >= pause

    def _fetch(self) -> None:
        """Fetch the keys; in the flight's thread, so one at a time."""
        try:
            published = self._fetch_set()
            # The same keys stay the same ring: what was verified with them stays verified.
            ring = self._ring if published == self._published else _ring_of(published)
        except Exception as error:  # noqa: BLE001 - whatever it is, the keys at hand stay, and callers are told
            self._failed(error)
        else:
            self._failures = 0
            self._fetched_at = self._clock()
            self._ring, self._published = ring, published  # last: who sees a ring sees that it is fresh

    def _failed(self, error: Exception) -> None:
        self._failures += 1
        self._failed_at = self._clock()
        self._cause = error
        # A sink of events belongs to a request; this belongs to none.
        emit(
            SecurityEvent(
                name="sys_keys_unavailable",
                reason="fetch_failed",
                policy="RemoteKeySet",
                level=logging.WARNING if self._ring is not None else logging.ERROR,
            )
        )

    def _fetch_set(self) -> list[Any]:
        listed = fetch_json(self._jwks_url or self._discovered(), self._timeout).get("keys")
        if not isinstance(listed, list) or len(listed) > _MAX_KEYS:
            raise ValueError("this is no set of keys, or too large a one")
        return listed

    def _discovered(self) -> str:
        issuer = str(self._issuer)
        found = fetch_json(issuer.rstrip("/") + _WELL_KNOWN, self._timeout)
        # Otherwise one tenant of a provider could answer for another.
        if found.get("issuer") != issuer:
            raise ValueError("the discovered document is another issuer's")
        url = found.get("jwks_uri")
        if not isinstance(url, str) or not is_safe_url(url):
            raise ValueError("the discovered document names no URL of keys that we would fetch")
        return url


def _ring_of(published: list[Any]) -> Ring:
    keys: dict[tuple[str, str], Key] = {}
    for jwk in published:
        try:
            key = from_jwk(jwk, secrets=False) if isinstance(jwk, dict) else None
        except BadKey:
            continue
        if key is not None:
            keys.setdefault((key.algorithm, key.kid), key)
    if not keys:
        raise ValueError("no key of this set can be used")
    return Ring([*keys.values()])
