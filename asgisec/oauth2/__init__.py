"""OAuth 2 endpoints: ASGI applications for the clients and users of this application alone."""

from asgisec.oauth2.introspection import IntrospectionEndpoint
from asgisec.oauth2.jwks import JWKSEndpoint
from asgisec.oauth2.metadata import MetadataEndpoint
from asgisec.oauth2.protected_resource import ProtectedResourceMetadata
from asgisec.oauth2.revocation import RevocationEndpoint
from asgisec.oauth2.token import TokenEndpoint

__all__ = [
    "IntrospectionEndpoint",
    "JWKSEndpoint",
    "MetadataEndpoint",
    "ProtectedResourceMetadata",
    "RevocationEndpoint",
    "TokenEndpoint",
]
