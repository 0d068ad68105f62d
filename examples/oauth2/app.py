"""OAuth2 endpoints around a small API: a login that lasts, programs as clients, and what others have to know.

uvicorn examples.oauth2.app:app
"""

from dataclasses import dataclass
from hmac import compare_digest

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from asgisec import secure
from asgisec.auth import BearerAuth
from asgisec.credentials import LoginThrottle, PasswordHasher
from asgisec.oauth2 import (
    IntrospectionEndpoint,
    JWKSEndpoint,
    MetadataEndpoint,
    RevocationEndpoint,
    TokenEndpoint,
)
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer

ISSUER = "https://api.example.com"


@dataclass(frozen=True)
class Known:
    """A user, or a client."""

    subject: str
    secret: str
    scopes: tuple[str, ...]


# Of the password "correct horse battery": in an application, what stands in the table of users.
_ADAS = "$argon2id$v=19$m=19456,t=2,p=1$Bka8HuC8KjgyXEj02yFxCg$wcm/W0zCIF8ysO2ar0z0G52Jj50nIDFqgpLkN1PsUlo"
USERS = {"ada": Known("user-1", _ADAS, ("orders:read", "orders:write"))}
# A program has a secret; an application on its users' devices cannot keep one.
CLIENTS = {
    "report": Known("client-report", "made by secrets.token_urlsafe(32)", ("orders:read",)),
    "phone": Known("client-phone", "", ()),
}

store = MemoryStore()
hasher = PasswordHasher()
issuer = TokenIssuer(KeySet.generate("ES256"), issuer=ISSUER, audience="api", store=store)
bearer = BearerAuth(issuer)


async def login(username: str, password: str) -> Known | None:
    """Return a user, at the same cost where there is none."""
    user = USERS.get(username)
    result = await hasher.verify(password, user.secret if user else None)
    return user if result.ok else None


async def client(client_id: str, client_secret: str) -> Known | None:
    found = CLIENTS.get(client_id)
    return found if found is not None and compare_digest(found.secret.encode(), client_secret.encode()) else None


async def orders(request: Request) -> JSONResponse:
    caller = await bearer.require("orders:read")(request)
    return JSONResponse({"caller": caller.subject})


token = TokenEndpoint(issuer, login=login, clients=client, throttle=LoginThrottle(store))
metadata = MetadataEndpoint(
    issuer,
    token_endpoint=f"{ISSUER}/token",
    revocation_endpoint=f"{ISSUER}/revoke",
    introspection_endpoint=f"{ISSUER}/introspect",
    jwks_uri=f"{ISSUER}/jwks",
    grant_types_supported=token.grant_types,
)
app = secure(
    Starlette(
        routes=[
            Route("/token", token),
            Route("/revoke", RevocationEndpoint(issuer, clients=client)),
            Route("/introspect", IntrospectionEndpoint(issuer, clients=client)),
            Route("/jwks", JWKSEndpoint(issuer)),
            Route(metadata.path, metadata),
            Route("/orders", orders),
        ]
    ),
    hosts=["api.example.com"],
    environment="development",
)
