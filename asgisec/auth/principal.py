"""Who is calling."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from asgisec._wire.scopes import covers

__all__ = ["Principal"]

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling, as the credential says that was checked. It never carries the credential itself.

    It also is what Starlette calls a user: `request.user` has `is_authenticated`, `identity` and `display_name`.

    Attributes:
        subject: Who it is: the subject of a token, the owner of an API key.
        scopes: What was granted; wildcards stand as they are. Ask `allows`.
        scheme: What was presented: `bearer` or `api_key`.
        claims: What else the credential says.
        credential_id: Which credential it was: the token's `jti`, the key's id.
    """

    subject: str
    scopes: frozenset[str] = frozenset()
    scheme: str = "bearer"
    # A claim may be anybody's secret or address; it is not what two principals differ by in a hash either.
    claims: Mapping[str, Any] = field(default_factory=lambda: _NOTHING, repr=False, hash=False)
    credential_id: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.scopes, str):
            raise TypeError("scopes are a set of texts, not one text")
        if type(self.scopes) is not frozenset:
            object.__setattr__(self, "scopes", frozenset(self.scopes))
        if isinstance(self.claims, dict):
            object.__setattr__(self, "claims", MappingProxyType({**self.claims}))

    def allows(self, *scopes: str) -> bool:
        """Tell whether all these scopes were granted, by themselves or by a wildcard."""
        return covers(self.scopes, scopes)

    @property
    def expires_at(self) -> float | None:
        """When the credential ends (`exp`), in seconds since the epoch; `None` where it does not."""
        end: float | None = self.claims.get("exp")
        return end

    @property
    def is_authenticated(self) -> bool:
        """Yes."""
        return True

    @property
    def identity(self) -> str:
        """The subject."""
        return self.subject

    @property
    def display_name(self) -> str:
        """The subject."""
        return self.subject
