"""`Authentication`: who is let in, what the application sees of them, and where it stands."""

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.authentication import requires
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from asgisec import CORS, Authentication, RequestID, RequestLimits, SecurityMiddleware, install, secure
from asgisec.auth import Principal
from asgisec.errors import ConfigError, KeysUnavailable, StoreUnavailable
from asgisec.middleware import AuthenticationMiddleware, CORSMiddleware
from asgisec.policy import Exchange, Policy
from asgisec.presets import RECOMMENDED_ORDER
from asgisec.stores import MemoryStore
from tests.asgi import App, Message, answering, request
from tests.auth.callers import (
    Counting,
    Keys,
    ask,
    bearer,
    bearer_auth,
    events_of,
    key_auth,
    open_socket,
    token,
)


def showing(seen: list[Any]) -> App:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen.append(scope)
        await answering()(scope, receive, send)

    return app


class TestOptions:
    def test_defaults(self) -> None:
        policy = Authentication(bearer_auth())
        assert (policy.required, policy.exempt, policy.dry_run) == (True, (), False)
        assert policy.provides == ("principal",)

    def test_closes_what_its_authenticator_uses(self) -> None:
        store = MemoryStore()
        assert Authentication(key_auth(Keys(closes=(store,)))).closes == (store,)

    def test_equal_ones_do_the_same_work(self) -> None:
        auth = bearer_auth()
        assert Authentication(auth) == Authentication(auth)
        assert Authentication(auth) != Authentication(auth, required=False)
        assert Authentication(auth) != Authentication(bearer_auth())

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            pytest.param(
                {"authenticator": None}, "Authentication(authenticator) got None: write BearerAuth", id="none"
            ),
            pytest.param(
                {"authenticator": bearer_auth().require()},
                "Authentication(authenticator) got <Guard BearerAuth(...) >: write BearerAuth",
                id="a guard",
            ),
            pytest.param(
                {"required": "false"}, "Authentication(required=) got 'false': write True or False", id="text"
            ),
            pytest.param({"dry_run": True}, "Authentication(dry_run=) got True: leave it out", id="a rehearsal"),
            pytest.param({"dry_run": None}, "Authentication(dry_run=) got None: leave it out", id="half a rehearsal"),
            pytest.param({"exempt": "/health"}, "Authentication(exempt=) got '/health': write a list", id="one path"),
            pytest.param({"exempt": ["/health/*"]}, "Authentication(exempt=) got '/health/*': ", id="a pattern"),
        ],
    )
    def test_what_is_said_of_a_wrong_one(self, options: Any, said: str) -> None:
        with pytest.raises(ConfigError) as wrong:
            Authentication(**{"authenticator": bearer_auth(), **options})
        assert str(wrong.value).startswith(said)


