"""Who issues tokens: a login gives a pair, its refresh token gives the next pair, and each of them can be revoked.

- Access tokens are RFC 9068's: `typ: at+jwt`, `iss aud sub exp iat jti client_id scope sid`.
- A refresh token is good once (RFC 9700 section 4.14.2). It rotates in one step of the store, so of any number of
  requests with one token exactly one gets a new one.
- Presented again within `refresh_grace`, by a second tab or after a lost answer, it gives the same successor. Presented
  later, or when its successor has been used, it ends the session: somebody has a copy.
- A session has an end, however often it is refreshed (OWASP ASVS 10.4.8).
- Each refresh asks `subject_scopes` again: who is gone is refused, and nobody keeps scopes that were taken away.
- A session that is revoked ends its access tokens, too, wherever `verifier()` looks at them.

What is wrong with a refresh token is an `InvalidToken` with one of a closed set of reasons.

    issuer = TokenIssuer(KeySet.generate(), issuer="https://api.example.com", audience="api", store=MemoryStore())
    pair = await issuer.issue("user-1", ["orders:read"])
    pair = await issuer.refresh(pair.refresh_token)
"""

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from inspect import isawaitable
from typing import Any, Protocol, TypeAlias

from anyio import CancelScope, get_cancelled_exc_class

from asgisec._wire.scopes import covers
from asgisec.context import request_id
from asgisec.errors import ConfigError, InvalidScope, InvalidToken, StoreUnavailable, unless_text
from asgisec.events import SecurityEvent, emit
from asgisec.stores.protocols import Closable, DenylistStore, RefreshFamily, RefreshStore
from asgisec.tokens import _scopes
from asgisec.tokens._grants import MAX_TEXT, asked, grant_of, name_of
from asgisec.tokens._minting import Mint
from asgisec.tokens._options import seconds, texts
from asgisec.tokens._reasons import refused
from asgisec.tokens._refresh import RefreshToken, is_same
from asgisec.tokens.claims import TokenPair
from asgisec.tokens.keys import KeySet
from asgisec.tokens.revocation import SLACK, SUBJECT_KEY, owner_of, session_key, token_key
from asgisec.tokens.sessions import Grant, Session, TokenInfo
from asgisec.tokens.verifier import TokenVerifier

__all__ = ["TokenIssuer", "TokenStore"]

_MINUTE, _DAY = 60.0, 86_400.0

SubjectScopes: TypeAlias = Callable[[str], "Iterable[str] | Awaitable[Iterable[str] | None] | None"]


class TokenStore(RefreshStore, DenylistStore, Protocol):
    """What an issuer keeps its sessions and revocations in."""


