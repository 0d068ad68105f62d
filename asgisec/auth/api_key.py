"""API keys, in a header of their own."""

from collections.abc import Hashable, Iterable
from datetime import datetime
from inspect import iscoroutinefunction
from typing import Any, Protocol

from asgisec._wire.headers import is_token
from asgisec.auth.authenticators import Authenticator, declared_scopes, realm_of
from asgisec.auth.principal import Principal
from asgisec.auth.scopes import ScopePolicy
from asgisec.errors import ConfigError, InsufficientScope, InvalidAPIKey, SecurityError, unless_text
from asgisec.policy import Exchange

__all__ = ["APIKeyAuth", "KeyVerifier"]


class KeyVerifier(Protocol):
    """What knows whether an API key is good: `asgisec.credentials.APIKeys`."""

    async def verify(self, key: str, *, client: str | None = None) -> Any:
        """Return its record, with `id`, `owner` and `scopes`, or raise `InvalidAPIKey`."""


class APIKeyAuth(Authenticator):
    """Accept API keys.

    Args:
        api_keys: The `APIKeys` that made them.
        header: The header they come in.
        realm: The realm of the challenge.
        scopes: The scopes that there are, or the `ScopePolicy` that says so: a guard that requires another is a
            `ConfigError`.

    Raises:
        ConfigError: An option is wrong.
    """

    scheme = "api_key"
    challenge_scheme = "APIKey"

    def __init__(
        self,
        api_keys: KeyVerifier,
        header: str = "X-API-Key",
        *,
        realm: str | None = None,
        scopes: Iterable[str] | ScopePolicy | None = None,
    ) -> None:
        if not iscoroutinefunction(getattr(api_keys, "verify", None)):
            raise ConfigError("APIKeyAuth(api_keys)", unless_text(api_keys), "write the APIKeys that made the keys")
        name = header.encode("ascii", "replace").lower() if isinstance(header, str) else b""
        if not is_token(name) or name in (b"authorization", b"cookie"):
            raise ConfigError("APIKeyAuth(header=)", header, "write the name of a header of its own: 'X-API-Key'")
        self.header = header
        self._name = name
        self._verify = api_keys.verify
        self.closes = tuple(getattr(api_keys, "closes", ()))
        self.declared = declared_scopes("APIKeyAuth(scopes=)", scopes)
        self._constant = (*realm_of("APIKeyAuth(realm=)", realm), ("header", header))

    def __repr__(self) -> str:
        return f"APIKeyAuth(..., {self.header!r})"

    @property
    def place(self) -> Hashable:
        """The header."""
        return self._name

    async def authenticate(self, exchange: Exchange) -> Principal | None:
        """Return the owner of the key.

        Raises:
            InvalidAPIKey: The key is not good.
        """
        value = exchange.headers.get(self._name)
        if not value:
            return None
        if not value.isascii():
            raise InvalidAPIKey(reason="malformed")
        record = await self._verify(value.decode("ascii"), client=exchange.client)
        end = getattr(record, "expires_at", None)
        claims = {} if end is None else {"exp": end.timestamp() if isinstance(end, datetime) else float(end)}
        return Principal(record.owner, frozenset(record.scopes), self.scheme, claims, record.id)

    def parameters(self, error: SecurityError | None, scopes: Iterable[str]) -> list[tuple[str, str]]:
        """Return the scopes that a key lacks. No standard names other errors of API keys."""
        if error is None or error.status_code != InsufficientScope.status:
            return []
        return [("error", "insufficient_scope"), ("scope", " ".join(scopes))]
