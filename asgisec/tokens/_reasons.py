"""Why a token is refused: a closed set, for logs and metrics. The peer is told none of it."""

from typing import Literal, TypeAlias, get_args

from asgisec.errors import InvalidToken

__all__ = ["REASONS", "Reason", "refused"]

Reason: TypeAlias = Literal[
    "too_large",  # longer than `max_size`; nothing of it was read
    "malformed",  # no JWS in compact form, or its JSON is ambiguous, too deep or no object
    "header_not_allowed",  # a header that names a key, or that we would have to understand
    "algorithm",  # not the algorithm of the key, or `none`
    "unknown_key",
    "signature",
    "token_type",
    "claim_missing",
    "claim_malformed",
    "issuer",
    "audience",
    "expired",
    "not_yet_valid",
    "revoked",
    "unknown_token",  # from here on of refresh tokens: never one of ours, or long over
    "client_mismatch",  # another client's
    "subject_gone",  # its subject is disabled, or no more
    "reused",  # used before, and its session ended by that
]

REASONS: frozenset[str] = frozenset(get_args(Reason))


def refused(reason: Reason) -> InvalidToken:
    """Return the refusal of a token."""
    return InvalidToken(reason=reason)
