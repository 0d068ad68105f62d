"""What a verified token says."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Claims", "TokenPair", "scopes_of"]


class Claims(Mapping[str, Any]):
    """The claims of a token that was verified; they cannot be changed.

    A list or an object among them is handed out as a copy: one caller's change never reaches the next caller who
    presents the same token.

    Attributes:
        subject: Who the token is about (`sub`).
        scopes: What it allows: of `scope`, `scopes` or `scp`, whichever is there first.
        expires_at: When it ends (`exp`), in seconds since the epoch.
    """

    __slots__ = ("_members", "expires_at", "scopes", "subject")

    def __init__(self, members: Mapping[str, Any]) -> None:
        self._members = dict(members)
        self.subject: str = self._members.get("sub", "")
        self.expires_at: float = self._members["exp"]
        self.scopes = scopes_of(self._members)

    @property
    def token_id(self) -> str | None:
        """The id of the token (`jti`)."""
        return self._members.get("jti")

    @property
    def session_id(self) -> str | None:
        """The session it belongs to (`sid`)."""
        return self._members.get("sid")

    @property
    def client_id(self) -> str | None:
        """The OAuth2 client it was issued to: `client_id`, or `azp` where the provider says it so."""
        members = self._members
        return members["client_id"] if "client_id" in members else members.get("azp")

    @property
    def issued_at(self) -> float | None:
        """When it was issued (`iat`), in seconds since the epoch."""
        return self._members.get("iat")

    def __getitem__(self, name: str) -> Any:
        return _copied(self._members[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._members)

    def __len__(self) -> int:
        return len(self._members)

    def __hash__(self) -> int:
        return hash((self.subject, self.expires_at, self.token_id))

    def __repr__(self) -> str:
        # A claim may be anybody's secret or address; its name is not.
        return f"<Claims of {self.subject!r}: {', '.join(self._members)}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPair:
    """What a client is given.

    Attributes:
        access_token: What it presents with each request.
        refresh_token: What it gets the next pair with; `None` where there is no next one.
        expires_in: For how many seconds the access token is good.
        scope: What was granted, separated by spaces.
        token_type: How to present it.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in: int
    scope: str
    token_type: str = "Bearer"  # noqa: S105 - a scheme's name


def scopes_of(members: Mapping[str, Any]) -> frozenset[str]:
    """Return the scopes that claims grant.

    Raises:
        ValueError: They are written as neither text nor a list of texts.
    """
    for name in ("scope", "scopes", "scp"):
        if name in members:
            value = members[name]
            if isinstance(value, str):
                return frozenset(value.split(" ")) - {""}
            if isinstance(value, list | tuple) and all(isinstance(scope, str) for scope in value):
                return frozenset(value) - {""}
            raise ValueError
    return frozenset()


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
