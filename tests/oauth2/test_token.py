"""The token endpoint: a row per grant and per refusal of RFC 6749, attacks beside what clients send."""

import logging
from typing import Any

import anyio
import pytest

from asgisec import RequestID, SecurityMiddleware
from asgisec.errors import ConfigError, InvalidToken, Overloaded, RateLimitExceeded, StoreUnavailable, Unauthenticated
from asgisec.oauth2 import TokenEndpoint
from asgisec.tokens import TokenIssuer
from tests.asgi import App, Recorded
from tests.oauth2.people import (
    ADA,
    NO_CLIENT,
    OTHER,
    SPA,
    WEB,
    Known,
    basic,
    clients,
    endpoint,
    events,
    issuer,
    login,
    password,
    plain_login,
    post,
    said,
    warnings,
    watched,
)

MACHINE = {"grant_type": "client_credentials"}


def scopes_of(tokens: TokenIssuer, answer: Recorded) -> set[str]:
    claims = tokens.verifier().verify(said(answer)["access_token"])
    assert " ".join(sorted(claims.scopes)) == said(answer)["scope"]
    return set(claims.scopes)


# Grants


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize("look_up", [login, plain_login], ids=["coroutine", "plain"])
def test_password(look_up: Any, backend: str) -> None:
    tokens = issuer()
    answer = post(endpoint(tokens, login=look_up), password(), backend=backend)
    assert answer.status == 200
    assert answer.values("content-type") == ["application/json"]
    assert answer.values("cache-control") == ["no-store"]
    assert answer.values("pragma") == ["no-cache"]
    found = said(answer)
    assert found.keys() == {"access_token", "token_type", "expires_in", "refresh_token", "scope"}
    assert [found["token_type"], found["expires_in"], found["scope"]] == ["Bearer", 900, "orders:read users:*"]
    claims = tokens.verifier().verify(found["access_token"])
    assert claims.subject == "user-1"
    assert claims.client_id == "first-party"


def test_refresh() -> None:
    tokens = issuer()
    app = endpoint(tokens)
    first = said(post(app, password()))
    answer = post(app, {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]})
    assert answer.status == 200
    second = said(answer)
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == first["scope"]
    assert tokens.verifier().verify(second["access_token"]).subject == "user-1"


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        pytest.param([WEB], {}, id="Basic"),
        pytest.param([], {"client_id": "web", "client_secret": "s3cret"}, id="in the body"),
    ],
)
def test_client_credentials(headers: list[tuple[str, str]], more: dict[str, str]) -> None:
    tokens = issuer()
    answer = post(endpoint(tokens), {**MACHINE, **more}, *headers)
    assert answer.status == 200
    found = said(answer)
    assert "refresh_token" not in found  # RFC 6749 section 4.4.3
    assert found["scope"] == "orders:read stock:*"
    claims = tokens.verifier().verify(found["access_token"])
    assert (claims.subject, claims.client_id, claims.session_id) == ("client-web", "web", None)


@pytest.mark.parametrize(
    ("headers", "more", "client_id"),
    [
        pytest.param([], {}, "first-party", id="no client"),
        pytest.param([NO_CLIENT], {}, "first-party", id="no client, as Swagger UI says it"),
        pytest.param([], {"client_id": "", "client_secret": ""}, "first-party", id="no client, in the body"),
        pytest.param([WEB], {}, "web", id="one with a secret"),
        pytest.param([SPA], {}, "spa", id="a public one"),
        pytest.param([], {"client_id": "spa"}, "spa", id="a public one, in the body"),
    ],
)
def test_the_client_of_a_login_is_in_its_token(
    headers: list[tuple[str, str]], more: dict[str, str], client_id: str
) -> None:
    tokens = issuer()
    found = said(post(endpoint(tokens), password(**more), *headers))
    assert tokens.verifier().verify(found["access_token"]).client_id == client_id


