"""A small API on Quart: a login, guards above views and above a WebSocket.

    uvicorn examples.quart_api:app --no-server-header

Users are ada (admin) and vera (viewer); their passwords stand below. A token comes from `/auth/token`:

    curl -d grant_type=password -d username=ada -d 'password=ada keeps the keys' http://127.0.0.1:8000/auth/token
"""

from dataclasses import dataclass
from typing import Any

from quart import Quart, abort, websocket

from asgisec import Authentication, Rule, secure
from asgisec.auth import BearerAuth, ScopePolicy
from asgisec.credentials import LoginThrottle, PasswordHasher
from asgisec.integrations.quart import current_principal, guarded
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
app = Quart(__name__)


async def login(username: str, password: str) -> User | None:
    user = USERS.get(username)
    result = await hasher.verify(password, user.password_hash if user else None)
    return user if result.ok else None


@app.before_serving
async def make_users() -> None:
    for name, role, password in (("ada", "admin", "ada keeps the keys"), ("vera", "viewer", "vera views the goods")):
        USERS[name] = User(name, ROLES.scopes_of(role), await hasher.hash(password))


@app.get("/me")
@guarded(auth.require())
async def me() -> dict[str, Any]:
    return {"subject": current_principal.subject, "scopes": sorted(current_principal.scopes)}


@app.get("/orders/<int:number>")
@guarded(auth.require("orders:read"))
async def order(number: int) -> dict[str, str]:
    found = ORDERS.get(number)
    # Another's is not found, so that nobody learns which there are.
    if found is None or not (found["owner"] == current_principal.subject or current_principal.allows("admin")):
        abort(404)
    return found


@app.delete("/orders/<int:number>")
@guarded(auth.require("orders:write"))
async def remove_order(number: int) -> tuple[str, int]:
    if ORDERS.pop(number, None) is None:
        abort(404)
    return "", 204


@app.websocket("/live")
@guarded(auth.require("orders:read"))
async def live() -> None:
    await websocket.send_json({"hello": current_principal.subject})
    await websocket.close(1000)


tokens, views = TokenEndpoint(issuer, login=login, throttle=LoginThrottle(store)), app.asgi_app


async def dispatch(scope: Any, receive: Any, send: Any) -> None:
    """Send the login to its endpoint: Quart has no mounts. Its start, which has no path, comes by here, too."""
    await (tokens if scope.get("path") == "/auth/token" else views)(scope, receive, send)


app.asgi_app = dispatch  # type: ignore[method-assign]  # as Quart documents
secure(
    app,
    hosts=["127.0.0.1", "api.example.com"],
    origins=["https://app.example.com"],
    auth=Authentication(auth, required=False, exempt=["/auth/token"]),
    limits=["600/minute", Rule("/auth/*", methods={"POST"}, limits="60/minute")],
    store=store,
)
