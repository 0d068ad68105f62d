"""What an issuer offers, for clients that find it out themselves (RFC 8414).

- It lists what is there and nothing else: there is no authorization endpoint, so `response_types_supported` is empty.
- `issuer` is the one in the tokens, to the letter.
- It belongs at `path`: the well-known path stands between the host and the path of the issuer (section 3.1).

A method other than GET and HEAD is a 405.

When you deploy: if the issuer has a path, the document is still at the root of the host, where another application may
be.

    metadata = MetadataEndpoint(issuer, token_endpoint="https://id.example.com/token")
    routes = [Route(metadata.path, metadata)]
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from asgisec.oauth2._documents import DocumentEndpoint, identifier, names, url, well_known

if TYPE_CHECKING:
    from asgisec.tokens import TokenIssuer

__all__ = ["MetadataEndpoint"]

_GRANTS = frozenset({"password", "refresh_token", "client_credentials"})
_METHODS = frozenset({"client_secret_basic", "client_secret_post", "none"})


class MetadataEndpoint(DocumentEndpoint):
    """Publish what an issuer offers; the options have the names that RFC 8414 gives them.

    Args:
        issuer: The issuer's URL, or its `TokenIssuer`.
        token_endpoint: Where the `TokenEndpoint` is.
        jwks_uri: Where the `JWKSEndpoint` is.
        revocation_endpoint: Where the `RevocationEndpoint` is.
        introspection_endpoint: Where the `IntrospectionEndpoint` is.
        grant_types_supported: What the token endpoint takes: write its `grant_types`. All three where left out.
        token_endpoint_auth_methods_supported: How clients authenticate; any of `client_secret_basic`,
            `client_secret_post` and `none`, and all of them where left out.
        scopes_supported: Scopes that may be asked for.
        service_documentation: A page for developers.
        op_policy_uri: A page on what clients may do with what they get.
        op_tos_uri: The terms of service.
        max_age: For how long caches may keep the answer.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        issuer: "str | TokenIssuer",
        *,
        token_endpoint: str | None = None,
        jwks_uri: str | None = None,
        revocation_endpoint: str | None = None,
        introspection_endpoint: str | None = None,
        grant_types_supported: Iterable[str] = ("password", "refresh_token", "client_credentials"),
        token_endpoint_auth_methods_supported: Iterable[str] = ("client_secret_basic", "client_secret_post", "none"),
        scopes_supported: Iterable[str] | None = None,
        service_documentation: str | None = None,
        op_policy_uri: str | None = None,
        op_tos_uri: str | None = None,
        max_age: float | timedelta = 3600,
    ) -> None:
        super().__init__(max_age)
        where = "MetadataEndpoint"
        called = identifier(f"{where}(issuer=)", getattr(issuer, "issuer", issuer))
        methods = names(
            f"{where}(token_endpoint_auth_methods_supported=)", token_endpoint_auth_methods_supported, _METHODS
        )
        urls = {
            "token_endpoint": token_endpoint,
            "jwks_uri": jwks_uri,
            "revocation_endpoint": revocation_endpoint,
            "introspection_endpoint": introspection_endpoint,
            "service_documentation": service_documentation,
            "op_policy_uri": op_policy_uri,
            "op_tos_uri": op_tos_uri,
        }
        lists = {
            "scopes_supported": names(f"{where}(scopes_supported=)", scopes_supported),
            "grant_types_supported": names(f"{where}(grant_types_supported=)", grant_types_supported, _GRANTS),
            "token_endpoint_auth_methods_supported": methods if token_endpoint else None,
            "revocation_endpoint_auth_methods_supported": methods if revocation_endpoint else None,
            # Introspection is for clients that prove who they are.
            "introspection_endpoint_auth_methods_supported": (
                [method for method in methods or () if method != "none"] if introspection_endpoint else None
            ),
        }
        found = {**{name: url(f"{where}({name}=)", value) for name, value in urls.items()}, **lists}
        self._document: dict[str, object] = {
            "issuer": called,
            **{name: value for name, value in found.items() if value},
            # Required (section 2), although it is empty: these are types of the authorization endpoint.
            "response_types_supported": [],
        }
        self.path = well_known("oauth-authorization-server", called, keep_slash=False)
        """The path where clients look for it."""

    def document(self) -> Mapping[str, object]:
        """Return what is published."""
        return self._document
