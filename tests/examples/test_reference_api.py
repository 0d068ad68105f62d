"""The reference API, walked through by each kind of caller: every route, on SQLite and on PostgreSQL."""

import re
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from starlette.testclient import WebSocketDenialResponse

from asgisec.integrations.fastapi.routes import operations
from examples.reference_api.tables import User
from tests.examples.shop import Shop, database, opened

CALLERS = ("anonymous", "viewer", "editor", "admin", "warehouse")
# What is presented, and is not good, is refused wherever credentials are looked at.
BAD = ("expired", "disabled")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shop(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    with database(request.param, tmp_path_factory.mktemp("shop")) as url, opened(url) as shop:
        yield shop


PRODUCT = {"name": "Cup", "description": "Holds tea.", "price_cents": 500, "stock": 3}

# What each of CALLERS gets, in that order. `{product}` and its like are made anew for each of them.
ROUTES: list[tuple[str, str, Any, str]] = [
    ("GET", "/health", None, "200 200 200 200 200"),
    ("GET", "/brochures/prices.json", None, "200 200 200 200 200"),
    ("GET", "/me", None, "401 200 200 200 200"),
    # An API key sees and ends no session of its owner.
    ("GET", "/me/sessions", None, "401 200 200 200 403"),
    ("DELETE", "/me/sessions/unknown", None, "401 404 404 404 403"),
    ("POST", "/me/password", {"old": "x", "new": "x"}, "401 403 403 403 403"),
    ("GET", "/users", None, "401 403 200 200 403"),
    ("GET", "/users/{user}", None, "401 403 200 200 403"),
    (
        "POST",
        "/users",
        {"username": "{name}", "email": "a@example.com", "password": "a quite long one"},
        "401 403 403 201 403",
    ),
    ("PATCH", "/users/{user}", {"email": "b@example.com"}, "401 403 403 200 403"),
    ("GET", "/products", None, "401 200 200 200 200"),
    ("GET", "/products/{product}", None, "401 200 200 200 200"),
    ("POST", "/products", PRODUCT, "401 403 201 201 403"),
    ("PUT", "/products/{product}", PRODUCT, "401 403 200 200 403"),
    ("DELETE", "/products/{product}", None, "401 403 204 204 403"),
    ("GET", "/products/{product}/comments", None, "401 200 200 200 200"),
    ("POST", "/products/{product}/comments", {"body": "<b>Good</b>"}, "401 201 201 201 403"),
    ("DELETE", "/products/1/comments/{comment}", None, "401 204 403 204 403"),
    ("GET", "/orders", None, "401 200 200 200 200"),
    ("GET", "/orders/export", None, "401 200 200 200 200"),
    # Vera's, who is the viewer; another's is not found, but for admins.
    ("GET", "/orders/{order}", None, "401 200 404 200 404"),
    ("GET", "/orders/{foreign_order}", None, "401 404 404 200 404"),
    ("POST", "/orders", {"product_id": 1, "quantity": 1}, "401 201 201 201 403"),
    ("DELETE", "/orders/{order}", None, "401 204 404 204 403"),
    ("DELETE", "/orders/{foreign_order}", None, "401 404 404 204 403"),
    ("GET", "/files/manuals/kettle.txt", None, "401 200 200 200 200"),
    ("PUT", "/admin/users/{user}/role", {"role": "editor"}, "401 403 403 200 403"),
    ("PUT", "/admin/users/{user}/active", {"active": False}, "401 403 403 200 403"),
    ("GET", "/admin/users/{user}/keys", None, "401 403 403 200 403"),
    ("POST", "/admin/keys", {"owner_id": "{user}", "name": "k", "scopes": ["orders:read"]}, "401 403 403 201 403"),
    ("POST", "/admin/keys/unknown/rotate", None, "401 403 403 404 403"),
    ("POST", "/admin/keys/unknown/disable", None, "401 403 403 404 403"),
    ("POST", "/auth/token", None, "400 400 400 400 400"),
    ("POST", "/auth/login", {}, "400 400 400 400 400"),
    ("POST", "/auth/refresh", {}, "400 400 400 400 400"),
    ("POST", "/auth/logout", {"token": "unknown"}, "200 200 200 200 200"),
]


def filled(shop: Shop, value: Any) -> Any:
    """Put new things in the place of their names."""
    if isinstance(value, dict):
        return {name: filled(shop, member) for name, member in value.items()}
    if value == "{name}":
        return f"n{uuid.uuid4().hex[:12]}"
    if isinstance(value, str) and (found := re.search(r"\{(\w+)\}", value)):
        made = shop.add(found[1])
        return made if value == found[0] else value.replace(found[0], str(made))
    return value


@pytest.mark.parametrize(("method", "path", "body", "statuses"), ROUTES, ids=[f"{m} {p}" for m, p, _, _ in ROUTES])
def test_each_caller_at_each_route(shop: Shop, method: str, path: str, body: Any, statuses: str) -> None:
    got = [shop.ask(caller, method, filled(shop, path), filled(shop, body)) for caller in CALLERS]
    assert " ".join(str(answer.status_code) for answer in got) == statuses
    for answer in got:
        assert len(answer.headers.get_list("x-request-id")) == 1
        if answer.status_code == 401:
            assert answer.headers["www-authenticate"] == 'Bearer, APIKey header="X-API-Key"'
        assert answer.status_code != 403 or "detail" in answer.json()
    looked_at = not path.startswith(("/auth/", "/health"))
    for caller in BAD:
        answer = shop.ask(caller, method, filled(shop, path), filled(shop, body))
        assert (answer.status_code == 401) is looked_at
    # A key that is good, of a user who is disabled: refused wherever somebody has to be known.
    dora = shop.ask("of-dora", method, filled(shop, path), filled(shop, body))
    assert (dora.status_code in (401, 403)) is (looked_at and not path.startswith("/brochures"))


def test_there_is_no_other_route(shop: Shop) -> None:
    def shape(path: str) -> str:
        return re.sub(
            r"\{[^}]*\}|unknown|/1/|manuals/kettle.txt", lambda found: "/*/" if found[0] == "/1/" else "*", path
        )

    walked = {(method, shape(path)) for method, path, _, _ in ROUTES}
    there = {
        (method.upper(), shape(operation.path)) for operation in operations(shop.app) for method in operation.methods
    }
    assert there - {("GET", "/demo/fails")} == walked - {("GET", "/brochures/prices.json")}


@pytest.mark.parametrize(
    ("name", "scopes"),
    [
        ("vera", "orders:* products:comment products:read"),
        ("eddie", "orders:* products:* users:read"),
        ("ada", "admin orders:* products:* users:*"),
    ],
)
def test_roles_are_worth_their_scopes(shop: Shop, name: str, scopes: str) -> None:
    assert shop.pair(name)["scope"] == scopes


def test_scopes_that_were_asked_for_are_all_that_is_granted(shop: Shop) -> None:
    headers = shop.bearer("ada", scope="products:read users:write nothing")
    assert shop.client.get("/me", headers=headers).json()["scopes"] == ["products:read", "users:write"]
    assert shop.client.get("/products", headers=headers).status_code == 200
    refused = shop.client.get("/users", headers=headers)
    assert refused.status_code == 403
    assert 'error="insufficient_scope"' in refused.headers["www-authenticate"]
    assert 'scope="users:read"' in refused.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("vera", "wrong"),
        ("nobody", "wrong"),
        ("dora", "dora is not here now"),
        ("' OR 1=1 --", "x"),
        ("vera", "x" * 5000),
    ],
    ids=["wrong password", "unknown", "disabled", "SQL", "long"],
)
def test_who_cannot_log_in(shop: Shop, name: str, password: str) -> None:
    answer = shop.log_in(name, password)
    assert answer.status_code in (400, 413)
    assert answer.json()["error"] in ("invalid_grant", "invalid_request")


