"""`Security(guard, scopes=[...])`: scopes that add up, one authentication, users of one's own, and what is refused."""

import threading
from collections.abc import Callable
from typing import Annotated, Any

import anyio.lowlevel
import pytest
from fastapi import APIRouter, Depends, FastAPI, Security, WebSocket
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from asgisec import Exchange, RequestID, SecurityMiddleware, install, secure
from asgisec.auth import Authenticator, Principal, ScopePolicy
from asgisec.errors import ConfigError
from asgisec.integrations.fastapi import SecurityGuard
from tests.asgi import request
from tests.integrations.fastapi_app import DECLARED, HOST, Callers, User, get, ws

CHALLENGE = 'Bearer, APIKey header="X-API-Key"'


def made(callers: Callers, *, installed: bool = True, **options: Any) -> tuple[FastAPI, SecurityGuard]:
    app = FastAPI()
    guard = SecurityGuard(callers.either, **{"scopes": DECLARED, **options})
    reads = Security(guard, scopes=["users:read"])

    @app.get("/read")
    async def read(caller: Annotated[Principal, reads]) -> str:
        return caller.subject

    async def writer(caller: Annotated[Principal, Security(guard, scopes=["users:write"])]) -> Principal:
        return caller

    @app.get("/nested")
    async def nested(caller: Annotated[Principal, Security(writer, scopes=["users:read"])]) -> str:
        return caller.subject

    @app.get("/anybody")
    async def anybody(caller: Annotated[Principal, Depends(guard)]) -> str:
        return caller.subject

    router = APIRouter(dependencies=[Security(guard, scopes=["admin"])])

    @router.get("/both")
    async def both(caller: Annotated[Principal, reads]) -> str:
        return caller.subject

    inner = APIRouter()
    inner.include_router(router, prefix="/inner")
    app.include_router(inner, prefix="/outer")

    mounted = FastAPI()

    @mounted.get("/read")
    async def read_there(caller: Annotated[Principal, reads]) -> str:
        return caller.subject

    app.mount("/mounted", mounted)

    @app.websocket("/ws")
    async def talk(socket: WebSocket, caller: Annotated[Principal, reads]) -> None:
        await socket.accept()
        await socket.send_text(caller.subject)
        await socket.close()

    if installed:
        secure(app, hosts=["testserver"])
    return app, guard


@pytest.fixture(scope="module")
def callers() -> Callers:
    return Callers()


@pytest.fixture(scope="module")
def app(callers: Callers) -> FastAPI:
    return made(callers)[0]


@pytest.fixture(scope="module")
def bare(callers: Callers) -> FastAPI:
    return made(callers, installed=False)[0]


# What is asked for, what was granted, and what comes of it: a status, and the scope that a challenge names.
CALLS = [
    pytest.param("/read", ["users:read"], 200, None, id="granted"),
    pytest.param("/read", ["users:*"], 200, None, id="by a wildcard"),
    pytest.param("/read", ["users:write"], 403, "users:read", id="another scope"),
    pytest.param("/read", [], 403, "users:read", id="no scope"),
    pytest.param("/anybody", [], 200, None, id="no scope is needed"),
    pytest.param("/nested", ["users:read", "users:write"], 200, None, id="nested, both"),
    pytest.param("/nested", ["users:write"], 403, "users:read users:write", id="nested, the inner only"),
    pytest.param("/nested", ["users:read"], 403, "users:read users:write", id="nested, the outer only"),
    pytest.param("/outer/inner/both", ["users:read", "admin"], 200, None, id="router, both"),
    pytest.param("/outer/inner/both", ["users:read"], 403, "admin", id="router, the route's only"),
    pytest.param("/outer/inner/both", ["admin"], 403, "users:read", id="router, its own only"),
    pytest.param("/mounted/read", ["users:read"], 200, None, id="mounted"),
    pytest.param("/mounted/read", ["admin"], 403, "users:read", id="mounted, another scope"),
]


