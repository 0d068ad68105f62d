"""Whether a token is good, and what it says.

Rules, in this order; the first that is broken is the reason:

1. It is no longer than `max_size`, and has three segments (RFC 7515 section 7.1).
2. Its header is strict JSON and says nothing that we would have to follow (RFC 8725 section 3.10).
3. A key of ours has the algorithm and the id it names; the key decides (RFC 8725 section 3.1).
4. Its type is one of `token_types` (RFC 9068 section 4).
5. Its signature is right. Only then is its payload read.
6. `exp`, `iss` and the audience are there and right; so is what else is required; dates are numbers.
7. It was not revoked: `authenticate` asks, `verify` cannot.

Whatever is wrong is an `InvalidToken` with one of a closed set of reasons, and the peer is told the same for all.

    verifier = TokenVerifier(keys, issuer="https://id.example.com", audience="api")
    claims = await verifier.authenticate(token)
"""

import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from asgisec.errors import ConfigError, InvalidToken, unless_text
from asgisec.stores.protocols import Closable, DenylistStore
from asgisec.tokens._checks import Checks
from asgisec.tokens._jws import MAX_SIZE, parse_header, split
from asgisec.tokens._options import seconds, texts, whole
from asgisec.tokens._parsing import decode_base64url, parse_object
from asgisec.tokens._reasons import refused
from asgisec.tokens._ring import Ring, RingSource
from asgisec.tokens._seen import Seen, SeenTokens
from asgisec.tokens.claims import Claims
from asgisec.tokens.revocation import SLACK, check_revocation

if TYPE_CHECKING:
    from asgisec.tokens._keys import Key

__all__ = ["TokenVerifier"]

_KNOWN_HEADERS = 64  # how many spellings of headers are kept: an issuer has one per key


@runtime_checkable
class Fetched(RingSource, Protocol):
    """Keys that have to be fetched."""

    async def prepare(self) -> None:
        """Fetch the keys where they are not at hand."""

    async def learn(self) -> bool:
        """Fetch the keys anew, since one was named that is not among them; say whether that was done."""