def test_guessing_is_slowed_down(shop: Shop) -> None:
    name = f"n{uuid.uuid4().hex[:12]}"
    answers = [shop.log_in(name, "wrong") for _ in range(9)]
    statuses = [answer.status_code for answer in answers]
    # Of the others some may come late enough, where the machine is busy.
    assert (statuses[:5], statuses[-1]) == ([400] * 5, 429)
    assert int(answers[-1].headers["retry-after"]) >= 1


def test_a_refresh_token_is_good_once(shop: Shop) -> None:
    first = shop.pair("vera")
    second = shop.client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]}).json()
    headers = {"Authorization": f"Bearer {second['access_token']}"}
    assert shop.client.get("/me", headers=headers).status_code == 200
    reused = shop.client.post("/auth/refresh", json={"refresh_token": first["refresh_token"]})
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    # Somebody has a copy: the session is over, for the thief and for the owner.
    assert shop.client.get("/me", headers=headers).status_code == 401
    assert shop.client.post("/auth/refresh", json={"refresh_token": second["refresh_token"]}).status_code == 400


def test_a_logout_ends_the_session(shop: Shop) -> None:
    pair = shop.pair("vera")
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    (own,) = [known["id"] for known in shop.client.get("/me/sessions", headers=headers).json()][-1:]
    assert shop.client.post("/auth/logout", json={"refresh_token": pair["refresh_token"]}).status_code == 200
    assert shop.client.get("/me", headers=headers).status_code == 401
    assert own not in str(shop.ask("viewer", "GET", "/me/sessions").json())


