"""Guards behave alike in every framework: one table, and a short list of what is different, which is asserted too."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from litestar import Litestar, Request, get
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components
from quart import Blueprint, Quart
from quart import request as quart_request

from asgisec import Authentication, RequestID, SecurityEvent, install
from asgisec.auth import Authenticator, BearerAuth
from asgisec.errors import ConfigError, SecurityError, Unauthenticated
from asgisec.integrations.litestar import GuardPlugin, principal_of
from asgisec.integrations.litestar import guarded as in_litestar
from asgisec.integrations.quart import current_principal
from asgisec.integrations.quart import guarded as in_quart
from asgisec.tokens import KeySet, TokenVerifier
from tests.asgi import Recorded
from tests.auth.callers import (
    CHALLENGE_FOR_KEYS,
    NOW,
    Counting,
    Keys,
    Pair,
    Record,
    api_key,
    ask,
    bearer,
    bearer_auth,
    key_auth,
    open_socket,
    token,
)
from tests.integrations.guarded_apps import APPS, Guards
from tests.servers.harness import Servers, running
from tests.servers.harness import get as line
from tests.tokens.minting import CLAIMS, ISSUER

NOBODY = f"Bearer, {CHALLENGE_FOR_KEYS}"
INVALID = f'Bearer error="invalid_token", error_description="This token is not valid.", {CHALLENGE_FOR_KEYS}'
MALFORMED = f'Bearer error="invalid_request", error_description="The credentials are malformed.", {CHALLENGE_FOR_KEYS}'
_LACKING = 'Bearer error="insufficient_scope", error_description="The credential does not allow this.", scope="{}", {}'
LACKING = _LACKING.format("users:read users:list", CHALLENGE_FOR_KEYS)
KEY_LACKING = f'Bearer, {CHALLENGE_FOR_KEYS}, error="insufficient_scope", scope="users:read users:list"'
NOT_OWN = _LACKING.format("users:read", CHALLENGE_FOR_KEYS)
DETAILS = {
    NOBODY: "Authentication is required.",
    INVALID: "This token is not valid.",
    MALFORMED: "The credentials are malformed.",
    LACKING: "The credential does not allow this.",
    KEY_LACKING: "The credential does not allow this.",
    NOT_OWN: "The credential does not allow this.",
}
TITLES = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden"}
GOOD = bearer(token("users:read users:list"))

# name: path, headers, status, challenge
HTTP: dict[str, tuple[str, list[Pair], int, str | None]] = {
    "nothing": ("/read", [], 401, NOBODY),
    "a good token": ("/read", [GOOD], 200, None),
    "a wildcard": ("/read", [bearer(token("users:*"))], 200, None),
    "a good key": ("/read", [api_key("strong")], 200, None),
    "anybody who is known": ("/any", [bearer(token(""))], 200, None),
    "nobody, where anybody is let pass": ("/any", [], 401, NOBODY),
    "a malformed header": ("/read", [("authorization", "Bearer")], 400, MALFORMED),
    "no JWT": ("/read", [bearer("opaque")], 401, INVALID),
    "an expired token": ("/read", [bearer(token(exp=NOW - 1))], 401, INVALID),
    "a bad token and a good key": ("/read", [bearer("opaque"), api_key("strong")], 401, INVALID),
    "a bad key": ("/read", [api_key("bad")], 401, NOBODY),
    "a scope that lacks": ("/read", [bearer(token("users:read"))], 403, LACKING),
    "a key that lacks a scope": ("/read", [api_key("good")], 403, KEY_LACKING),
    "a predicate that holds": ("/own", [GOOD], 200, None),
    "a predicate that does not": ("/own", [bearer(token(sub="user-2"))], 403, NOT_OWN),
    "mounted: nothing": ("/mounted/", [], 401, NOBODY),
    "mounted: a good token": ("/mounted/", [GOOD], 200, None),
    "mounted: a scope that lacks": ("/mounted/", [bearer(token("users:read"))], 403, LACKING),
}
SOCKETS = {name: (headers, challenge) for name, (path, headers, _, challenge) in HTTP.items() if path == "/read"}

every_framework = pytest.mark.parametrize("name", APPS)


def auth() -> Any:
    return bearer_auth() | key_auth(Keys({"good": Record(), "strong": Record(scopes=["users:*"])}))


def made(name: str, *policies: Any) -> Any:
    return install(APPS[name](Guards(auth())), RequestID(), *policies)


def detail_of(case: str) -> str:
    """Return what the peer is told; of a key that is not good, challenge and status are those of nobody."""
    _, _, _, challenge = HTTP[case]
    return "This API key is not valid." if case == "a bad key" else DETAILS[str(challenge)]


def assert_refused(answer: Recorded, case: str) -> None:
    _, _, status, challenge = HTTP[case]
    assert answer.error is None
    assert (answer.status, answer.values("www-authenticate")) == (status, [challenge])
    assert answer.values("content-type") == ["application/problem+json"]
    (request_id,) = answer.values("x-request-id")
    assert json.loads(answer.body) == {
        "type": "about:blank",
        "title": TITLES[status],
        "status": status,
        "detail": detail_of(case),
        "request_id": request_id,
    }


@every_framework
@pytest.mark.parametrize("case", HTTP)
def test_http(name: str, case: str) -> None:
    path, headers, status, challenge = HTTP[case]
    answer = ask(made(name), *headers, path=path)
    if challenge is not None:
        assert_refused(answer, case)
        return
    assert (answer.status, json.loads(answer.body)) == (status, {"subject": "user-1"})
    assert answer.values("www-authenticate") == []


@every_framework
@pytest.mark.parametrize("case", SOCKETS)
def test_a_websocket_before_accept(name: str, case: str) -> None:
    headers, challenge = SOCKETS[case]
    answer = open_socket(made(name), *headers, path="/before")
    if challenge is None:
        assert_greeted(answer)
    else:
        assert_refused(answer, case)


@every_framework
@pytest.mark.parametrize("case", SOCKETS)
def test_a_websocket_before_accept_without_the_denial_extension(name: str, case: str) -> None:
    headers, challenge = SOCKETS[case]
    answer = open_socket(made(name), *headers, path="/before", denial=False)
    if challenge is None:
        assert_greeted(answer)
    else:
        assert answer.messages == [{"type": "websocket.close", "code": 1008, "reason": detail_of(case)}]


@every_framework
@pytest.mark.parametrize("case", SOCKETS)
def test_a_websocket_after_accept(name: str, case: str) -> None:
    headers, challenge = SOCKETS[case]
    answer = open_socket(made(name), *headers, path="/after")
    if challenge is None:
        assert_greeted(answer)
    else:
        assert [message["type"] for message in answer.messages] == ["websocket.accept", "websocket.close"]
        assert answer.close == {"type": "websocket.close", "code": 1008, "reason": detail_of(case)}


def assert_greeted(answer: Recorded) -> None:
    assert answer.error is None
    assert [message.get("text") for message in answer.messages if message["type"] == "websocket.send"] == ["user-1"]
    assert answer.close is not None
    assert answer.close["code"] == 1000


@every_framework
def test_a_token_among_the_subprotocols(name: str) -> None:
    names = ["bearer", token("users:*")]
    app = made(name)
    answer = open_socket(app, ("sec-websocket-protocol", ", ".join(names)), path="/before", subprotocols=names)
    assert_greeted(answer)
    assert answer.messages[0]["subprotocol"] == "bearer"


@every_framework
def test_every_refusal_is_one_event(name: str) -> None:
    events: list[SecurityEvent] = []
    ask(install(APPS[name](Guards(auth())), RequestID(), on_event=events.append), bearer("opaque"), path="/read")
    assert [(event.name, event.reason, event.policy) for event in events] == [
        ("authn_login_fail", "malformed", "Guard")
    ]


@every_framework
def test_behind_the_policy_a_guard_asks_for_scopes_only(name: str) -> None:
    found = Counting()
    app = install(APPS[name](Guards(found)), RequestID(), Authentication(found))
    assert ask(app, path="/read").status == 401
    assert ask(app, ("x-name", "user-1"), path="/read").status == 200
    assert found.looks == 2


class TestNamedExceptions:
    """What is different, and why; a framework that changes is noticed here."""

    # FastAPI and Litestar answer HEAD only where a route asks for it.
    HEAD: ClassVar = {"fastapi": 405, "litestar": 405}

    @every_framework
    def test_head(self, name: str) -> None:
        answer = ask(made(name), method="HEAD", path="/read")
        assert (answer.status, answer.body[: 0 if name in self.HEAD else None]) == (self.HEAD.get(name, 401), b"")

    # Where nothing is installed, the framework answers: Starlette, FastAPI and Litestar with status and challenge,
    # Quart with a page for an error of its own, a bare callable not at all.
    WITHOUT: ClassVar[dict[str, tuple[int, list[str]]]] = {"quart": (500, []), "bare": (0, [])}

    @every_framework
    def test_where_nothing_is_installed(self, name: str) -> None:
        answer = ask(APPS[name](Guards(auth())), path="/read")
        challenge = answer.values("www-authenticate") if answer.messages else []
        assert (answer.status, challenge) == self.WITHOUT.get(name, (401, [NOBODY]))
        if name == "bare":
            assert isinstance(answer.error, Unauthenticated)


class TestLitestar:
    @staticmethod
    def document(app: Litestar) -> Any:
        return app.openapi_schema.to_schema()

    def test_the_document_says_what_each_route_asks_for(self) -> None:
        document = self.document(APPS["litestar"](Guards(auth())))
        needed = ["users:read", "users:list"]
        assert document["paths"]["/read"]["get"]["security"] == [{"bearer": needed}, {"api_key": needed}]
        assert document["paths"]["/any"]["get"]["security"] == [{"bearer": []}, {"api_key": []}]
        assert document["components"]["securitySchemes"] == {
            "bearer": {"type": "http", "scheme": "bearer"},
            "api_key": {"type": "apiKey", "name": "X-API-Key", "in": "header"},
        }

    def test_guards_of_an_application_count_and_one_s_own_words_stay(self) -> None:
        one = bearer_auth()

        @get("/own", security=[{"mine": []}], guards=[in_litestar(one.require("b"))])
        async def own() -> None: ...

        @get("/both", guards=[in_litestar(one.require("b", "a"))])
        async def both() -> None: ...

        def other(connection: Any, handler: Any) -> None: ...

        @get("/open", guards=[other])
        async def everybody() -> None: ...

        config = OpenAPIConfig("shop", "1", components=[Components()])
        app = Litestar(
            [own, both], guards=[in_litestar(one.require("a"))], plugins=[GuardPlugin()], openapi_config=config
        )
        paths = self.document(app)["paths"]
        assert paths["/own"]["get"]["security"] == [{"mine": []}]
        assert paths["/both"]["get"]["security"] == [{"bearer": ["a", "b"]}]
        without = self.document(Litestar([everybody], plugins=[GuardPlugin()]))
        assert "security" not in without["paths"]["/open"]["get"]

    def test_credentials_of_one_kind_in_two_places_are_two_in_the_document(self) -> None:
        class Signed(Authenticator):
            challenge_scheme = "Signature"

        places = [key_auth(), key_auth(header="X-Partner-Key"), Authenticator(), Signed(), key_auth()]
        handlers = [
            get(f"/{number}", guards=[in_litestar(auth.require())])(self.nothing) for number, auth in enumerate(places)
        ]
        document = self.document(Litestar(handlers, plugins=[GuardPlugin()]))
        named = [[*document["paths"][f"/{number}"]["get"]["security"][0]] for number in range(len(places))]
        assert named == [["api_key"], ["X-Partner-Key"], ["custom"], ["Signature"], ["api_key"]]
        schemes = document["components"]["securitySchemes"]
        assert {schemes[name].get("name", schemes[name].get("scheme")) for (name,) in named} == {
            "X-API-Key",
            "X-Partner-Key",
            "custom",
            "signature",
        }

    @staticmethod
    async def nothing() -> None: ...

    def test_no_document_is_none_of_its_business(self) -> None:
        @get("/any", guards=[in_litestar(bearer_auth().require())])
        async def endpoint(request: Request[Any, Any, Any]) -> str:
            return principal_of(request).subject

        app = install(Litestar([endpoint], plugins=[GuardPlugin()], openapi_config=None), RequestID())
        assert ask(app, bearer(token()), path="/any").body == b"user-1"

    def test_a_handler_that_nobody_guards_has_no_principal(self) -> None:
        @get("/any")
        async def endpoint(request: Request[Any, Any, Any]) -> str:
            return principal_of(request).subject

        app = install(Litestar([endpoint], plugins=[GuardPlugin()]), RequestID())
        assert ask(app, path="/any").status == 401

    def test_user_and_auth_of_the_connection(self) -> None:
        @get("/any")
        async def endpoint(request: Request[Any, Any, Any]) -> list[str]:
            return [request.user.subject, *sorted(request.auth.scopes)]

        app = install(Litestar([endpoint]), Authentication(bearer_auth()))
        answer = ask(app, bearer(token("users:*")), path="/any")
        assert json.loads(answer.body) == ["user-1", "authenticated", "users:*"]

    @pytest.mark.parametrize("wrong", [None, bearer_auth(), print], ids=["none", "an authenticator", "a function"])
    def test_what_is_no_guard(self, wrong: Any) -> None:
        with pytest.raises(ConfigError, match=r"guarded\(guard\) got .*: write a guard, such as auth\.require"):
            in_litestar(wrong)


class TestQuart:
    @pytest.mark.parametrize(
        ("caught", "status", "challenges"),
        [(None, 401, 1), (Exception, 401, 1), (SecurityError, 418, 0), (Unauthenticated, 418, 0)],
    )
    @pytest.mark.parametrize("kind", ["http", "websocket"])
    def test_a_blueprint_that_catches_everything_does_not_catch_a_refusal(
        self, kind: str, caught: Any, status: int, challenges: int
    ) -> None:
        app, blueprint = Quart("tests.integrations.guarded_apps"), Blueprint("shop", "shop", url_prefix="/shop")

        @in_quart(bearer_auth().require())
        async def view() -> str:
            raise NotImplementedError

        blueprint.get("/")(view)
        blueprint.websocket("/ws")(view)
        if caught is not None:

            @blueprint.errorhandler(caught)
            async def handle(error: Exception) -> tuple[str, int]:
                return "handled", 418

        app.register_blueprint(blueprint)
        install(app, RequestID())
        answer = ask(app, path="/shop/") if kind == "http" else open_socket(app, path="/shop/ws")
        assert (answer.status, len(answer.values("www-authenticate"))) == (status, challenges)

    def test_where_nothing_is_installed_the_page_is_its_own(self) -> None:
        app = Quart("tests.integrations.guarded_apps")

        @app.get("/")
        @in_quart(bearer_auth().require())
        async def view() -> str:
            raise NotImplementedError

        assert ask(app).status == 500

    def test_a_plain_view_and_its_arguments(self) -> None:
        app = Quart("tests.integrations.guarded_apps")

        @app.get("/items/<int:item>")
        @in_quart(bearer_auth().require("users:read"))
        def view(item: int) -> dict[str, Any]:
            return {"item": item, "subject": current_principal.subject}

        answer = ask(install(app, RequestID()), bearer(token()), path="/items/7")
        assert json.loads(answer.body) == {"item": 7, "subject": "user-1"}
        assert view.__name__ == "view"

    def test_the_principal_is_that_of_the_view_s_own_guard(self) -> None:
        app = Quart("tests.integrations.guarded_apps")
        keys = key_auth(Keys({"k": Record(owner="robot")}))

        @app.get("/mine")
        @in_quart(keys.require())
        async def mine() -> str:
            return str(current_principal.subject)

        @app.get("/policy")
        async def policy() -> str:
            return str(current_principal.subject)

        @app.get("/asked")
        async def asked() -> str:
            return (await keys.require()(quart_request)).subject

        install(app, RequestID(), Authentication(bearer_auth()))
        headers = [bearer(token()), api_key("k")]
        assert [ask(app, *headers, path=path).body for path in ("/mine", "/policy", "/asked")] == [
            b"robot",
            b"user-1",
            b"robot",
        ]

    def test_nobody_is_none(self) -> None:
        app = Quart("tests.integrations.guarded_apps")

        @app.get("/")
        async def view() -> str:
            return str(current_principal == None)  # noqa: E711 - a proxy

        assert ask(install(app, RequestID())).body == b"True"

    def test_what_is_no_guard(self) -> None:
        with pytest.raises(ConfigError, match=r"guarded\(guard\) got None: write a guard"):
            in_quart(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["starlette", "litestar", "quart", "fastapi"])
@pytest.mark.parametrize("path", ["/read", "/own", "/any", "/mounted/x"])
def test_the_guard_of_an_endpoint_says_who_calls_it(name: str, path: str) -> None:
    """Who calls by a key acts for the owner of the key, whosever token comes with it."""
    keys = Keys({"good": Record(owner="user-1", scopes=("users:*",))})
    app = APPS[name](Guards(key_auth(keys)))
    install(app, Authentication(bearer_auth(), required=False))
    answer = ask(app, bearer(token(sub="other")), api_key("good"), path=path)
    assert json.loads(answer.body) == {"subject": "user-1"}


SIGNING = KeySet.generate("EdDSA")


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Serve each application by uvicorn; it looks at the real time."""
    verifier = TokenVerifier(SIGNING, issuer=ISSUER, audience="api")
    guards = Guards(BearerAuth(verifier))
    apps = {name: install(make(guards), RequestID()) for name, make in APPS.items()}
    with running("uvicorn-httptools", apps) as started:
        yield started