class TestWhoIsLetIn:
    def test_who_presents_what_is_good(self) -> None:
        seen: list[Any] = []
        app = SecurityMiddleware(showing(seen), RequestID(), Authentication(bearer_auth()))
        assert ask(app, bearer(token("users:*"))).status == 200
        (scope,) = seen
        principal = scope["state"]["principal"]
        assert (principal.subject, principal.scopes) == ("user-1", {"users:*"})
        assert scope["user"] is principal
        assert "users:read" in scope["auth"].scopes
        assert "orders:read" not in scope["auth"].scopes

    def test_nobody_else(self) -> None:
        seen: list[Any] = []
        app = SecurityMiddleware(showing(seen), Authentication(bearer_auth()))
        assert [ask(app, *headers).status for headers in ([], [bearer("x")])] == [401, 401]
        assert seen == []

    def test_with_required_false_also_who_presents_nothing(self) -> None:
        seen: list[Any] = []
        app = SecurityMiddleware(showing(seen), Authentication(bearer_auth(), required=False))
        assert ask(app).status == 200
        (scope,) = seen
        assert "principal" not in scope.get("state", {})
        assert (scope["user"].is_authenticated, scope["user"].identity, scope["user"].display_name) == (False, "", "")
        assert scope["auth"].scopes == frozenset()

    @pytest.mark.parametrize("presented", ["opaque", ""])
    def test_what_is_presented_must_be_good_all_the_same(self, presented: str) -> None:
        app = SecurityMiddleware(answering(), Authentication(bearer_auth(), required=False))
        assert ask(app, bearer(presented)).status in (400, 401)

    @pytest.mark.parametrize("exempt", [["/health"], lambda exchange: exchange.scope["path"] == "/health"])
    def test_anybody_where_it_is_exempt(self, exempt: Any) -> None:
        auth = Counting()
        seen: list[Any] = []
        app = SecurityMiddleware(showing(seen), Authentication(auth, exempt=exempt))
        assert ask(app, path="/health").status == 200
        assert seen[0]["user"].is_authenticated is False
        for path in ("/", "/health/", "/health/x", "/Health", "//health", "/health%2f"):
            assert ask(app, path=path).status == 401
        assert auth.looks == 6

    @pytest.mark.parametrize("error", [StoreUnavailable, KeysUnavailable])
    def test_nobody_while_nobody_can_say(self, error: Any) -> None:
        answer = ask(SecurityMiddleware(answering(), Authentication(Counting(error()), required=False)))
        assert (answer.status, answer.values("www-authenticate")) == (503, [])

    def test_an_authenticator_that_fails_lets_nobody_in(self) -> None:
        answer = ask(SecurityMiddleware(answering(), Authentication(Counting(RuntimeError("sesame")))))
        assert answer.status == 500
        assert b"sesame" not in answer.body

    def test_head_has_the_challenge_too(self) -> None:
        answer = ask(SecurityMiddleware(answering(), Authentication(bearer_auth())), method="HEAD")
        assert (answer.status, answer.body, answer.values("www-authenticate")) == (401, b"", ["Bearer"])

    def test_the_body_of_a_refused_request_is_not_read(self) -> None:
        answer = request(SecurityMiddleware(answering(), Authentication(bearer_auth())), "POST", body=[b"x", b"y"])
        assert answer.status == 401


class TestOrder:
    ORIGIN = "https://app.example.com"
    PREFLIGHT = (("origin", ORIGIN), ("access-control-request-method", "GET"))

    def test_a_preflight_is_answered_before_it(self) -> None:
        auth = Counting()
        app = SecurityMiddleware(answering(), CORS(allow_origins=[self.ORIGIN]), Authentication(auth))
        assert ask(app, *self.PREFLIGHT, method="OPTIONS").status == 200
        assert auth.looks == 0

    def test_what_looks_like_a_preflight_is_no_way_around_it(self) -> None:
        seen: list[Any] = []
        app = SecurityMiddleware(showing(seen), Authentication(bearer_auth()), CORS(allow_origins=[self.ORIGIN]))
        assert ask(app, *self.PREFLIGHT, method="OPTIONS").status == 401
        assert seen == []

    def test_a_page_may_read_the_refusal(self) -> None:
        app = SecurityMiddleware(answering(), CORS(allow_origins=[self.ORIGIN]), Authentication(bearer_auth()))
        answer = ask(app, ("origin", self.ORIGIN))
        assert (answer.status, answer.values("access-control-allow-origin")) == (401, [self.ORIGIN])

    def test_it_stands_where_it_is_recommended(self) -> None:
        kinds = [kind for kind, _ in RECOMMENDED_ORDER]
        assert kinds.index(CORS) < kinds.index(RequestLimits) < kinds.index(Authentication)

    def test_what_needs_a_principal_stands_behind_it(self) -> None:
        class ByPrincipal(Policy):
            needs = ("principal",)

        SecurityMiddleware(answering(), Authentication(bearer_auth()), ByPrincipal())
        with pytest.raises(ConfigError, match="Authentication"):
            SecurityMiddleware(answering(), ByPrincipal(), Authentication(bearer_auth()))