def test_a_session_is_ended_by_its_owner_alone(shop: Shop) -> None:
    pair = shop.pair("vera")
    number = shop.client.get("/me/sessions", headers={"Authorization": f"Bearer {pair['access_token']}"}).json()[-1][
        "id"
    ]
    assert shop.ask("editor", "DELETE", f"/me/sessions/{number}").status_code == 404
    assert shop.ask("viewer", "DELETE", f"/me/sessions/{number}").status_code == 204
    assert shop.client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 400


def newcomer(shop: Shop, password: str = "a quite long one") -> tuple[str, int]:  # noqa: S107
    name = f"n{uuid.uuid4().hex[:12]}"
    given = {"username": name, "email": f"{name}@example.com", "password": password}
    answer = shop.ask("admin", "POST", "/users", given)
    assert answer.status_code == 201, answer.text
    assert "password" not in answer.text
    return name, answer.json()["id"]


def test_a_role_that_is_taken_away_is_gone_at_once(shop: Shop) -> None:
    name, number = newcomer(shop)
    assert shop.ask("admin", "PUT", f"/admin/users/{number}/role", {"role": "editor"}).status_code == 200
    pair = shop.log_in(name, "a quite long one").json()
    assert "products:*" in pair["scope"]
    made = {"owner_id": number, "name": "k", "scopes": ["products:write"]}
    key = shop.ask("admin", "POST", "/admin/keys", made).json()["key"]
    kept = shop.ask("admin", "POST", "/admin/keys", {**made, "scopes": ["products:read"]}).json()["key"]
    assert shop.ask("admin", "PUT", f"/admin/users/{number}/role", {"role": "viewer"}).status_code == 200
    for headers in ({"Authorization": f"Bearer {pair['access_token']}"}, {"X-API-Key": key}):
        assert shop.client.post("/products", headers=headers, json=PRODUCT).status_code == 401
    assert shop.client.get("/products", headers={"X-API-Key": kept}).status_code == 200
    assert shop.log_in(name, "a quite long one").json()["scope"] == "orders:* products:comment products:read"


def demote(shop: Shop, number: int) -> None:
    """Make a user a viewer in the database alone: nobody tells who issued their credentials."""

    async def run() -> None:
        async with shop.app.state.sessions.begin() as session:
            (await session.get_one(User, number)).role = "viewer"

    assert shop.client.portal is not None
    shop.client.portal.call(run)