def current(scope: str) -> str:
    import time  # noqa: PLC0415 - only here

    return SIGNING.sign({**CLAIMS, "scope": scope, "iat": time.time() - 1, "exp": time.time() + 900})


@every_framework
def test_through_uvicorn(name: str, servers: Servers) -> None:
    for scope, status in (("users:*", 200), ("users:read", 403), (None, 401)):
        lines = [] if scope is None else [f"Authorization: Bearer {current(scope)}"]
        answer = servers.ask(name, line("/read", *lines))
        assert answer.status == status
        assert (len(answer.values("www-authenticate")), len(answer.values("x-request-id"))) == (int(status > 200), 1)


@every_framework
def test_a_websocket_through_uvicorn(name: str, servers: Servers) -> None:
    good = f"Sec-WebSocket-Protocol: bearer, {current('users:*')}\r\n".encode()
    with servers.connect(name) as peer:
        answer = peer.handshake("/before", lines=good)
        assert (answer.status, answer.values("sec-websocket-protocol")) == (101, ["bearer"])
        assert peer.frame() == (1, b"user-1")
    with servers.connect(name) as peer:
        assert peer.handshake("/before").status == 401
    with servers.connect(name) as peer:
        assert peer.handshake("/after").status == 101
        opcode, payload = peer.frame()
        assert (opcode, int.from_bytes(payload[:2])) == (8, 1008)
