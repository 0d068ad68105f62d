"""A small API on Litestar: a login, guards on handlers and on a WebSocket, also in the OpenAPI document.

    uvicorn examples.litestar_api:app --no-server-header

Users are ada (admin) and vera (viewer); their passwords stand below. A token comes from `/auth/token`:

    curl -d grant_type=password -d username=ada -d 'password=ada keeps the keys' http://127.0.0.1:8000/auth/token
"""

from dataclasses import dataclass
from typing import Any

from litestar import Litestar, Request, WebSocket, asgi, delete, get, websocket
from litestar.exceptions import NotFoundException

from asgisec import Authentication, Rule, secure
from asgisec.auth import BearerAuth, ScopePolicy
from asgisec.credentials import LoginThrottle, PasswordHasher
from asgisec.integrations.litestar import GuardPlugin, guarded, principal_of
from asgisec.oauth2 import TokenEndpoint
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer

ROLES = ScopePolicy({"admin": ["orders:*", "admin"], "viewer": ["orders:read"]})


@dataclass
class User:
    """Somebody who can log in; what the token endpoint asks of it."""

    subject: str
    scopes: frozenset[str]
    password_hash: str


USERS: dict[str, User] = {}
ORDERS = {1: {"owner": "ada", "item": "kettle"}, 2: {"owner": "vera", "item": "teapot"}}

store = MemoryStore()
hasher = PasswordHasher()
issuer = TokenIssuer(KeySet.generate(), issuer="https://api.example.com", audience="api", store=store)
auth = BearerAuth(issuer, scopes=ROLES)


async def login(username: str, password: str) -> User | None:
    user = USERS.get(username)
    result = await hasher.verify(password, user.password_hash if user else None)
    return user if result.ok else None


async def make_users() -> None:
    for name, role, password in (("ada", "admin", "ada keeps the keys"), ("vera", "viewer", "vera views the goods")):
        USERS[name] = User(name, ROLES.scopes_of(role), await hasher.hash(password))


@get("/me", guards=[guarded(auth.require())])
async def me(request: Request[Any, Any, Any]) -> dict[str, Any]:
    principal = principal_of(request)
    return {"subject": principal.subject, "scopes": sorted(principal.scopes)}


@get("/orders/{number:int}", guards=[guarded(auth.require("orders:read"))])
async def order(request: Request[Any, Any, Any]) -> dict[str, str]:
    principal, found = principal_of(request), ORDERS.get(request.path_params["number"])
    # Another's is not found, so that nobody learns which there are.
    if found is None or not (found["owner"] == principal.subject or principal.allows("admin")):
        raise NotFoundException
    return found


@delete("/orders/{number:int}", guards=[guarded(auth.require("orders:write"))])
async def remove_order(request: Request[Any, Any, Any]) -> None:
    if ORDERS.pop(request.path_params["number"], None) is None:
        raise NotFoundException


@websocket("/live", guards=[guarded(auth.require("orders:read"))])
async def live(socket: WebSocket[Any, Any, Any]) -> None:
    await socket.accept()
    await socket.send_json({"hello": principal_of(socket).subject})
    await socket.close()


tokens = asgi("/auth/token", copy_scope=True)(TokenEndpoint(issuer, login=login, throttle=LoginThrottle(store)))
app = secure(
    Litestar([me, order, remove_order, live, tokens], on_startup=[make_users], plugins=[GuardPlugin()]),
    hosts=["127.0.0.1", "api.example.com"],
    origins=["https://app.example.com"],
    auth=Authentication(auth, required=False, exempt=["/auth/token"]),
    limits=["600/minute", Rule("/auth/*", methods={"POST"}, limits="60/minute")],
    store=store,
)
