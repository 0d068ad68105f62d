"""Sessions: what was granted at a login, as it is kept, and as it is shown."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from asgisec.errors import StoreUnavailable
from asgisec.stores.protocols import RefreshFamily
from asgisec.tokens.claims import Claims

__all__ = ["Grant", "Session", "TokenInfo"]


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted at a login.

    Attributes:
        subject: To whom.
        client_id: Through which client; `None` where none was named.
        scopes: What.
        claims: What else its access tokens say.
    """

    subject: str
    client_id: str | None
    scopes: frozenset[str]
    claims: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_text(self) -> str:
        """Return the grant as stores keep it."""
        parts = {"sub": self.subject, "client_id": self.client_id, "scope": " ".join(sorted(self.scopes))}
        return json.dumps({**parts, "claims": dict(self.claims)}, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> "Grant":
        """Read a grant.

        Raises:
            StoreUnavailable: Somebody else wrote it: nobody can say what was granted.
        """
        try:
            parts = json.loads(text)
            return cls(parts["sub"], parts["client_id"], frozenset(parts["scope"].split()), parts["claims"])
        except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
            raise StoreUnavailable from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A login that can still be refreshed.

    Attributes:
        id: Its id, the `sid` of its access tokens; for `TokenIssuer.revoke_session`.
        subject: Whose it is.
        client_id: The client it belongs to; `None` where none was named.
        scopes: What was granted at login.
        created_at: When it began, in seconds since the epoch.
        refreshed_at: When it was refreshed last; `None` where it never was.
        expires_at: When it ends, however often it is refreshed.
    """

    id: str
    subject: str
    client_id: str | None
    scopes: frozenset[str]
    created_at: float
    refreshed_at: float | None
    expires_at: float

    @classmethod
    def of(cls, family: RefreshFamily) -> "Session":
        """Return a family as its owner may see it."""
        grant = Grant.from_text(family.grant)
        return cls(
            id=family.id,
            subject=grant.subject,
            client_id=grant.client_id,
            scopes=grant.scopes,
            created_at=family.created_at,
            refreshed_at=family.refreshed_at,
            expires_at=family.expires_at,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenInfo:
    """What a token that is good says; what introspection (RFC 7662) answers with.

    Attributes:
        kind: `access_token` or `refresh_token`.
        subject: Who it is about.
        client_id: The client it was issued to.
        scopes: What it allows.
        expires_at: When it ends, in seconds since the epoch.
        issued_at: When it was issued; `None` for a refresh token.
        token_id: The id of an access token.
        session_id: The session it belongs to.
    """

    kind: Literal["access_token", "refresh_token"]
    subject: str
    client_id: str | None
    scopes: frozenset[str]
    expires_at: float
    issued_at: float | None = None
    token_id: str | None = None
    session_id: str | None = None

    @classmethod
    def of(cls, claims: Claims) -> "TokenInfo":
        """Return what a verified access token says."""
        return cls(
            kind="access_token",
            subject=claims.subject,
            client_id=claims.client_id,
            scopes=claims.scopes,
            expires_at=claims.expires_at,
            issued_at=claims.issued_at,
            token_id=claims.token_id,
            session_id=claims.session_id,
        )