def test_a_credential_that_allows_more_than_its_owner_may_by_now_is_none(shop: Shop) -> None:
    """Who logs in, or is given a key, while their role is taken away, has a credential that nobody revoked."""
    name, number = newcomer(shop)
    shop.ask("admin", "PUT", f"/admin/users/{number}/role", {"role": "editor"})
    token = shop.log_in(name, "a quite long one").json()["access_token"]
    made = {"owner_id": number, "name": "k", "scopes": ["products:write"]}
    key = shop.ask("admin", "POST", "/admin/keys", made).json()["key"]
    demote(shop, number)
    for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": key}):
        assert shop.client.post("/products", headers=headers, json=PRODUCT).status_code == 401


def test_scopes_are_asked_again_at_a_refresh(shop: Shop) -> None:
    name, number = newcomer(shop)
    shop.ask("admin", "PUT", f"/admin/users/{number}/role", {"role": "editor"})
    pair = shop.log_in(name, "a quite long one").json()
    demote(shop, number)
    assert shop.client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).json()["scope"] == (
        "orders:* products:comment products:read"
    )


def test_who_is_disabled_is_out(shop: Shop) -> None:
    name, number = newcomer(shop)
    pair = shop.log_in(name, "a quite long one").json()
    key = shop.ask("admin", "POST", "/admin/keys", {"owner_id": number, "name": "k", "scopes": ["products:read"]})
    assert shop.ask("admin", "PUT", f"/admin/users/{number}/active", {"active": False}).status_code == 200
    headers = {"Authorization": f"Bearer {pair['access_token']}"}
    assert shop.client.get("/me", headers=headers).status_code == 401
    assert shop.client.get("/me", headers={"X-API-Key": key.json()["key"]}).status_code == 401
    assert shop.client.post("/auth/refresh", json={"refresh_token": pair["refresh_token"]}).status_code == 400
    assert shop.log_in(name, "a quite long one").status_code == 400
    assert shop.ask("admin", "PUT", f"/admin/users/{number}/active", {"active": True}).status_code == 200
    assert shop.log_in(name, "a quite long one").status_code == 200


def test_a_password_is_changed(shop: Shop) -> None:
    name, _ = newcomer(shop)
    headers = {"Authorization": f"Bearer {shop.log_in(name, 'a quite long one').json()['access_token']}"}

    def change(old: str, new: str) -> int:
        answer = shop.client.post("/me/password", headers=headers, json={"old": old, "new": new})
        assert old not in answer.text
        return answer.status_code

    assert change("wrong", "another that is long") == 403
    assert change("a quite long one", "short") == 422
    assert change("a quite long one", "another that is long") == 204
    assert shop.client.get("/me", headers=headers).status_code == 401
    assert shop.log_in(name, "a quite long one").status_code == 400
    assert shop.log_in(name, "another that is long").status_code == 200


def test_an_api_key_is_counted_rotated_and_disabled(shop: Shop) -> None:
    number = shop.demo.users["otto"]
    made = {"owner_id": number, "name": "robot", "scopes": ["products:read"], "expires_in": 3600}
    first = shop.ask("admin", "POST", "/admin/keys", made).json()
    for _ in range(3):
        assert shop.client.get("/products", headers={"X-API-Key": first["key"]}).status_code == 200
    (known,) = [
        key for key in shop.ask("admin", "GET", f"/admin/users/{number}/keys").json() if key["id"] == first["id"]
    ]
    assert "key" not in known
    assert (known["request_count"], known["last_four"]) == (3, first["key"][-4:])
    assert known["created_at"] <= known["last_used_at"] < known["expires_at"]
    second = shop.ask("admin", "POST", f"/admin/keys/{first['id']}/rotate").json()["key"]
    # Both, for a day.
    for key in (first["key"], second):
        assert shop.client.get("/products", headers={"X-API-Key": key}).status_code == 200
    assert shop.ask("admin", "POST", f"/admin/keys/{first['id']}/disable").json()["active"] is False
    for key in (first["key"], second):
        assert shop.client.get("/products", headers={"X-API-Key": key}).status_code == 401