def test_where_no_clients_are_known_a_name_is_nobody() -> None:
    tokens = issuer()
    found = said(post(endpoint(tokens, clients=None), password(client_id="web")))
    assert tokens.verifier().verify(found["access_token"]).client_id == "first-party"


# Scopes


@pytest.mark.parametrize(
    ("asked", "had"),
    [
        pytest.param(None, {"orders:read", "users:*"}, id="nothing asked for"),
        pytest.param("", {"orders:read", "users:*"}, id="nothing, as an empty value"),
        pytest.param("orders:read", {"orders:read"}, id="one"),
        pytest.param("orders:read admin", {"orders:read"}, id="one, and one that is not allowed"),
        pytest.param("users:read", {"users:read"}, id="covered by a wildcard"),
        pytest.param("users:*", {"users:*"}, id="a wildcard that is allowed itself"),
        pytest.param("users:read users:write orders:read", {"users:read", "users:write", "orders:read"}, id="three"),
        pytest.param("orders:* orders:read", {"orders:read"}, id="a wildcard matches only itself"),
        pytest.param("  orders:read   users:x ", {"orders:read", "users:x"}, id="spaces"),
        pytest.param("orders:read orders:read", {"orders:read"}, id="twice the same"),
    ],
)
def test_scopes_are_those_asked_for_and_allowed(asked: str | None, had: set[str]) -> None:
    tokens = issuer()
    answer = post(endpoint(tokens), password(**({} if asked is None else {"scope": asked})))
    assert answer.status == 200
    assert scopes_of(tokens, answer) == had


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param("admin", id="not allowed"),
        pytest.param("orders:*", id="a wildcard beyond what is allowed"),
        pytest.param("*", id="everything"),
        pytest.param("users:*:*", id="a wildcard below a wildcard"),
        pytest.param("users", id="what stands before a colon"),
        pytest.param("ORDERS:READ", id="capitals (scopes are case-sensitive)"),
        pytest.param("   ", id="spaces alone"),
        pytest.param('users:"read"', id="quotes"),
        pytest.param("users:\\", id="a backslash"),
        pytest.param("users:é", id="beyond ASCII"),
        pytest.param("users:read\tusers:write", id="a tab"),
        pytest.param("users:" + "x" * 251, id="too long"),
        pytest.param(" ".join(f"users:{number}" for number in range(257)), id="too many"),
    ],
)
@pytest.mark.parametrize("grant", ["password", "refresh_token", "client_credentials"])
def test_no_scope(grant: str, asked: str) -> None:
    tokens = issuer()
    app = endpoint(tokens)
    first = said(post(app, password(scope="orders:read")))["refresh_token"]
    forms = {
        "password": password(scope=asked),
        "refresh_token": {"grant_type": grant, "refresh_token": first, "scope": asked},
        "client_credentials": {**MACHINE, "scope": asked},
    }
    answer = post(app, forms[grant], *([WEB] if grant == "client_credentials" else []))
    assert answer.status == 400
    assert said(answer)["error"] == "invalid_scope"
    if grant == "refresh_token":  # asking for too much has not used it up
        assert post(app, {"grant_type": grant, "refresh_token": first}).status == 200


async def asked_elsewhere(user: Known) -> list[str]:
    await anyio.lowlevel.checkpoint()
    return ["reports:read"] if user is ADA else []


@pytest.mark.parametrize(
    ("allowed", "had"),
    [
        pytest.param(asked_elsewhere, {"reports:read"}, id="coroutine"),
        pytest.param(
            lambda user: {"reports:read", *user.scopes}, {"reports:read", "orders:read", "users:*"}, id="plain"
        ),
        pytest.param(lambda user: "reports:read orders:read", {"reports:read", "orders:read"}, id="one text"),
        pytest.param(lambda user: [], set(), id="nothing"),
    ],
)
def test_allowed_scopes(allowed: Any, had: set[str]) -> None:
    tokens = issuer()
    assert scopes_of(tokens, post(endpoint(tokens, allowed_scopes=allowed), password())) == had


