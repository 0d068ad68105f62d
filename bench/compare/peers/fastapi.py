"""FastAPI: its classes for credentials in `fastapi.security`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Security
from fastapi.security import HTTPBearer, OAuth2PasswordBearer, SecurityScopes
from starlette.websockets import WebSocket

from asgisec import RequestID, install
from asgisec.auth import BearerAuth
from asgisec.integrations.fastapi import SecurityGuard
from asgisec.stores import MemoryStore
from asgisec.tokens import Claims, KeySet, TokenIssuer, TokenVerifier
from bench.compare.driving import Lines, ask, handshake
from bench.compare.room import Room
from bench.compare.row import Row, Seen
from tests.asgi import App

__all__ = ["ROWS"]

_SECRET = "a secret of the comparison, long enough"  # noqa: S105 - it protects nothing
_SCOPES = ("items:read", "items:write", "me")


async def hello() -> dict[str, str]:
    return {"hello": "world"}


async def socket(websocket: WebSocket) -> None:
    await websocket.accept()
    await websocket.close()


def routed(app: FastAPI, guard: Any) -> FastAPI:
    """Guard a route and a WebSocket by a dependency."""
    app.add_api_route("/", hello, dependencies=[Depends(guard)])
    app.add_api_websocket_route("/ws", socket, dependencies=[Depends(guard)])
    return app


def theirs() -> App:
    return routed(FastAPI(), HTTPBearer())


def ours() -> App:
    keys = KeySet.from_secret(_SECRET)
    auth = BearerAuth(TokenVerifier(keys, issuer="https://api.example.com", audience="api"))
    return routed(install(FastAPI(), RequestID()), SecurityGuard(auth))


async def presented(make: Callable[[], App], headers: Lines, wanted: Sequence[int], room: Room) -> Seen:
    answer = await ask(make(), headers=headers)
    text = f"{answer.status}" + (", the token reaches the route" if answer.status == 200 else "")
    return Seen(text, answer.status in wanted)


async def challenge(make: Callable[[], App], room: Room) -> Seen:
    answer = await ask(make())
    found = answer.values("www-authenticate")
    return Seen(f"{answer.status}, `{found[0]}`" if found else str(answer.status), answer.status == 401 and bool(found))


async def unauthenticated(make: Callable[[], App], room: Room) -> Seen:
    seen = await handshake(make())
    return Seen(seen, seen == "refused")


def counting(verified: list[str]) -> tuple[App, list[tuple[str, str]]]:
    """Make an application whose dependencies ask for three scopes, as the tutorial does, and a request's headers."""
    app = FastAPI()
    token = OAuth2PasswordBearer("token")

    async def user(scopes: SecurityScopes, presented: Annotated[str, Depends(token)]) -> str:
        verified.append(presented)
        return presented

    scoped(app, user)
    return app, [("authorization", "Bearer a.b.c")]


def scoped(app: FastAPI, user: Any) -> None:
    def reader(found: Annotated[Any, Security(user, scopes=[_SCOPES[0]])]) -> None:
        pass

    def writer(found: Annotated[Any, Security(user, scopes=[_SCOPES[1]])]) -> None:
        pass

    @app.get("/", dependencies=[Depends(reader), Depends(writer)])
    async def me(found: Annotated[Any, Security(user, scopes=[_SCOPES[2]])]) -> None:
        pass


class Counting(TokenVerifier):
    """Counts the tokens that are verified."""

    def __init__(self, verified: list[str], **options: Any) -> None:
        super().__init__(**options)
        self._verified = verified

    async def authenticate(self, token: str) -> Claims:
        self._verified.append(token)
        return await super().authenticate(token)


async def their_verifications(room: Room) -> Seen:
    verified: list[str] = []
    app, headers = counting(verified)
    status = (await ask(app, headers=headers)).status
    return Seen(f"{status}, verified {len(verified)}x", (status, len(verified)) == (200, 1))


async def our_verifications(room: Room) -> Seen:
    verified: list[str] = []
    keys = KeySet.from_secret(_SECRET)
    claims: dict[str, Any] = {"issuer": "https://api.example.com", "audience": "api"}
    issuer = TokenIssuer(keys, store=MemoryStore(), **claims)
    pair = await issuer.issue("user-1", scopes=_SCOPES)
    app = install(FastAPI(), RequestID())
    scoped(app, SecurityGuard(BearerAuth(Counting(verified, keys=keys, **claims))))
    status = (await ask(app, headers=[("authorization", f"Bearer {pair.access_token}")])).status
    return Seen(f"{status}, verified {len(verified)}x", (status, len(verified)) == (200, 1))


ROWS = (
    Row(
        "fastapi-malformed",
        "`Authorization: Bearer one two`, on a route with `HTTPBearer`",
        "400 or 401 (RFC 6750 section 3.1)",
        partial(presented, theirs, [("authorization", "Bearer one two")], [400, 401]),
        partial(presented, ours, [("authorization", "Bearer one two")], [400, 401]),
        note="what is a token is left to the application",
    ),
    Row(
        "fastapi-two-credentials",
        "two `Authorization` lines",
        "400: another server on the way may go by the other one",
        partial(presented, theirs, [("authorization", "Bearer a.b.c"), ("authorization", "Bearer d.e.f")], [400]),
        partial(presented, ours, [("authorization", "Bearer a.b.c"), ("authorization", "Bearer d.e.f")], [400]),
    ),
    Row(
        "fastapi-scopes",
        "three dependencies ask for three scopes of one token, as in the tutorial; one request",
        "200, the token is verified once",
        their_verifications,
        our_verifications,
        note="dependencies are cached for each set of scopes",
        thread="fastapi/fastapi#5622",
    ),
    Row(
        "fastapi-challenge",
        "no credentials, on a route with `HTTPBearer`",
        "401 with `WWW-Authenticate` (RFC 6750 section 3)",
        partial(challenge, theirs),
        partial(challenge, ours),
        thread="fastapi/fastapi#10177",
    ),
    Row(
        "fastapi-websocket",
        "no credentials, on a WebSocket with `HTTPBearer`",
        "refused",
        partial(unauthenticated, theirs),
        partial(unauthenticated, ours),
        thread="fastapi/fastapi#2587",
    ),
)