REFUSED = [
    pytest.param(
        "POST", "/users", {"username": "n", "email": "a@example.com", "password": "a quite long one"}, id="name"
    ),
    pytest.param("POST", "/users", {"username": "newly", "email": "no", "password": "a quite long one"}, id="address"),
    pytest.param("POST", "/users", {"username": "newly", "email": "a@example.com", "password": "short"}, id="password"),
    pytest.param(
        "POST",
        "/users",
        {"username": "newly", "email": "a@example.com", "password": "a quite long one", "role": "admin"},
        id="a role of one's own",
    ),
    pytest.param("PATCH", "/users/1", {"email": "a@example.com", "active": True}, id="a field too many"),
    pytest.param("POST", "/orders", {"product_id": 1, "quantity": "1"}, id="a number as text"),
    pytest.param("POST", "/orders", {"product_id": 1, "quantity": -1}, id="a negative order"),
    pytest.param("POST", "/orders", {"product_id": 1, "quantity": 1, "total_cents": 1}, id="a price of one's own"),
    pytest.param("POST", "/orders", {"product_id": 1, "quantity": True}, id="true is no number"),
    pytest.param("GET", "/orders/99999999999999999999", None, id="a number that no column holds"),
    pytest.param("GET", "/users?order=password_hash", None, id="sorted by a secret"),
    pytest.param("GET", "/products?order=(select 1)", None, id="sorted by SQL"),
    pytest.param("GET", "/products?q=%00", None, id="NUL"),
    pytest.param("PUT", "/admin/users/1/role", {"role": "god"}, id="a role that there is not"),
    pytest.param("POST", "/admin/keys", {"owner_id": 3, "name": "k", "scopes": ["admin"]}, id="more than its owner"),
    pytest.param("POST", "/admin/keys", {"owner_id": 3, "name": "k", "scopes": []}, id="a key for nothing"),
]


@pytest.mark.parametrize(("method", "path", "body"), REFUSED)
def test_what_is_not_taken(shop: Shop, method: str, path: str, body: Any) -> None:
    assert shop.ask("admin", method, path, body).status_code == 422


MISSING = [
    "/users/999999",
    "/products/999999",
    "/orders/999999",
    "/products/999999/comments",
    "/admin/users/999999/keys",
]


@pytest.mark.parametrize("path", MISSING)
def test_what_is_not_there(shop: Shop, path: str) -> None:
    assert shop.ask("admin", "GET", path).status_code == 404


def test_a_name_is_taken_once(shop: Shop) -> None:
    name, _ = newcomer(shop)
    given = {"username": name, "email": "a@example.com", "password": "a quite long one"}
    assert shop.ask("admin", "POST", "/users", given).status_code == 409


def test_who_changes_users_does_not_become_an_admin(shop: Shop) -> None:
    headers = shop.bearer("ada", scope="users:write")
    change = {"email": "mine@example.com"}
    assert shop.client.patch(f"/users/{shop.demo.users['ada']}", headers=headers, json=change).status_code == 403
    assert shop.client.patch(f"/users/{shop.demo.users['otto']}", headers=headers, json=change).status_code == 200


def test_a_comment_is_sanitised(shop: Shop) -> None:
    attack = '<img src=x onerror="alert(1)"><script>alert(2)</script><b>Good</b> <a href="javascript:x">it</a>'
    written = shop.ask("viewer", "POST", "/products/1/comments", {"body": attack})
    assert written.status_code == 201
    shown = shop.ask("viewer", "GET", "/products/1/comments").json()[-1]["body"]
    assert "<b>Good</b>" in shown
    for word in ("script", "onerror", "alert"):
        assert word not in shown
    # Of another product it is not.
    number = written.json()["id"]
    assert shop.ask("viewer", "DELETE", f"/products/2/comments/{number}").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("..%2f..%2f..%2fmain.py", 400),
        ("%2e%2e/public/prices.json", 400),
        ("%2fetc%2fpasswd", 400),
        ("manuals%2f..%2f..%2fpublic%2fprices.json", 400),
        ("kettle.txt%00.png", 400),
        ("manuals", 404),
        ("manuals/nothing.txt", 404),
    ],
)
def test_files_lead_nowhere_else(shop: Shop, path: str, status: int) -> None:
    answer = shop.ask("viewer", "GET", f"/files/{path}")
    assert answer.status_code == status
    assert "reference" not in answer.text