class TestEvents:
    def test_of_a_refusal_is_one(self, caplog: Any) -> None:
        ask(SecurityMiddleware(answering(), RequestID(), Authentication(bearer_auth())), bearer("opaque"))
        (event,) = events_of(caplog)
        assert (event.name, event.reason, event.policy) == ("authn_login_fail", "malformed", "Authentication")
        assert event.request_id is not None

    def test_of_others_name_the_principal(self, caplog: Any) -> None:
        class Refuses(Policy):
            def on_request(self, exchange: Exchange) -> StoreUnavailable:
                return StoreUnavailable()

        ask(SecurityMiddleware(answering(), Authentication(bearer_auth()), Refuses()), bearer(token()))
        assert [event.principal for event in events_of(caplog)] == ["user-1"]


class TestSecure:
    def test_an_authenticator(self) -> None:
        app = secure(Starlette(), hosts=["testserver"], auth=bearer_auth())
        answer = ask(app)
        assert (answer.status, answer.values("www-authenticate")) == (401, ["Bearer"])
        assert len(answer.values("x-request-id")) == len(answer.values("x-frame-options")) == 1
        assert ask(app, bearer(token())).status == 404

    def test_a_policy_of_one_s_own(self) -> None:
        app = secure(Starlette(), hosts=["testserver"], auth=Authentication(bearer_auth(), exempt=["/health"]))
        assert [ask(app, path=path).status for path in ("/health", "/")] == [404, 401]

    @pytest.mark.parametrize("auth", ["bearer", False, bearer_auth().require()], ids=["text", "False", "a guard"])
    def test_something_else(self, auth: Any) -> None:
        with pytest.raises(ConfigError, match=r"secure\(auth=\) got .*: write an authenticator"):
            secure(Starlette(), hosts=["testserver"], auth=auth)


def test_as_middleware_it_becomes_one_pass_with_others() -> None:
    auth = bearer_auth()
    app = CORSMiddleware(
        AuthenticationMiddleware(answering(), auth, required=False), allow_origins=["https://a.example"]
    )
    assert app.policies[1] == Authentication(auth, required=False)
    assert ask(app).status == 200


def starlette() -> Starlette:
    async def user(request: Request) -> JSONResponse:
        return JSONResponse([request.user.is_authenticated, request.user.display_name, sorted(request.auth.scopes)])

    @requires("users:read")
    async def read(request: Request) -> JSONResponse:
        return JSONResponse("read")

    @requires(["authenticated", "users:write"], status_code=404)
    def write(request: Request) -> JSONResponse:
        return JSONResponse("written")

    @requires("users:read")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.send_text("hello")
        await websocket.close()

    return Starlette(
        routes=[Route("/user", user), Route("/read", read), Route("/write", write), WebSocketRoute("/ws", socket)]
    )


class TestStarlette:
    app = install(starlette(), RequestID(), Authentication(bearer_auth(), required=False))

    def test_user_and_auth(self) -> None:
        answer = ask(self.app, bearer(token("users:*")), path="/user")
        assert json.loads(answer.body) == [True, "user-1", ["authenticated", "users:*"]]
        assert json.loads(ask(self.app, path="/user").body) == [False, "", []]

    @pytest.mark.parametrize(
        ("path", "scope", "status"),
        [
            ("/read", "users:read", 200),
            ("/read", "users:*", 200),
            ("/read", "orders:*", 403),
            ("/read", None, 403),
            ("/write", "users:*", 200),
            ("/write", "users:read", 404),
            ("/write", None, 404),
        ],
    )
    def test_requires(self, path: str, scope: str | None, status: int) -> None:
        headers = [] if scope is None else [bearer(token(scope))]
        assert ask(self.app, *headers, path=path).status == status

    @pytest.mark.parametrize(("scope", "accepted"), [("users:read", True), ("users:*", True), ("orders:*", False)])
    def test_requires_on_a_websocket(self, scope: str, accepted: bool) -> None:
        answer = open_socket(self.app, bearer(token(scope)), path="/ws")
        assert (answer.messages[0]["type"] == "websocket.accept") is accepted


def test_the_state_of_the_server_stays() -> None:
    seen: list[Any] = []
    app = SecurityMiddleware(showing(seen), Authentication(Counting()))
    ask(app, ("x-name", "ada"), state={"pool": 7})
    state = seen[0]["state"]
    assert state["pool"] == 7
    assert state["principal"] == Principal("ada", frozenset({"users:*"}), "counting")