def test_scopes_of_a_machine_are_its_own() -> None:
    tokens = issuer()
    app = endpoint(tokens, allowed_scopes=asked_elsewhere)
    assert scopes_of(tokens, post(app, {**MACHINE, "scope": "stock:count"}, WEB)) == {"stock:count"}


def test_a_refresh_may_ask_for_less_and_the_session_keeps_the_rest() -> None:
    tokens = issuer()
    app = endpoint(tokens)
    first = said(post(app, password()))
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"], "scope": "orders:read"}
    second = post(app, form)
    assert scopes_of(tokens, second) == {"orders:read"}
    third = post(app, {"grant_type": "refresh_token", "refresh_token": said(second)["refresh_token"]})
    assert scopes_of(tokens, third) == {"orders:read", "users:*"}


# Refusals


@pytest.mark.parametrize(
    ("form", "headers", "status", "error", "reason"),
    [
        pytest.param({}, [], 400, "invalid_request", "parameter_missing", id="empty"),
        pytest.param({"grant_type": ""}, [], 400, "invalid_request", "parameter_missing", id="empty grant type"),
        pytest.param({"grant_type": "password"}, [], 400, "invalid_request", "parameter_missing", id="no username"),
        pytest.param(password(given=""), [], 400, "invalid_request", "parameter_missing", id="empty password"),
        pytest.param(password(username=""), [], 400, "invalid_request", "parameter_missing", id="empty username"),
        pytest.param({"grant_type": "refresh_token"}, [], 400, "invalid_request", "parameter_missing", id="no token"),
        pytest.param(
            "grant_type=password&username=ada&username=bob&password=x",
            [],
            400,
            "invalid_request",
            "form_repeated",
            id="two usernames",
        ),
        pytest.param(
            "grant_type=password&grant_type=client_credentials",
            [],
            400,
            "invalid_request",
            "form_repeated",
            id="two grant types",
        ),
        pytest.param(
            {"grant_type": "authorization_code"}, [], 400, "unsupported_grant_type", "grant_unknown", id="a code"
        ),
        pytest.param({"grant_type": "Password"}, [], 400, "unsupported_grant_type", "grant_unknown", id="capitals"),
        pytest.param({"grant_type": "implicit"}, [], 400, "unsupported_grant_type", "grant_unknown", id="implicit"),
        pytest.param(password(given="wrong"), [], 400, "invalid_grant", "bad_credentials", id="wrong password"),
        pytest.param(password("eve"), [], 400, "invalid_grant", "bad_credentials", id="unknown user"),
        pytest.param(password(given="Correct horse"), [], 400, "invalid_grant", "bad_credentials", id="capital"),
        pytest.param(password(given="correct horse "), [], 400, "invalid_grant", "bad_credentials", id="a space"),
        pytest.param(password(), [basic("web:x")], 401, "invalid_client", "client_unknown", id="wrong client secret"),
        pytest.param(password(), [("authorization", "Digest x")], 401, "invalid_client", "client_method", id="Digest"),
        pytest.param(
            MACHINE, [("authorization", "Bearer x")], 401, "invalid_client", "client_not_authenticated", id="Bearer"
        ),
        pytest.param(MACHINE, [], 401, "invalid_client", "client_not_authenticated", id="a machine without a name"),
        pytest.param(MACHINE, [NO_CLIENT], 401, "invalid_client", "client_not_authenticated", id="an empty name"),
        pytest.param(MACHINE, [SPA], 401, "invalid_client", "client_not_authenticated", id="a public client"),
        pytest.param(
            {**MACHINE, "client_id": "web"}, [], 401, "invalid_client", "client_unknown", id="a name without a secret"
        ),
        pytest.param(
            {"grant_type": "refresh_token", "refresh_token": "x"}, [], 400, "invalid_grant", "malformed", id="no token"
        ),
        pytest.param(
            {"grant_type": "refresh_token", "refresh_token": "A" * 107},
            [],
            400,
            "invalid_grant",
            "unknown_token",
            id="a made-up token",
        ),
        pytest.param(
            {"grant_type": "refresh_token", "refresh_token": "é🔑"},
            [],
            400,
            "invalid_grant",
            "malformed",
            id="no ASCII",
        ),
    ],
)
def test_refusals(
    form: Any,
    headers: list[tuple[str, str]],
    status: int,
    error: str,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = post(endpoint(), form, *headers)
    assert (answer.status, said(answer)["error"]) == (status, error)
    assert answer.values("cache-control") == ["no-store"]
    challenged = status == 401 and bool(headers)
    assert answer.values("www-authenticate") == (['Basic realm="oauth2", charset="UTF-8"'] if challenged else [])
    (event,) = events(caplog)
    assert (event.reason, event.client, event.principal) == (reason, "192.0.2.7", None)
    assert event.level == logging.WARNING
    assert "access_token" not in said(answer)


def test_a_user_that_is_unknown_and_a_password_that_is_wrong_look_the_same() -> None:
    app = endpoint()
    one, other = post(app, password("eve")), post(app, password(given="wrong"))
    assert one.messages == other.messages


@pytest.mark.parametrize(
    ("options", "grants"),
    [
        ({"login": None, "clients": None}, ("refresh_token",)),
        ({"clients": None}, ("password", "refresh_token")),
        ({"login": None}, ("client_credentials", "refresh_token")),
        ({}, ("client_credentials", "password", "refresh_token")),
    ],
)
def test_grants_that_were_not_asked_for_are_not_there(options: dict[str, Any], grants: tuple[str, ...]) -> None:
    app = endpoint(**options)
    assert app.grant_types == grants
    for form in (password(), MACHINE):
        supported = form["grant_type"] in grants
        answer = post(app, form, *([WEB] if supported and form is MACHINE else []))
        assert answer.status == (200 if supported else 400)
        assert supported or said(answer)["error"] == "unsupported_grant_type"


class Limited(Known):
    grant_types = ("refresh_token",)


def test_a_client_may_be_kept_to_some_grants(caplog: pytest.LogCaptureFixture) -> None:
    app = endpoint(clients=lambda client_id, secret: Limited("client-web", secret, ("a",)))
    answer = post(app, MACHINE, WEB)
    assert (answer.status, said(answer)["error"]) == (400, "unauthorized_client")
    assert said(post(app, password(), WEB))["error"] == "unauthorized_client"
    assert said(post(app, {"grant_type": "refresh_token", "refresh_token": "x"}, WEB))["error"] == "invalid_grant"
    assert [event.reason for event in events(caplog)] == ["grant_not_allowed", "grant_not_allowed", "malformed"]


# Whose refresh token it is


@pytest.mark.parametrize("owner", [None, WEB, SPA], ids=["no client", "web", "spa"])
@pytest.mark.parametrize("thief", [None, WEB, OTHER, SPA], ids=["no client", "web", "other", "spa"])
def test_a_refresh_token_is_for_the_client_it_was_issued_to(
    owner: tuple[str, str] | None, thief: tuple[str, str] | None
) -> None:
    app = endpoint()
    token = said(post(app, password(), *([owner] if owner else [])))["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = post(app, form, *([thief] if thief else []))
    if owner == thief:
        assert answer.status == 200
        return
    assert (answer.status, said(answer)["error"]) == (400, "invalid_grant")
    assert post(app, form, *([owner] if owner else [])).status == 200  # and is not used up by another's attempt


def test_an_access_token_is_no_refresh_token() -> None:
    app = endpoint()
    access = said(post(app, password()))["access_token"]
    answer = post(app, {"grant_type": "refresh_token", "refresh_token": access})
    assert (answer.status, said(answer)["error"]) == (400, "invalid_grant")


def test_a_refresh_token_is_no_access_token() -> None:
    tokens = issuer()
    refresh = said(post(endpoint(tokens), password()))["refresh_token"]
    with pytest.raises(InvalidToken):
        tokens.verifier().verify(refresh)


def test_a_refresh_token_that_is_used_twice_ends_the_session(caplog: pytest.LogCaptureFixture) -> None:
    app = endpoint(issuer(refresh_grace=0))
    form = {"grant_type": "refresh_token", "refresh_token": said(post(app, password()))["refresh_token"]}
    second = said(post(app, form))["refresh_token"]
    assert said(post(app, form))["error"] == "invalid_grant"
    assert said(post(app, {**form, "refresh_token": second}))["error"] == "invalid_grant"
    assert [event.reason for event in warnings(caplog)] == ["reused", "reused", "revoked"]


def test_a_subject_that_is_gone_gets_nothing() -> None:
    known: dict[str, list[str] | None] = {"user-1": ["orders:read"]}
    app = endpoint(issuer(subject_scopes=known.get))
    form = {"grant_type": "refresh_token", "refresh_token": said(post(app, password()))["refresh_token"]}
    less = said(post(app, form))
    assert less["scope"] == "orders:read"
    known["user-1"] = None
    assert said(post(app, {**form, "refresh_token": less["refresh_token"]}))["error"] == "invalid_grant"


def test_a_session_that_is_over() -> None:
    now = [1000.0]
    app = endpoint(issuer(clock=lambda: now[0], refresh_ttl=60))
    form = {"grant_type": "refresh_token", "refresh_token": said(post(app, password()))["refresh_token"]}
    now[0] += 61
    assert said(post(app, form))["error"] == "invalid_grant"


@pytest.mark.parametrize("over", ["Bearer x.y.z", "bearer undefined", "Bearer"])
def test_a_token_that_is_sent_along_is_not_looked_at(over: str) -> None:
    app = endpoint()
    first = post(app, password(client_id="spa"), ("authorization", over))
    assert first.status == 200
    form = {"grant_type": "refresh_token", "refresh_token": said(first)["refresh_token"], "client_id": "spa"}
    assert post(app, form, ("authorization", over)).status == 200


# The throttle


class Throttle:
    """Notes what it is told; holds back where it is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.told: list[tuple[str, str, str | None]] = []
        self.error = error

    async def check(self, account: str, client: str | None) -> None:
        self.told.append(("check", account, client))
        if self.error is not None:
            raise self.error

    async def failed(self, account: str, client: str | None) -> None:
        self.told.append(("failed", account, client))

    async def succeeded(self, account: str, client: str | None) -> None:
        self.told.append(("succeeded", account, client))


def refusing_login(username: str, password: str) -> Known | None:
    raise Unauthenticated("This account is locked.", reason="locked")


async def busy_login(username: str, password: str) -> Known | None:
    raise Overloaded


@pytest.mark.parametrize(
    ("form", "look_up", "steps"),
    [
        pytest.param(password(), login, ["check", "succeeded"], id="right"),
        pytest.param(password(given="x"), login, ["check", "failed"], id="wrong"),
        pytest.param(password(scope="admin"), login, ["check", "succeeded"], id="right, and a scope that is not"),
        pytest.param(password(), refusing_login, ["check", "failed"], id="refused by the login"),
        pytest.param(password(), busy_login, ["check"], id="not judged"),
    ],
)
def test_the_throttle_is_told(form: dict[str, str], look_up: Any, steps: list[str]) -> None:
    throttle = Throttle()
    post(endpoint(login=look_up, throttle=throttle), form)
    assert throttle.told == [(step, "ada", "192.0.2.7") for step in steps]


@pytest.mark.parametrize(("found", "steps"), [(False, ["check", "failed"]), (True, ["check"]), ("user-1", ["check"])])
def test_the_throttle_is_told_of_no_success_of_nobody(found: Any, steps: list[str]) -> None:
    throttle = Throttle()
    answer = post(endpoint(login=lambda username, password: found, throttle=throttle), password())
    assert [step for step, _, _ in throttle.told] == steps
    assert answer.status == (0 if found else 400)
    assert found is False or isinstance(answer.error, TypeError)


@pytest.mark.parametrize("client", [("unix", None), None], ids=["socket", "unknown"])
def test_the_throttle_is_told_where_from(client: Any) -> None:
    throttle = Throttle()
    post(endpoint(throttle=throttle), password(), client=client)
    assert throttle.told[0] == ("check", "ada", client and "unix")


def test_who_is_held_back_is_not_looked_up(caplog: pytest.LogCaptureFixture) -> None:
    looked_up: list[str] = []
    throttle = Throttle(RateLimitExceeded(reason="account", headers={"Retry-After": "30"}))

    def look_up(username: str, password: str) -> Known | None:
        looked_up.append(username)
        return ADA

    answer = post(endpoint(login=look_up, throttle=throttle), password())
    assert answer.status == 429
    assert answer.values("retry-after") == ["30"]
    assert said(answer) == {"error": "temporarily_unavailable", "error_description": "Too many requests."}
    assert looked_up == []
    assert [event.name for event in events(caplog)] == ["excess_rate_limit_exceeded"]


# What the application raises


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a pass"])
@pytest.mark.parametrize(
    ("look_up", "status", "error", "text"),
    [
        pytest.param(refusing_login, 400, "invalid_grant", "This account is locked.", id="refused"),
        pytest.param(busy_login, 503, "temporarily_unavailable", None, id="busy"),
    ],
)
def test_a_login_that_refuses(look_up: Any, status: int, error: str, text: str | None, wrapped: bool) -> None:
    app: App = endpoint(login=look_up)
    answer = post(SecurityMiddleware(app, RequestID()) if wrapped else app, password())
    assert (answer.status, said(answer)["error"]) == (status, error)
    assert text is None or said(answer)["error_description"] == text
    assert answer.values("retry-after") == (["1"] if status == 503 else [])


def broken_login(username: str, password: str) -> Known | None:
    raise RuntimeError(password)


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a pass"])
@pytest.mark.parametrize(
    ("options", "form"),
    [
        pytest.param({"login": broken_login}, password(), id="login"),
        pytest.param({"clients": broken_login}, MACHINE, id="clients"),
        pytest.param({"allowed_scopes": lambda user: 1 / 0}, password(), id="scopes"),
        pytest.param({"login": lambda username, password: True}, password(), id="a login that returns no user"),
    ],
)
def test_what_breaks_is_a_500_without_a_word(options: dict[str, Any], form: dict[str, str], wrapped: bool) -> None:
    app: App = endpoint(**options)
    answer = post(SecurityMiddleware(app, RequestID()) if wrapped else app, form, WEB)
    assert answer.error is not None  # for the server's log
    assert answer.status == (500 if wrapped else 0)
    assert b"horse" not in answer.body


# Events


def test_successes_are_told(caplog: pytest.LogCaptureFixture) -> None:
    app = SecurityMiddleware(endpoint(), RequestID())
    watched(caplog)
    first = said(post(app, password(), WEB))
    post(app, {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}, WEB)
    post(app, MACHINE, WEB)
    found = [event for event in events(caplog) if event.policy == "TokenEndpoint"]
    assert [(event.name, event.reason, event.principal, event.client) for event in found] == [
        ("authn_login_success", "password", "user-1", "192.0.2.7"),
        ("session_renewed", "refresh_token", "user-1", "192.0.2.7"),
        ("authn_login_success", "client_credentials", "client-web", "192.0.2.7"),
    ]
    assert all(event.level == logging.INFO and event.request_id and event.path == "/token" for event in found)


def test_no_secret_is_told(caplog: pytest.LogCaptureFixture) -> None:
    watched(caplog)
    app = SecurityMiddleware(endpoint(), RequestID())
    first = said(post(app, password(), WEB))
    post(app, password(given="a-wrong-secret"), basic("web:a-wrong-secret"))
    post(app, {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]})
    post(app, {"grant_type": "password", "username": "a-wrong-secret", "password": "a-wrong-secret"})
    post(app, MACHINE, query_string=b"client_secret=a-wrong-secret")
    log = caplog.text + "".join(map(repr, events(caplog)))
    secrets = ["correct horse", "s3cret", "a-wrong-secret", first["refresh_token"], first["access_token"]]
    assert [secret for secret in secrets if secret in log] == []


# For an endpoint of one's own


def test_log_in() -> None:
    tokens = issuer()
    app = endpoint(tokens)
    scope: Any = {"type": "http", "method": "POST", "path": "/login", "headers": [], "client": ("192.0.2.9", 1)}

    async def run() -> None:
        pair = await app.log_in(scope, "ada", "correct horse", ["orders:read"], client_id="spa")
        claims = tokens.verifier().verify(pair.access_token)
        assert (claims.subject, claims.client_id, *claims.scopes) == ("user-1", "spa", "orders:read")
        with pytest.raises(Exception, match="The username or the password is not right"):
            await app.log_in(scope, "ada", "wrong")
        with pytest.raises(Exception, match="This grant type is not supported"):
            await endpoint(tokens, login=None).log_in(scope, "ada", "correct horse")

    anyio.run(run)


# Stores that are down


@pytest.mark.parametrize(
    ("form", "headers"),
    [
        pytest.param(password(), [], id="password"),
        pytest.param({"grant_type": "refresh_token", "refresh_token": "A" * 107}, [], id="refresh"),
    ],
)
def test_a_store_that_is_down_is_a_503(
    form: dict[str, str], headers: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = issuer()

    async def down(*_: object) -> None:
        raise StoreUnavailable

    (store,) = tokens.closes
    for name in ("add_family", "find_family"):
        monkeypatch.setattr(store, name, down)
    answer = post(endpoint(tokens), form, *headers)
    assert answer.status == 503
    assert answer.values("retry-after") == ["1"]
    assert said(answer)["error"] == "temporarily_unavailable"


# Options


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"login": "ada"}, r"TokenEndpoint\(login=\) got 'ada': write a function of username and password"),
        ({"clients": {}}, r"TokenEndpoint\(clients=\) got {}: write a function of a client's id and secret"),
        ({"allowed_scopes": []}, r"TokenEndpoint\(allowed_scopes=\) got \[\]: write a function of what login= returns"),
        ({"throttle": "redis://:hush@host"}, r"TokenEndpoint\(throttle=\) got \(hidden\): write a LoginThrottle"),
        ({"throttle": object()}, r"TokenEndpoint\(throttle=\) got <object.*>: write a LoginThrottle"),
        ({"login": None, "throttle": Throttle()}, r"TokenEndpoint\(login=\) got None: allowed_scopes= and throttle="),
        ({"login": None, "allowed_scopes": list}, r"TokenEndpoint\(login=\) got None: allowed_scopes= and throttle="),
    ],
)
def test_options(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}"):
        endpoint(**options)


@pytest.mark.parametrize("tokens", [None, "https://id.example.com", issuer().verifier()])
def test_an_issuer_that_is_none(tokens: Any) -> None:
    with pytest.raises(ConfigError, match=r"^TokenEndpoint\(issuer=\) got .*: write a TokenIssuer"):
        TokenEndpoint(tokens, login=login, clients=clients)


def test_it_closes_what_the_issuer_uses() -> None:
    tokens = issuer()
    assert endpoint(tokens).closes == tokens.closes