class TokenVerifier:
    """Verify access tokens of one issuer.

    Args:
        keys: A `KeySet`, or a `RemoteKeySet`.
        issuer: What `iss` must be, to the letter.
        audience: What we are called; the token must name it, or one of several.
        denylist: The store that knows what was revoked.
        on_store_error: What happens where that store is down: `"deny"` (503), or `"allow"`.
        leeway: How far the clocks of the issuer and of this machine may be apart; with a denylist, 300 seconds at
            most, for so long a revocation outlives its token.
        cache_size: How many verified tokens are remembered, so that their signature is checked once; 0 for none.
        token_types: The `typ` to accept, without case; `None` among them accepts a token that has none.
        audience_claim: The claim that names the audience.
        required_claims: What must be there besides `exp`, `iss` and the audience.
        max_size: How long a token may be, in characters.
        clock: The time, in seconds since the epoch; for tests.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        keys: RingSource,
        *,
        issuer: str,
        audience: str | Iterable[str],
        denylist: DenylistStore | None = None,
        on_store_error: Literal["deny", "allow"] = "deny",
        leeway: float | timedelta = 0,
        cache_size: int = 4096,
        token_types: Iterable[str | None] = ("at+jwt",),
        audience_claim: str = "aud",
        required_claims: Iterable[str] = ("sub", "iat", "jti"),
        max_size: int = MAX_SIZE,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not callable(getattr(keys, "current", None)):
            raise ConfigError("TokenVerifier(keys=)", ..., "write a KeySet or a RemoteKeySet")
        if not isinstance(issuer, str) or not issuer:
            raise ConfigError("TokenVerifier(issuer=)", issuer, "write the `iss` of its tokens, to the letter")
        if denylist is not None and not callable(getattr(denylist, "denied", None)):
            raise ConfigError("TokenVerifier(denylist=)", unless_text(denylist), "write a store, such as a MemoryStore")
        if on_store_error not in ("deny", "allow"):
            raise ConfigError("TokenVerifier(on_store_error=)", on_store_error, 'write "deny" or "allow"')
        if not isinstance(audience_claim, str) or not audience_claim:
            raise ConfigError("TokenVerifier(audience_claim=)", audience_claim, "write the name of a claim")
        self._keys = keys
        self._fetched = keys if isinstance(keys, Fetched) else None
        self._denylist = denylist
        self._allow_unchecked = on_store_error == "allow"
        self._cache_size = whole("TokenVerifier(cache_size=)", cache_size, 0)
        self._max_size = whole("TokenVerifier(max_size=)", max_size, 1)
        self._types = _types(token_types)
        required = _names(required_claims)
        # Whose revocations to ask for is said by the subject: without one, none could be found.
        needed = {"sub"} if denylist is not None else set()
        allowed = seconds("TokenVerifier(leeway=)", leeway)
        if denylist is not None and allowed > SLACK:
            mend = f"with a denylist write {SLACK:.0f} or less: a revocation is forgotten so long after its token ends"
            raise ConfigError("TokenVerifier(leeway=)", leeway, mend)
        self._checks = Checks(
            issuer=issuer,
            audience=texts("TokenVerifier(audience=)", audience, "write what this API is called in `aud`, or several"),
            audience_claim=audience_claim,
            required=required | needed,
            leeway=allowed,
        )
        self._clock = clock
        self._known = _Known(None, self._cache_size)

    @property
    def closes(self) -> tuple[Closable, ...]:
        """What to close when the application shuts down."""
        return () if self._denylist is None else (self._denylist,)

    async def authenticate(self, token: str) -> Claims:
        """Return what a token says, with keys that are fetched where they are remote, if it was not revoked.

        Raises:
            InvalidToken: It is not good.
            KeysUnavailable: The keys of its issuer cannot be fetched.
            StoreUnavailable: Nobody can say whether it was revoked.
        """
        claims = self.verify(token) if self._fetched is None else await self._verify_fetched(token, self._fetched)
        if self._denylist is not None:
            await check_revocation(self._denylist, claims, allow_unchecked=self._allow_unchecked)
        return claims

    def verify(self, token: str) -> Claims:
        """Return what a token says, with the keys at hand; whether it was revoked is not asked.

        Raises:
            InvalidToken: It is not good.
            KeysUnavailable: The keys are remote, and none were fetched yet.
        """
        ring = self._keys.current()
        known = self._known
        if known.ring is not ring:
            # A key has come or gone: what it signed is looked at anew.
            known = self._known = _Known(ring, self._cache_size)
        if type(token) is not str:
            raise refused("malformed")
        now = self._clock()
        seen = known.tokens.find(token)
        if seen is not None and seen.begin <= now < seen.end:
            return seen.claims
        return self._verify(token, ring, known, now)

    def _verify(self, token: str, ring: Ring, known: "_Known", now: float) -> Claims:
        if len(token) > self._max_size:
            raise refused("too_large")
        header, payload, signature = split(token)
        key = known.headers.get(header)
        if key is None:
            said = parse_header(header)
            key = ring.find(said)
            if said.kind not in self._types:
                raise refused("token_type")
        try:
            given = decode_base64url(signature)
            data = decode_base64url(payload)
        except ValueError:
            raise refused("malformed") from None
        if not key.check(token[: len(header) + 1 + len(payload)].encode("ascii"), given):
            raise refused("signature")
        if len(known.headers) < _KNOWN_HEADERS:
            # Only what a key of ours has signed is remembered, so that nobody else can fill it.
            known.headers[header] = key
        try:
            members = parse_object(data)
        except ValueError:
            raise refused("malformed") from None
        begin, end = self._checks.check(members, now)
        try:
            claims = Claims(members)
        except ValueError:
            raise refused("claim_malformed") from None
        known.tokens.put(token, Seen(claims, begin, end))
        return claims

    async def _verify_fetched(self, token: str, keys: Fetched) -> Claims:
        await keys.prepare()
        try:
            return self.verify(token)
        except InvalidToken as refusal:
            if refusal.reason != "unknown_key" or not await keys.learn():
                raise
        return self.verify(token)


class _Known:
    """What is known with one ring of keys: headers, and tokens."""

    __slots__ = ("headers", "ring", "tokens")

    def __init__(self, ring: Ring | None, size: int) -> None:
        self.ring = ring
        self.headers: dict[str, Key] = {}
        self.tokens = SeenTokens(size)


def _types(value: Iterable[str | None]) -> frozenset[str | None]:
    found = [] if isinstance(value, str) else list(value) if isinstance(value, Iterable) else []
    if not found or not all(kind is None or (isinstance(kind, str) and kind) for kind in found):
        mend = 'write a list such as ["at+jwt"]; None in it accepts tokens without `typ`'
        raise ConfigError("TokenVerifier(token_types=)", value, mend)
    return frozenset(kind if kind is None else kind.lower().removeprefix("application/") for kind in found)


def _names(value: Iterable[str]) -> frozenset[str]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError("TokenVerifier(required_claims=)", value, 'write a list such as ["sub", "jti"]')
    found = list(value)
    return texts("TokenVerifier(required_claims=)", found, "write names of claims") if found else frozenset()