class TokenIssuer:
    """Issue, refresh and revoke tokens.

    Args:
        keys: What signs.
        issuer: Our name in `iss`: a URL.
        audience: Who the access tokens are for, one name or several.
        store: Where sessions and revocations are: a `MemoryStore`, `RedisStore` or `SQLStore`.
        access_ttl: How long an access token is good, in seconds: 15 minutes.
        refresh_ttl: How long a session can be refreshed, counted from the login, in seconds: 7 days.
        refresh_grace: For how many seconds a refresh token may be presented again, and gives the same successor: 10.
            With 0, a second use ends the session at once.
        subject_scopes: What a subject may do now, asked at each refresh: its scopes, or `None` for one that is gone or
            disabled. It may be a coroutine function. Left out, a session keeps what was granted at login.
        client_id: What stands as `client_id` in tokens that were issued through no client; RFC 9068 asks for one.
        clock: The time, in seconds since the epoch; for tests.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        keys: KeySet,
        *,
        issuer: str,
        audience: str | Iterable[str],
        store: TokenStore,
        access_ttl: float | timedelta = 15 * _MINUTE,
        refresh_ttl: float | timedelta = 7 * _DAY,
        refresh_grace: float | timedelta = 10.0,
        subject_scopes: SubjectScopes | None = None,
        client_id: str = "first-party",
        clock: Callable[[], float] = time.time,
    ) -> None:
        if not isinstance(keys, KeySet) or not keys.can_sign:
            raise ConfigError("TokenIssuer(keys=)", unless_text(keys), "write a KeySet with a secret or a private key")
        if not isinstance(issuer, str) or not issuer:
            raise ConfigError("TokenIssuer(issuer=)", issuer, "write a URL such as 'https://api.example.com'")
        if not all(callable(getattr(store, name, None)) for name in ("rotate", "denied")):
            raise ConfigError("TokenIssuer(store=)", unless_text(store), "write a store, such as open_store(url)")
        if subject_scopes is not None and not callable(subject_scopes):
            raise ConfigError("TokenIssuer(subject_scopes=)", subject_scopes, "write a function of a subject")
        if not isinstance(client_id, str) or not 0 < len(client_id) <= MAX_TEXT:
            raise ConfigError("TokenIssuer(client_id=)", client_id, "write a text such as 'first-party'")
        self._audience = texts("TokenIssuer(audience=)", audience, "write what your API is called, or a list of names")
        self._keys = keys
        self._issuer = issuer
        self._store = store
        self._access_ttl = seconds("TokenIssuer(access_ttl=)", access_ttl, zero=False)
        self._refresh_ttl = seconds("TokenIssuer(refresh_ttl=)", refresh_ttl, zero=False)
        self._grace = seconds("TokenIssuer(refresh_grace=)", refresh_grace)
        self._subject_scopes = subject_scopes
        self._client_id = client_id
        self._clock = clock
        self._verifier = self.verifier()
        self._mint = Mint(
            keys, issuer=issuer, audience=self._audience, access_ttl=self._access_ttl, client_id=client_id
        )

    @property
    def keys(self) -> KeySet:
        """What signs."""
        return self._keys

    @property
    def issuer(self) -> str:
        """Our name in `iss`."""
        return self._issuer

    @property
    def client_id(self) -> str:
        """What stands as `client_id` in tokens that were issued through no client."""
        return self._client_id

    @property
    def audience(self) -> frozenset[str]:
        """Who the access tokens are for."""
        return self._audience

    @property
    def access_ttl(self) -> float:
        """How long an access token is good, in seconds."""
        return self._access_ttl

    @property
    def refresh_ttl(self) -> float:
        """How long a session can be refreshed, in seconds."""
        return self._refresh_ttl

    @property
    def closes(self) -> tuple[Closable, ...]:
        """What to close when the application shuts down."""
        return (self._store,)

    def verifier(self, **options: Any) -> TokenVerifier:
        """Return a verifier for these tokens, which asks the store what was revoked; options are `TokenVerifier`'s."""
        given = {"issuer": self._issuer, "audience": self._audience, "denylist": self._store, "clock": self._clock}
        return TokenVerifier(self._keys, **{**given, **options})

    async def issue(
        self,
        subject: object,
        scopes: Iterable[str] = (),
        client_id: str | None = None,
        claims: Mapping[str, Any] | None = None,
        *,
        refresh: bool = True,
    ) -> TokenPair:
        """Begin a session, and return its first pair.

        Args:
            subject: Who logged in: an id that never becomes another's. It stands in tokens as text.
            scopes: What was granted.
            client_id: The client through which; only that client can refresh.
            claims: What else the access tokens of this session say.
            refresh: Give a refresh token. Without, there is no session, only an access token.

        Raises:
            ValueError: Something cannot stand in a token.
            TypeError: Something is of another type, or the subject is `None`.
            InvalidToken: `revoked`: all that the subject has was revoked while it logged in.
            StoreUnavailable: The session cannot be kept now.
        """
        grant = grant_of(subject, client_id, scopes, claims)
        now = self._clock()
        if not refresh:
            return self._mint.pair(grant, now)
        token = RefreshToken.first()
        family = RefreshFamily(
            id=token.family_id,
            owner=self._owner(grant.subject),
            grant=grant.to_text(),
            proof=token.proof,
            current=token.secret,
            created_at=now,
            expires_at=now + self._refresh_ttl,
        )
        pair = self._mint.pair(grant, now, family, token)
        await self._store.add_family(family)
        # Who revokes denies, and then lists what to end. Where this session came too late for the list, this tells.
        [not_before] = await self._store.denied(family.owner, [SUBJECT_KEY])
        if not_before is not None and now <= not_before:
            await self._store.end_family(family.id)
            raise refused("revoked")
        self._tell("token_created", "issued", grant.subject, logging.INFO)
        return pair

    async def refresh(
        self, token: str, scopes: Iterable[str] | None = None, *, client_id: str | None = None
    ) -> TokenPair:
        """Return the next pair for a refresh token, which then is used.

        Args:
            token: The refresh token.
            scopes: A part of what was granted, for this access token; all that is left of it where nothing is named.
            client_id: The client that asks; it must be the one that the session began with.

        Raises:
            InvalidToken: It is not good: `malformed`, `unknown_token`, `revoked`, `expired`, `client_mismatch`,
                `subject_gone`, or `reused`, which ends the session.
            InvalidScope: More was asked for than was granted; the token is not used by that.
            ValueError: What `subject_scopes` leaves cannot stand in a token; likewise.
            StoreUnavailable: Nobody can say now; the same token may be presented again.
        """
        presented, family = await self._find(token)
        if family.ended:
            # Whoever ended it may have failed to end its access tokens.
            await self._deny_session(family)
            raise refused("revoked")
        grant = Grant.from_text(family.grant)
        if grant.client_id != client_id:
            raise refused("client_mismatch")
        grant = replace(grant, scopes=await self._left(family, grant))
        if scopes is not None:
            wanted = asked(scopes)
            if not covers(grant.scopes, wanted):
                raise InvalidScope
            grant = replace(grant, scopes=wanted)
        # Before the rotation: whoever ends this session afterwards, by subject, ends what is issued here, too.
        now = self._clock()
        successor = presented.successor()
        sealed = presented.seal(successor)
        pair = self._mint.pair(grant, now, family, successor)
        try:
            rotation = await self._store.rotate(family.id, presented.secret, successor.secret, sealed, self._grace)
        except get_cancelled_exc_class():
            await self._deny_ended(family.id)
            raise
        if rotation.outcome == "repeated" and rotation.sealed is not None:
            return replace(pair, refresh_token=str(presented.open(rotation.sealed)))
        if rotation.outcome == "reused":
            self._tell("token_reuse", "reused", grant.subject, logging.CRITICAL)
            with CancelScope(shield=True):
                await self._deny_session(family)
            raise refused("reused")
        if rotation.outcome == "gone":
            raise refused("revoked")
        return pair

    async def revoke(self, token: str, *, client_id: str | None = None) -> None:
        """Revoke an access token, or a refresh token and with it its session and the access tokens of that.

        What is no good token of ours, or another client's, is left alone without a word (RFC 7009 section 2.2).

        Args:
            token: The token.
            client_id: The client that asks; `None` where nobody but the holder does.

        Raises:
            StoreUnavailable: It is not revoked, or only its session is; try again.
        """
        try:
            if isinstance(token, str) and "." in token:
                claims = self._verifier.verify(token)
                if client_id is None or claims.client_id == client_id:
                    await self._deny(claims.subject, token_key(str(claims.token_id)), claims.expires_at)
                    self._tell("token_revoked", "token", claims.subject, logging.INFO)
                return
            _, family = await self._find(token)
        except InvalidToken:
            return
        if client_id is None or Grant.from_text(family.grant).client_id == client_id:
            await self._end(family)

    async def revoke_session(self, session_id: str) -> None:
        """End a session, and its access tokens; one that is over is left alone."""
        family = await self._store.find_family(session_id)
        if family is not None:
            await self._end(family)

    async def revoke_subject(self, subject: object) -> None:
        """End all sessions of a subject, and all access tokens that it has now. What it gets from now on is good."""
        name = name_of(subject)
        owner = self._owner(name)
        # First what is one step: the sessions may be many, and whoever waits for them may go.
        await self._deny_subject(owner)
        for family in await self._store.families_of(owner):
            await self._store.end_family(family.id)
            # What was issued just now may be of a time that comes here later: an issuer's clock may be ahead.
            if max(family.created_at, family.refreshed_at or 0.0) > self._clock() - 2 * SLACK:
                await self._deny_session(family)
        # Behind the sessions: a refresh that came before their end began before this moment.
        await self._deny_subject(owner)
        self._tell("token_revoked", "subject", name, logging.INFO)

    async def sessions(self, subject: object) -> Sequence[Session]:
        """Return the sessions of a subject that can be refreshed, the oldest first."""
        return [Session.of(family) for family in await self._store.families_of(self._owner(name_of(subject)))]

    async def inspect(self, token: str) -> TokenInfo | None:
        """Return what an access token or a refresh token says; `None` where it is not good (RFC 7662 section 2.2).

        Raises:
            StoreUnavailable: Nobody can say now.
        """
        try:
            if isinstance(token, str) and "." in token:
                return TokenInfo.of(await self._verifier.authenticate(token))
            presented, family = await self._find(token)
        except InvalidToken:
            return None
        if family.ended or not is_same(presented.secret, family.current):
            return None
        grant = Grant.from_text(family.grant)
        return TokenInfo(
            kind="refresh_token",
            subject=grant.subject,
            client_id=self._mint.client_of(grant),
            scopes=grant.scopes,
            expires_at=family.expires_at,
            session_id=family.id,
        )

    async def _find(self, token: str) -> tuple[RefreshToken, RefreshFamily]:
        try:
            presented = RefreshToken.parse(token)
        except ValueError:
            raise refused("malformed") from None
        family = await self._store.find_family(presented.family_id)
        # The id of a family is in its access tokens: who knows only that must not learn, or end, anything.
        if family is None or not is_same(presented.proof, family.proof):
            raise refused("unknown_token")
        if family.expires_at <= self._clock():
            raise refused("expired")
        return presented, family

    async def _left(self, family: RefreshFamily, grant: Grant) -> frozenset[str]:
        """Return what is left of a grant; end the session of a subject that is gone."""
        if self._subject_scopes is None:
            return grant.scopes
        found = self._subject_scopes(grant.subject)
        allowed = await found if isawaitable(found) else found
        if allowed is None:
            await self._end(family)
            raise refused("subject_gone")
        return _scopes.left_of(grant.scopes, _scopes.checked(allowed))

    def _owner(self, subject: str) -> str:
        return owner_of(self._issuer, subject)

    async def _end(self, family: RefreshFamily) -> None:
        await self._store.end_family(family.id)
        await self._deny_session(family)
        self._tell("token_revoked", "session", Grant.from_text(family.grant).subject, logging.INFO)

    async def _deny_subject(self, owner: str) -> None:
        now = self._clock()
        await self._store.deny(owner, SUBJECT_KEY, now, now + self._access_ttl + SLACK)

    async def _deny_session(self, family: RefreshFamily) -> None:
        now = self._clock()
        await self._store.deny(family.owner, session_key(family.id), now, now + self._access_ttl + SLACK)

    async def _deny_ended(self, family_id: str) -> None:
        """End the access tokens of a session that has ended while its caller was cancelled: nobody else may come."""
        with CancelScope(shield=True), suppress(StoreUnavailable):
            family = await self._store.find_family(family_id)
            if family is not None and family.ended:
                await self._deny_session(family)

    async def _deny(self, subject: str, key: str, expires_at: float) -> None:
        await self._store.deny(self._owner(subject), key, self._clock(), expires_at + SLACK)

    def _tell(self, name: str, reason: str, subject: str, level: int) -> None:
        emit(
            SecurityEvent(
                name=name,
                reason=reason,
                policy="TokenIssuer",
                principal=subject,
                request_id=request_id(),
                level=level,
            )
        )
