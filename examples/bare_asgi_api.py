"""A small API without a framework: a login, guards that are awaited, and one around an application.

    uvicorn examples.bare_asgi_api:app --no-server-header

Users are ada (admin) and vera (viewer); their passwords stand below. A token comes from `/auth/token`:

    curl -d grant_type=password -d username=ada -d 'password=ada keeps the keys' http://127.0.0.1:8000/auth/token
"""

import json
from dataclasses import dataclass
from typing import Any

from asgisec import Authentication, Rule, secure
from asgisec.auth import BearerAuth, ScopePolicy
from asgisec.credentials import LoginThrottle, PasswordHasher
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
ORDERS = {"1": {"owner": "ada", "item": "kettle"}, "2": {"owner": "vera", "item": "teapot"}}

store = MemoryStore()
hasher = PasswordHasher()
issuer = TokenIssuer(KeySet.generate(), issuer="https://api.example.com", audience="api", store=store)
auth = BearerAuth(issuer, scopes=ROLES)
is_known, reads, writes = auth.require(), auth.require("orders:read"), auth.require("orders:write")


async def login(username: str, password: str) -> User | None:
    user = USERS.get(username)
    result = await hasher.verify(password, user.password_hash if user else None)
    return user if result.ok else None


async def answer(send: Any, document: object, status: int = 200) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(document).encode()})


async def me(scope: Any, receive: Any, send: Any) -> None:
    principal = await is_known(scope)
    await answer(send, {"subject": principal.subject, "scopes": sorted(principal.scopes)})


async def orders(scope: Any, receive: Any, send: Any) -> None:
    number = scope["path"].removeprefix("/orders/")
    removes = scope["method"] == "DELETE"
    principal = await (writes if removes else reads)(scope)
    found = ORDERS.get(number)
    # Another's is not found, so that nobody learns which there are.
    if found is None or not (found["owner"] == principal.subject or principal.allows("admin")):
        await answer(send, {"error": "there is no such order"}, 404)
    else:
        await answer(send, ORDERS.pop(number) if removes else found)


@reads.wrap
async def live(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": json.dumps({"hello": scope["user"].subject})})
    await send({"type": "websocket.close"})


async def start(receive: Any, send: Any) -> None:
    await receive()
    for name, role, password in (("ada", "admin", "ada keeps the keys"), ("vera", "viewer", "vera views the goods")):
        USERS[name] = User(name, ROLES.scopes_of(role), await hasher.hash(password))
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


tokens = TokenEndpoint(issuer, login=login, throttle=LoginThrottle(store))


async def api(scope: Any, receive: Any, send: Any) -> None:
    match scope["type"], scope.get("path", "").split("/")[1:]:
        case "lifespan", _:
            await start(receive, send)
        case "websocket", ["live"]:
            await live(scope, receive, send)
        case "http", ["me"]:
            await me(scope, receive, send)
        case "http", ["orders", _]:
            await orders(scope, receive, send)
        case "http", ["auth", "token"]:
            await tokens(scope, receive, send)
        case "http", _:
            await answer(send, {"error": "there is nothing here"}, 404)
        case _:
            await send({"type": "websocket.close"})


app = secure(
    api,
    hosts=["127.0.0.1", "api.example.com"],
    origins=["https://app.example.com"],
    auth=Authentication(auth, required=False, exempt=["/auth/token"]),
    limits=["600/minute", Rule("/auth/*", methods={"POST"}, limits="60/minute")],
    store=store,
)