@pytest.mark.parametrize(("path", "scopes", "status", "needed"), CALLS)
@pytest.mark.parametrize("kind", ["token", "key"])
@pytest.mark.parametrize("name", ["app", "bare"])
def test_scopes(
    name: str, kind: str, path: str, scopes: list[str], status: int, needed: str | None, request: pytest.FixtureRequest
) -> None:
    callers, asked = request.getfixturevalue("callers"), request.getfixturevalue(name)
    credential = callers.token(*scopes) if kind == "token" else callers.key(*scopes)
    answer = get(asked, path, credential)
    assert answer.status == status
    if needed is None:
        assert answer.body == (b'"user-1"' if kind == "token" else b'"user-2"')
    else:
        (challenge,) = answer.values("www-authenticate")
        words = set(challenge.partition('scope="')[2].partition('"')[0].split())
        assert words == set(needed.split())
        assert ("Bearer error=" in challenge) is (kind == "token")
        assert b"does not allow" in answer.body


NOBODY = [
    pytest.param([], 401, CHALLENGE, id="nothing"),
    pytest.param([("authorization", "Basic YTpi")], 401, CHALLENGE, id="another scheme"),
    pytest.param([("authorization", "Bearer x.y.z")], 401, "invalid_token", id="no token"),
    pytest.param([("authorization", "Bearer a b")], 400, "invalid_request", id="malformed"),
    pytest.param([("x-api-key", "ask_x_y")], 401, "APIKey", id="no key"),
]


@pytest.mark.parametrize(("headers", "status", "challenge"), NOBODY)
@pytest.mark.parametrize("path", ["/read", "/nested", "/anybody", "/outer/inner/both", "/mounted/read"])
def test_who_is_nobody(
    app: FastAPI, bare: FastAPI, path: str, headers: list[tuple[str, str]], status: int, challenge: str
) -> None:
    for asked in (app, bare):
        answer = get(asked, path, *headers)
        assert answer.status == status
        assert challenge in answer.values("www-authenticate")[0]


def test_a_bad_token_is_not_saved_by_a_good_key(app: FastAPI, callers: Callers) -> None:
    assert get(app, "/read", ("authorization", "Bearer x.y.z"), callers.key("users:read")).status == 401


@pytest.mark.parametrize("name", ["app", "bare"])
def test_websockets(name: str, callers: Callers, request: pytest.FixtureRequest) -> None:
    asked = request.getfixturevalue(name)
    allowed = ws(asked, "/ws", [callers.token("users:read")])
    assert [message["type"] for message in allowed.messages] == [
        "websocket.accept",
        "websocket.send",
        "websocket.close",
    ]
    for headers, status in (([], 401), ([callers.token("admin")], 403)):
        refused = ws(asked, "/ws", headers)
        assert refused.status == status
        assert refused.error is None


