"""A small API on Starlette: the guards of the reference API, without FastAPI.

    uvicorn examples.starlette_api:app --no-server-header

Users are ada (admin) and vera (viewer); their passwords stand below. A token comes from `/auth/token`:

    curl -d grant_type=password -d username=ada -d 'password=ada keeps the keys' http://127.0.0.1:8000/auth/token
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgisec import Authentication, Rule, secure
from asgisec.auth import APIKeyAuth, BearerAuth, Principal, ScopePolicy
from asgisec.credentials import APIKeys, LoginThrottle, PasswordHasher
from asgisec.inputs import FileApp, SafeDirectory
from asgisec.oauth2 import RevocationEndpoint, TokenEndpoint
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer

ROLES = ScopePolicy({"admin": ["users:*", "orders:*", "admin"], "viewer": ["orders:read"]})


@dataclass
class User:
    """Somebody who can log in; what the token endpoint asks of it."""

    subject: str
    role: str
    password_hash: str

    @property
    def scopes(self) -> frozenset[str]:
        """What the role is worth."""
        return ROLES.scopes_of(self.role)


USERS: dict[str, User] = {}
ORDERS = {1: {"owner": "ada", "item": "kettle"}, 2: {"owner": "vera", "item": "teapot"}}

store = MemoryStore()
hasher = PasswordHasher()


def scopes_now(subject: str) -> frozenset[str] | None:
    user = USERS.get(subject)
    return None if user is None else user.scopes


async def login(username: str, password: str) -> User | None:
    user = USERS.get(username)
    result = await hasher.verify(password, user.password_hash if user else None)
    return user if result.ok else None


issuer = TokenIssuer(
    KeySet.generate(), issuer="https://api.example.com", audience="api", store=store, subject_scopes=scopes_now
)
api_keys = APIKeys(store)
auth = BearerAuth(issuer, scopes=ROLES) | APIKeyAuth(api_keys, scopes=ROLES)
reads_users = auth.require("users:read")
reads_orders = auth.require("orders:read")
is_ada = auth.require("admin", where=lambda principal: principal.subject == "ada")


async def me(request: Request) -> JSONResponse:
    principal = await auth.require()(request)
    return JSONResponse({"subject": principal.subject, "scopes": sorted(principal.scopes)})


@reads_users.protect
async def users(request: Request) -> JSONResponse:
    return JSONResponse([{"name": name, "role": user.role} for name, user in USERS.items()])


async def order(request: Request) -> JSONResponse:
    principal = await reads_orders(request)
    found = ORDERS.get(request.path_params["number"])
    # Another's is not found, so that nobody learns which there are.
    if found is None or not (found["owner"] == principal.subject or principal.allows("admin")):
        raise HTTPException(404)
    return JSONResponse(found)


@requires("users:write", status_code=403)
async def remove_user(request: Request) -> Response:
    if USERS.pop(request.path_params["name"], None) is None:
        raise HTTPException(404)
    await issuer.revoke_subject(request.path_params["name"])
    return Response(status_code=204)


async def live(socket: WebSocket) -> None:
    principal: Principal = await reads_orders(socket)
    await socket.accept()
    await socket.send_json({"hello": principal.subject})
    await socket.close()


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    for name, role, password in (
        ("ada", "admin", "ada keeps the keys"),
        ("vera", "viewer", "vera views the goods"),
    ):
        USERS[name] = User(name, role, await hasher.hash(password))
    yield


files = SafeDirectory("examples/reference_api/files/public")
app = Starlette(
    routes=[
        Route("/me", me),
        Route("/users", users),
        Route("/users/{name}", remove_user, methods=["DELETE"]),
        Route("/orders/{number:int}", order),
        WebSocketRoute("/live", live),
        Mount("/reports", is_ada.wrap(FileApp(files))),
        Route("/auth/token", TokenEndpoint(issuer, login=login, throttle=LoginThrottle(store))),
        Route("/auth/revoke", RevocationEndpoint(issuer)),
    ],
    lifespan=lifespan,
)
secure(
    app,
    hosts=["127.0.0.1", "api.example.com"],
    origins=["https://app.example.com"],
    auth=Authentication(auth, required=False, exempt=["/auth/token", "/auth/revoke"]),
    limits=["600/minute", Rule("/auth/*", methods={"POST"}, limits="60/minute")],
    store=store,
)
