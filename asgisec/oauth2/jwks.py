"""The public keys of an issuer, for whoever verifies its tokens (RFC 7517).

- Public halves only. A shared secret is never in it: with HS256 alone, the list is empty.
- It changes with `KeySet.rotate`, which keeps an old key for longer than its tokens live.

A method other than GET and HEAD is a 405.

When you deploy: caches keep it for `max_age`. A new key is in the list as soon as it signs; who verifies asks anew when
a token names a key that it does not have, as `RemoteKeySet` does.

    routes = [Route("/jwks.json", JWKSEndpoint(issuer))]
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from asgisec.errors import ConfigError
from asgisec.oauth2._documents import DocumentEndpoint

if TYPE_CHECKING:
    from asgisec.tokens import KeySet, TokenIssuer

__all__ = ["JWKSEndpoint"]


class JWKSEndpoint(DocumentEndpoint):
    """Publish the public keys of an issuer.

    Args:
        keys: A `KeySet`, or a `TokenIssuer`, whose keys are meant.
        max_age: For how long caches may keep the answer.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(self, keys: "KeySet | TokenIssuer", *, max_age: float | timedelta = 300) -> None:
        super().__init__(max_age)
        held: Any = getattr(keys, "keys", keys)
        if not callable(getattr(held, "public_jwks", None)):
            raise ConfigError("JWKSEndpoint(keys=)", ..., "write a KeySet or a TokenIssuer")
        self._keys: KeySet = held

    def document(self) -> Mapping[str, object]:
        """Return the set of public keys."""
        return self._keys.public_jwks()
