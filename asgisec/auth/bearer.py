"""Bearer tokens (RFC 6750): in the `Authorization` header, on WebSockets among the subprotocols too; never in a URL."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from inspect import iscoroutinefunction
from typing import Any, Protocol

from asgisec._wire.authorization import bearer_token, offered, subprotocol_token
from asgisec._wire.headers import is_token
from asgisec._wire.url import is_safe_url
from asgisec.auth.authenticators import Authenticator, declared_scopes, realm_of
from asgisec.auth.principal import Principal
from asgisec.auth.scopes import ScopePolicy
from asgisec.errors import BadRequest, ConfigError, InvalidToken, SecurityError, unless_text
from asgisec.policy import Exchange

__all__ = ["BearerAuth", "Verified", "Verifier"]

_KEPT = 1024  # headers that were good are kept, with what came of them; a kilobyte each


class Verified(Protocol):
    """What a token says: `asgisec.tokens.Claims`."""

    @property
    def subject(self) -> str:
        """Who it is about."""

    @property
    def scopes(self) -> frozenset[str]:
        """What it allows."""

    @property
    def token_id(self) -> str | None:
        """Its id."""

    @property
    def client_id(self) -> str | None:
        """The client it was issued to."""

    def __getitem__(self, name: str, /) -> Any: ...


class Verifier(Protocol):
    """What knows whether a token is good: `asgisec.tokens.TokenVerifier`."""

    async def authenticate(self, token: str) -> Any:
        """Return what it says, or raise `InvalidToken`."""


class BearerAuth(Authenticator):
    """Accept access tokens.

    Args:
        issuer_or_verifier: The `TokenIssuer` of one's own tokens, or a `TokenVerifier`.
        realm: The realm of the challenge.
        resource_metadata: The URL of this resource's metadata, for the challenge (RFC 9728 section 5.1).
        subprotocol: On WebSockets: the name of the subprotocol behind which the token stands, for pages, which cannot
            set headers; `None` takes the header only.
        scopes: The scopes that there are, or the `ScopePolicy` that says so: a guard that requires another is a
            `ConfigError`.
        roles: Where roles are in the claims: the name of a claim, or a function of the claims. What they are worth in
            `scopes`, a `ScopePolicy`, is granted besides what the token says.

    Raises:
        ConfigError: An option is wrong.
    """

    scheme = "bearer"
    challenge_scheme = "Bearer"

    def __init__(
        self,
        issuer_or_verifier: Verifier | Any,
        *,
        realm: str | None = None,
        resource_metadata: str | None = None,
        subprotocol: str | None = "bearer",
        scopes: Iterable[str] | ScopePolicy | None = None,
        roles: str | Callable[[Mapping[str, Any]], object] | None = None,
    ) -> None:
        make = getattr(issuer_or_verifier, "verifier", None)
        asked = make() if callable(make) else issuer_or_verifier
        if not iscoroutinefunction(getattr(asked, "authenticate", None)):
            mend = "write a TokenIssuer or a TokenVerifier"
            raise ConfigError("BearerAuth(issuer_or_verifier)", unless_text(issuer_or_verifier), mend)
        if resource_metadata is not None and not is_safe_url(resource_metadata):
            raise ConfigError("BearerAuth(resource_metadata=)", resource_metadata, "write an https URL")
        if subprotocol is not None and not is_token(str(subprotocol).encode("ascii", "replace")):
            raise ConfigError("BearerAuth(subprotocol=)", subprotocol, "write a token, such as 'bearer', or None")
        if roles is not None and not (isinstance(scopes, ScopePolicy) and (callable(roles) or isinstance(roles, str))):
            mend = "write the name of a claim, or a function of the claims, and a ScopePolicy as scopes="
            raise ConfigError("BearerAuth(roles=)", roles, mend)
        self._verify = asked.authenticate
        self._subprotocol = subprotocol
        self._roles = roles
        self._policy = scopes if isinstance(scopes, ScopePolicy) else None
        self.closes = tuple(getattr(asked, "closes", ()))
        self.declared = declared_scopes("BearerAuth(scopes=)", scopes)
        metadata = realm_of("BearerAuth(resource_metadata=)", resource_metadata)
        self._constant = (*realm_of("BearerAuth(realm=)", realm), *metadata)
        self._seen: dict[bytes | None, tuple[str, Principal]] = {}

    def __repr__(self) -> str:
        return "BearerAuth(...)"

    @property
    def place(self) -> Hashable:
        """The header."""
        return "authorization"

    def remembers(self, exchange: Exchange) -> bool:
        """Tell whether the token was good before."""
        return exchange.headers.get(b"authorization") in self._seen

    async def authenticate(self, exchange: Exchange) -> Principal | None:
        """Return whom the token is about.

        Raises:
            BadRequest: The header is malformed, or a token was presented in two ways.
            InvalidToken: The token is not good.
        """
        value = exchange.headers.get(b"authorization")
        scope = exchange.scope
        try:
            seen = None if value is None else self._seen.get(value)
            token = seen[0] if seen is not None else None if value is None else bearer_token(value)
            if scope["type"] == "websocket" and self._subprotocol is not None:
                token = self._at_handshake(exchange, token, self._subprotocol)
        except ValueError:
            raise BadRequest("The credentials are malformed.", reason="malformed_credential") from None
        if token is None:
            return None
        query: bytes = scope.get("query_string", b"")
        if b"access_token=" in query and f"&{query.decode('latin-1')}".find("&access_token=") >= 0:
            raise _twice()
        claims = await self._verify(token)
        # A verifier that remembers a token gives the same claims each time, and they cannot be changed.
        if seen is not None and seen[1].claims is claims:
            return seen[1]
        principal = self._principal(claims)
        if value is not None:
            # Only of tokens that were good, so that nobody else can fill it.
            if len(self._seen) >= _KEPT:
                self._seen.clear()
            self._seen[value] = (token, principal)
        return principal

    def _at_handshake(self, exchange: Exchange, token: str | None, marker: str) -> str | None:
        value = exchange.headers.get(b"sec-websocket-protocol")
        names = exchange.scope.get("subprotocols") or () if value is None else offered(value)
        beside = subprotocol_token(names, marker)
        if beside is None:
            return token
        if token is not None:
            raise _twice()
        # Chromium gives up a handshake that chooses none of what it offered.
        exchange.subprotocol = marker
        return beside

    def _principal(self, claims: Any) -> Principal:
        said: Verified = claims
        # A client that acts for itself has no subject at some providers.
        subject = said.subject or said.client_id
        if not subject:
            raise InvalidToken(reason="claim_missing")
        scopes = said.scopes if self._policy is None or self._roles is None else said.scopes | self._of_roles(claims)
        return Principal(subject, scopes, self.scheme, claims, said.token_id)

    def _of_roles(self, claims: Mapping[str, Any]) -> frozenset[str]:
        found = self._roles(claims) if callable(self._roles) else claims.get(str(self._roles))
        named = (
            [found] if isinstance(found, str) else found if isinstance(found, list | tuple | set | frozenset) else []
        )
        policy: Any = self._policy
        scopes: frozenset[str] = policy.scopes_of(role for role in named if isinstance(role, str))
        return scopes

    def parameters(self, error: SecurityError | None, scopes: Iterable[str]) -> list[tuple[str, str]]:
        """Return the error code and what belongs to it (RFC 6750 section 3.1)."""
        if error is None:
            return []
        code = {400: "invalid_request", 401: "invalid_token", 403: "insufficient_scope"}[error.status_code]
        said = [("error", code), ("error_description", error.detail)]
        return [*said, ("scope", " ".join(scopes))] if code == "insufficient_scope" else said


def _twice() -> BadRequest:
    # RFC 6750 section 2: clients must not use more than one method, and section 3.1 names it invalid_request.
    return BadRequest("Present the token in one way only.", reason="two_credentials")
