"""Revocation: RFC 7009.

- A refresh token that is revoked takes its access tokens along; an access token goes alone.
- A token that is unknown, expired, or another client's is answered as if it had been revoked: 200, without a word.
- The hint says what kind of token it is; it is not needed, and not believed.

A refusal is RFC 6749 section 5.2 in JSON. Where the store cannot be reached, that is 503: the token is still good.

    routes = [Route("/revoke", RevocationEndpoint(issuer))]
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from asgisec.oauth2._clients import Clients, authenticated
from asgisec.oauth2._endpoint import FormEndpoint, Scope, parameter
from asgisec.oauth2._errors import NOT_STORED
from asgisec.oauth2._options import check_callable, check_issuer
from asgisec.policy import Answer

if TYPE_CHECKING:
    from asgisec.tokens import TokenIssuer

__all__ = ["RevocationEndpoint"]


class RevocationEndpoint(FormEndpoint):
    """Revoke tokens that a client is done with.

    Args:
        issuer: The `TokenIssuer`.
        clients: As for `TokenEndpoint`. Where a request names no client, it revokes what was issued through none.
            Without it, who has a token may revoke it.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(self, issuer: "TokenIssuer", *, clients: Clients | None = None) -> None:
        check_issuer("RevocationEndpoint(issuer=)", issuer)
        check_callable("RevocationEndpoint(clients=)", clients, "write a function of a client's id and secret")
        self.closes = issuer.closes
        self._issuer = issuer
        self._clients = clients

    async def _handle(self, scope: Scope, form: Mapping[str, str]) -> Answer:
        token = parameter(form, "token")
        client = await authenticated(scope, form, self._clients)
        if client is not None:
            await self._issuer.revoke(token, client_id=client.id)
        elif not await self._belongs_to_a_client(token):
            await self._issuer.revoke(token)
        return Answer(200, NOT_STORED)

    async def _belongs_to_a_client(self, token: str) -> bool:
        # What is not active, such as a session that ended halfway, may be revoked once more.
        found = None if self._clients is None else await self._issuer.inspect(token)
        return found is not None and found.client_id != self._issuer.client_id
