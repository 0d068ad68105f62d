"""Introspection: what a token says, for an API that cannot verify it itself (RFC 7662).

- Only a client that proves who it is may ask (section 2.1).
- Whatever is not good is `{"active": false}` and nothing else: not why, not what it once was (section 2.2).
- A refresh token is `"token_type": "refresh_token"`, without scopes or audience: no API takes it.

A refusal is RFC 6749 section 5.2 in JSON.

When you deploy: a `TokenVerifier` beside the API answers the same question without a request.

    routes = [Route("/introspect", IntrospectionEndpoint(issuer, clients=clients))]
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from asgisec.errors import ConfigError
from asgisec.oauth2._clients import Clients, authenticated, proven
from asgisec.oauth2._endpoint import FormEndpoint, Scope, parameter
from asgisec.oauth2._errors import json_answer
from asgisec.oauth2._options import check_issuer
from asgisec.policy import Answer

if TYPE_CHECKING:
    from asgisec.tokens import TokenInfo, TokenIssuer

__all__ = ["IntrospectionEndpoint"]


class IntrospectionEndpoint(FormEndpoint):
    """Say whether a token is good, and for what.

    Args:
        issuer: The `TokenIssuer`.
        clients: As for `TokenEndpoint`: who may ask.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(self, issuer: "TokenIssuer", *, clients: Clients) -> None:
        check_issuer("IntrospectionEndpoint(issuer=)", issuer)
        if not callable(clients):
            raise ConfigError(
                "IntrospectionEndpoint(clients=)", clients, "write a function of a client's id and secret"
            )
        self.closes = issuer.closes
        self._issuer = issuer
        self._clients = clients

    async def _handle(self, scope: Scope, form: Mapping[str, str]) -> Answer:
        # Who may ask comes first: who may not learns nothing, not even whether the form is complete.
        proven(scope, await authenticated(scope, form, self._clients))
        found = await self._issuer.inspect(parameter(form, "token"))
        return json_answer(200, {"active": False} if found is None else self._members(found))

    def _members(self, found: "TokenInfo") -> Mapping[str, object]:
        common = {
            "active": True,
            "client_id": found.client_id,
            "sub": found.subject,
            "iss": self._issuer.issuer,
            "exp": int(found.expires_at),
        }
        if found.kind == "refresh_token":
            return {**common, "token_type": "refresh_token"}
        audience = sorted(self._issuer.audience)
        return {
            **common,
            "token_type": "Bearer",
            "scope": " ".join(sorted(found.scopes)),
            "aud": audience[0] if len(audience) == 1 else audience,
            # RFC 7662 section 2.2 has whole numbers here; the end is rounded down, and so is the beginning.
            "iat": int(found.issued_at or 0),
            "jti": found.token_id,
        }
