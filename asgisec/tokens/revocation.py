"""How revocations are spelled in a `DenylistStore`, and how they are asked for: three look-ups, one round trip."""

import logging

from asgisec.context import request_id
from asgisec.errors import StoreUnavailable
from asgisec.events import SecurityEvent, emit
from asgisec.stores.protocols import DenylistStore
from asgisec.tokens._reasons import refused
from asgisec.tokens.claims import Claims

__all__ = ["SLACK", "SUBJECT_KEY", "check_revocation", "owner_of", "session_key", "token_key"]

SLACK = 300.0
"""For how many seconds a revocation outlives the tokens it is about: what the clocks of verifiers may be behind."""

SUBJECT_KEY = "u"
"""The key of all that was issued to a subject."""


def owner_of(issuer: str, subject: str) -> str:
    """Return whose revocations to ask for: two issuers may know a subject of one name."""
    return f"{len(issuer)}:{issuer}:{subject}"


def token_key(token_id: str) -> str:
    """Return the key of one token."""
    return f"t:{token_id}"


def session_key(session_id: str) -> str:
    """Return the key of one session."""
    return f"s:{session_id}"


async def check_revocation(store: DenylistStore, claims: Claims, *, allow_unchecked: bool) -> None:
    """Refuse a token that was revoked: itself, its session, or all that its subject had at a time.

    Args:
        store: Where revocations are.
        claims: What the token says.
        allow_unchecked: Let it through where the store cannot answer.

    Raises:
        InvalidToken: It was revoked.
        StoreUnavailable: Nobody can say.
    """
    keys = [SUBJECT_KEY]
    if claims.token_id is not None:
        keys.append(token_key(claims.token_id))
    if claims.session_id is not None:
        keys.append(session_key(claims.session_id))
    try:
        subject, *others = await store.denied(owner_of(claims["iss"], claims.subject), keys)
    except StoreUnavailable:
        if not allow_unchecked:
            raise
        # Somebody chose that a store that is down must not stop everybody: until it is back, a revoked token is good
        # until it expires. That choice is `on_store_error="allow"`, and each use of it is told.
        emit(
            SecurityEvent(
                name="sys_store_unavailable",
                reason="revocation_unchecked",
                policy="TokenVerifier",
                principal=claims.subject,
                request_id=request_id(),
                level=logging.ERROR,
            )
        )
        return
    # A token or a session is named because it is to end. A subject may log in again: what was issued since is good.
    if any(entry is not None for entry in others):
        raise refused("revoked")
    if subject is not None and (claims.issued_at is None or claims.issued_at <= subject):
        raise refused("revoked")
