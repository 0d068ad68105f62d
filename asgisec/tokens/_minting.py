"""Pairs of tokens: what an access token says (RFC 9068 section 2.2), signed, beside its refresh token."""

import secrets
from collections.abc import Iterable
from typing import Any

from asgisec.stores.protocols import RefreshFamily
from asgisec.tokens._jws import MAX_SIZE
from asgisec.tokens._parsing import encode_base64url
from asgisec.tokens._refresh import RefreshToken
from asgisec.tokens.claims import TokenPair
from asgisec.tokens.keys import KeySet
from asgisec.tokens.sessions import Grant

__all__ = ["Mint"]

_ID = 16  # random bytes of a token's id


class Mint:
    """Makes pairs.

    Args:
        keys: What signs.
        issuer: Our name in `iss`.
        audience: Who the access tokens are for.
        access_ttl: How long they are good, in seconds.
        client_id: What stands as `client_id` where no client was named.
    """

    def __init__(
        self, keys: KeySet, *, issuer: str, audience: Iterable[str], access_ttl: float, client_id: str
    ) -> None:
        listed = sorted(audience)
        self._keys = keys
        self._constant: dict[str, Any] = {"iss": issuer, "aud": listed[0] if len(listed) == 1 else listed}
        self._access_ttl = access_ttl
        self._client_id = client_id

    def pair(
        self, grant: Grant, now: float, family: RefreshFamily | None = None, refresh_token: RefreshToken | None = None
    ) -> TokenPair:
        """Return a pair; without a family, only an access token.

        Raises:
            ValueError: The access token would be longer than verifiers take.
        """
        end = now + self._access_ttl if family is None else min(now + self._access_ttl, family.expires_at)
        scope = " ".join(sorted(grant.scopes))
        claims = {
            **grant.claims,
            **self._constant,
            "sub": grant.subject,
            "exp": end,
            "iat": now,
            "jti": encode_base64url(secrets.token_bytes(_ID)),
            "client_id": self.client_of(grant),
            "scope": scope,
            **({} if family is None else {"sid": family.id}),
        }
        token = self._keys.sign(claims)
        if len(token) > MAX_SIZE:
            raise ValueError(f"this token would have {len(token):,} characters, and verifiers take {MAX_SIZE:,}")
        return TokenPair(
            access_token=token,
            refresh_token=None if refresh_token is None else str(refresh_token),
            expires_in=max(int(end - now), 0),
            scope=scope,
        )

    def client_of(self, grant: Grant) -> str:
        """Return what stands as `client_id`."""
        return self._client_id if grant.client_id is None else grant.client_id