def test_two_who_want_the_last_one(shop: Shop) -> None:
    number = shop.ask("editor", "POST", "/products", {**PRODUCT, "stock": 1}).json()["id"]
    want = {"product_id": number, "quantity": 1}
    assert [shop.ask("viewer", "POST", "/orders", want).status_code for _ in range(2)] == [201, 409]
    assert shop.ask("editor", "DELETE", f"/products/{number}").status_code == 409


def test_an_order_that_is_cancelled_by_many_at_once_comes_back_once(shop: Shop) -> None:
    number = shop.ask("editor", "POST", "/products", {**PRODUCT, "stock": 9}).json()["id"]
    order = shop.ask("viewer", "POST", "/orders", {"product_id": number, "quantity": 4}).json()["id"]
    with ThreadPoolExecutor(6) as threads:
        asked = [threads.submit(shop.ask, "viewer", "DELETE", f"/orders/{order}") for _ in range(6)]
        assert sorted(answer.result().status_code for answer in asked) == [204, *[404] * 5]
    assert shop.ask("viewer", "GET", f"/products/{number}").json()["stock"] == 9


def test_the_largest_order(shop: Shop) -> None:
    costly = {**PRODUCT, "price_cents": 100_000_000, "stock": 1000}
    number = shop.ask("editor", "POST", "/products", costly).json()["id"]
    answer = shop.ask("viewer", "POST", "/orders", {"product_id": number, "quantity": 1000})
    assert (answer.status_code, answer.json()["total_cents"]) == (201, 100_000_000_000)


def test_exports_are_few(shop: Shop) -> None:
    headers = shop.bearer("otto")
    answers = [shop.client.get("/orders/export", headers=headers) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 120


def test_pages_of_other_origins_are_kept_out(shop: Shop) -> None:
    asked = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}
    allowed = shop.client.options("/orders/1", headers={"Origin": "https://app.example.com", **asked})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "https://app.example.com")
    refused = shop.client.options("/orders/1", headers={"Origin": "https://evil.example", **asked})
    assert (refused.status_code, "access-control-allow-origin" in refused.headers) == (400, False)


def test_a_websocket(shop: Shop) -> None:
    token = shop.caller("viewer")["Authorization"].removeprefix("Bearer ")
    # Pages cannot set headers: the token stands among the subprotocols, never in the URL.
    with shop.client.websocket_connect("/live", subprotocols=["bearer", token]) as socket:
        assert socket.accepted_subprotocol == "bearer"
        assert socket.receive_json()["user"] == "vera"
    with shop.client.websocket_connect("/live", headers=shop.caller("warehouse")) as socket:
        assert socket.receive_json()["user"] == "eddie"
    for headers, status in (
        ({}, 401),
        (shop.caller("expired"), 401),
        (shop.caller("of-dora"), 403),
        (shop.bearer("vera", scope="products:read"), 403),
        ({**shop.caller("viewer"), "Origin": "https://evil.example"}, 403),
    ):
        with (
            pytest.raises(WebSocketDenialResponse) as refused,
            shop.client.websocket_connect("/live", headers=headers),
        ):
            pass
        assert refused.value.status_code == status


def test_an_exception_tells_nothing(shop: Shop) -> None:
    with pytest.raises(RuntimeError, match="hunter2"):
        shop.client.get("/demo/fails")


def test_the_document_shows_it_all(shop: Shop) -> None:
    found = shop.client.get("/openapi.json").json()
    assert {*found["components"]["securitySchemes"]} == {"OAuth2PasswordBearer", "APIKeyHeader"}
    assert found["paths"]["/users"]["post"]["security"][0] == {"OAuth2PasswordBearer": ["users:write"]}
    assert found["paths"]["/admin/keys"]["post"]["security"][0] == {"OAuth2PasswordBearer": ["admin"]}
    assert {"401", "403", "429"} <= found["paths"]["/orders/export"]["get"]["responses"].keys()