class Counting(Authenticator):
    """Finds whom a header names, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    async def authenticate(self, exchange: Exchange) -> Principal | None:
        self.asked += 1
        await anyio.lowlevel.checkpoint()
        name = exchange.header("x-name")
        return None if name is None else Principal(name, frozenset(DECLARED), self.scheme)


def test_a_request_is_authenticated_and_loaded_once() -> None:
    auth, loaded, app = Counting(), [], FastAPI()

    def load(principal: Principal) -> User:
        loaded.append((principal.subject, threading.current_thread() is threading.main_thread()))
        return User(principal.subject)

    guard = SecurityGuard(auth, scopes=DECLARED, load=load)

    async def writer(caller: Annotated[User, Security(guard, scopes=["users:write"])]) -> User:
        return caller

    @app.get("/", dependencies=[Security(guard, scopes=["admin"])])
    async def index(
        caller: Annotated[User, Security(guard, scopes=["users:read"])],
        same: Annotated[User, Security(writer, scopes=["users:read"])],
    ) -> bool:
        return caller is same

    assert get(app, "/", ("x-name", "ada")).body == b"true"
    assert auth.asked == 1
    assert loaded == [("ada", False)]


def test_guards_of_two_authenticators_are_two() -> None:
    first, second, app = Counting(), Counting(), FastAPI()

    @app.get("/", dependencies=[Security(SecurityGuard(first)), Security(SecurityGuard(second))])
    async def index() -> bool:
        return True

    assert get(app, "/", ("x-name", "ada")).status == 200
    assert (first.asked, second.asked) == (1, 1)


async def loading(principal: Principal) -> User | None:
    await anyio.lowlevel.checkpoint()
    return None if principal.subject == "gone" else User(principal.subject)


class Loading:
    async def __call__(self, principal: Principal) -> User | None:
        return await loading(principal)


def plain(principal: Principal) -> User | None:
    return None if principal.subject == "gone" else User(principal.subject)


LOADS = {
    "coroutine": loading,
    "callable object": Loading(),
    "plain": plain,
    "a coroutine that a plain one returns": lambda principal: loading(Principal(principal.subject)),
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_load(load: Callable[[Principal], Any], callers: Callers, caplog: pytest.LogCaptureFixture) -> None:
    app, _ = made(callers, load=load)
    assert get(app, "/read", callers.token("users:read", subject="ada")).body == b'"ada"'
    for credential, error in (
        (callers.token("users:read", subject="gone"), "invalid_token"),
        (callers.key("users:read", owner="gone"), "APIKey"),
    ):
        caplog.clear()
        answer = get(app, "/read", credential)
        assert (answer.status, error in answer.values("www-authenticate")[0]) == (401, True)
        # Once, by the guard that found it.
        assert [record.event.reason for record in caplog.records] == ["subject_gone"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("how", ["wrap", "protect", "await", "Depends"])
def test_a_guard_it_makes_refuses_who_is_gone(how: str, caplog: pytest.LogCaptureFixture) -> None:
    loaded: list[str] = []

    async def load(principal: Principal) -> User | None:
        loaded.append(principal.subject)
        return await loading(principal)

    guard, app = SecurityGuard(Counting(), scopes=DECLARED, load=load), FastAPI()
    required = guard.require("users:read")

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if how == "await":
            assert (await required(scope)).subject == "ada"
        await JSONResponse(1)(scope, receive, send)

    match how:
        case "protect":
            app.mount("/", required.protect(answer))
        case "Depends":
            app.get("/", dependencies=[Depends(required), Security(guard, scopes=["admin"])])(lambda: 1)
        case _:
            app.mount("/", required.wrap(answer) if how == "wrap" else answer)
    secure(app, hosts=["testserver"])
    assert get(app, "/", ("x-name", "ada")).status == 200
    assert loaded == ["ada"]
    refused = get(app, "/", ("x-name", "gone"))
    assert (refused.status, refused.values("www-authenticate")) == (401, ["Custom"])
    assert [record.event.reason for record in caplog.records] == ["subject_gone"]  # type: ignore[attr-defined]


def test_what_load_raises_goes_on() -> None:
    def load(principal: Principal) -> User:
        raise HTTPException(418)

    app = FastAPI()

    @app.get("/", dependencies=[Security(SecurityGuard(Counting(), load=load))])
    async def index() -> bool:
        return True

    assert get(app, "/", ("x-name", "ada")).status == 418


def test_a_user_is_not_kept_for_whom_a_rewritten_request_is_of() -> None:
    guard, app = SecurityGuard(Counting(), load=plain), FastAPI()

    @app.get("/", dependencies=[Security(guard)])
    async def index(caller: Annotated[User, Security(guard)]) -> str:
        return caller.subject

    async def rewriting(scope: Any, receive: Any, send: Any) -> None:
        async def nothing(message: Any) -> None: ...

        first = {**scope}
        await app(first, receive, nothing)
        known = {name: value for name, value in first.items() if name.startswith("asgisec.")}
        assert known
        await app({**scope, **known, "headers": [(b"host", b"testserver"), (b"x-name", b"eve")]}, receive, send)

    assert request(rewriting, headers=[HOST, ("x-name", "ada")]).body == b'"eve"'


def test_an_override_takes_its_place(callers: Callers) -> None:
    app, guard = made(callers)
    app.dependency_overrides[guard] = lambda: Principal("tester")
    assert get(app, "/read").body == get(app, "/nested").body == b'"tester"'
    assert get(app, "/outer/inner/both").body == b'"tester"'
    assert ws(app, "/ws").messages[1]["text"] == "tester"
    app.dependency_overrides.clear()
    assert get(app, "/read").status == 401


def misspelt(callers: Callers, where: str) -> FastAPI:
    guard = SecurityGuard(callers.either, scopes=DECLARED)
    app, other = FastAPI(), FastAPI()
    router = APIRouter()
    wrong = Security(guard, scopes=["users:raed"])
    match where:
        case "mount":
            other.get("/", dependencies=[wrong])(index)
            app.mount("/other", other)
        case "mount behind a pass":
            other.get("/", dependencies=[wrong])(index)
            app.mount("/other", SecurityMiddleware(other, RequestID()))
        case "router":
            router.get("/")(index)
            app.include_router(router, dependencies=[wrong], prefix="/there")
        case "nested":
            app.get("/")(index_of(Security(callers_of(guard), scopes=["users:raed"])))
        case "websocket":
            app.websocket("/")(index_of(wrong))
        case _:
            app.get("/", dependencies=[wrong])(index)
    return app


async def index() -> bool:
    return True


def index_of(dependency: Any) -> Callable[..., Any]:
    async def index(caller: Annotated[Any, dependency]) -> None: ...

    return index


def callers_of(guard: SecurityGuard) -> Callable[..., Any]:
    async def caller(caller: Annotated[Any, Depends(guard)]) -> Any:
        return caller

    return caller


@pytest.mark.parametrize("where", ["route", "router", "nested", "mount", "mount behind a pass", "websocket"])
def test_a_scope_that_nobody_declared_stops_the_start(where: str, callers: Callers) -> None:
    app = misspelt(callers, where)
    install(app, RequestID())
    said = r"Security\(guard, scopes=\) got 'users:raed': write 'users:read', or declare it"
    answer = get(app, "/nowhere")
    assert isinstance(answer.error, ConfigError)
    with pytest.raises(ConfigError, match=said):
        raise answer.error


def test_a_scope_that_nobody_declared_lets_nobody_pass(callers: Callers) -> None:
    answer = get(misspelt(callers, "route"), "/", callers.token("users:*"))
    assert isinstance(answer.error, ConfigError)
    assert answer.status == 500


def test_scopes_that_the_authenticator_declares() -> None:
    auth = Counting()
    auth.declared = frozenset({"users:read"})
    guard = SecurityGuard(auth)
    with pytest.raises(ConfigError, match="declare it; there are"):
        guard.require("admin")


@pytest.mark.parametrize(
    "scopes", [DECLARED, [*DECLARED], ScopePolicy({"all": [*DECLARED]})], ids=["described", "a list", "a policy"]
)
def test_ways_to_declare_scopes(scopes: Any, callers: Callers) -> None:
    guard = SecurityGuard(callers.either, scopes=scopes)
    assert guard.require("users:read").scopes == ("users:read",)
    with pytest.raises(ConfigError):
        guard.require("orders:read")


def test_without_declared_scopes_any_may_be_required(callers: Callers) -> None:
    assert SecurityGuard(callers.either).require("orders:read").scopes == ("orders:read",)


INVALID = [
    pytest.param({"auth": None}, r"SecurityGuard\(auth\) got None: write BearerAuth", id="auth"),
    pytest.param({"token_url": ""}, r"SecurityGuard\(token_url=\) got '': write a path", id="empty token_url"),
    pytest.param({"token_url": 7}, r"SecurityGuard\(token_url=\) got 7: write a path", id="token_url"),
    pytest.param({"load": "user"}, r"SecurityGuard\(load=\) got 'user': write a function", id="load"),
    pytest.param({"scopes": "users:read"}, r"SecurityGuard\(scopes=\) got 'users:read': write a list", id="a text"),
    pytest.param({"scopes": 7}, r"SecurityGuard\(scopes=\) got 7: write a list", id="a number"),
    pytest.param({"scopes": {"a b": ""}}, r"SecurityGuard\(scopes=\) got 'a b': write visible ASCII", id="a space"),
    pytest.param({"scopes": {"a": 1}}, r"SecurityGuard\(scopes=\) got \{'a': 1\}: write \{", id="no description"),
]


@pytest.mark.parametrize(("options", "said"), INVALID)
def test_wrong_options(options: dict[str, Any], said: str, callers: Callers) -> None:
    with pytest.raises(ConfigError, match=said):
        SecurityGuard(**{"auth": callers.either, **options})


def test_what_it_shows(callers: Callers) -> None:
    guard = SecurityGuard(callers.either)
    assert repr(guard) == "<SecurityGuard BearerAuth(...) | APIKeyAuth(..., 'X-API-Key')>"
    assert guard.authenticator is callers.either
