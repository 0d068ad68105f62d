"""The tour of the reference API: who is who, who may what, and what is refused.

A part that is added to the library adds its steps here: each is a request, the answer that it must get, and a sentence.
"""

import json
from urllib.parse import urlencode

from examples.demo.steps import Expected, Request, Step
from examples.reference_api.demo import USERS

__all__ = ["TOUR"]

ID = r"[0-9a-f]{32}"
APP = "https://app.example.com"
EVIL = "https://evil.example"
PROBLEM: dict[str, str | None] = {"Content-Type": "application/problem\\+json"}
PASSWORDS = {name: password for name, _, password in USERS}
NONE = (
    "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.eyJzdWIiOiIxIiwic2NvcGUiOiJhZG1pbiJ9."  # {"alg":"none"}: subject 1, admin
)


def _get(path: str, *headers: tuple[str, str]) -> Request:
    return Request("GET", path, headers)


def _as(token: str, method: str, path: str, body: object = None) -> Request:
    headers = (("Authorization", f"Bearer {{{token}}}"),)
    if body is None:
        return Request(method, path, headers)
    return Request(method, path, (*headers, ("Content-Type", "application/json")), json.dumps(body))


def _key(name: str, method: str, path: str, body: object = None) -> Request:
    headers = (("X-API-Key", f"{{{name}}}"),)
    if body is None:
        return Request(method, path, headers)
    return Request(method, path, (*headers, ("Content-Type", "application/json")), json.dumps(body))


def _form(path: str, **fields: str) -> Request:
    # The name of something kept keeps its braces.
    return Request("POST", path, (("Content-Type", "application/x-www-form-urlencoded"),), urlencode(fields, safe="{}"))


def _login(name: str, **more: str) -> Request:
    return _form("/auth/token", grant_type="password", username=name, password=PASSWORDS[name], **more)


def _json(path: str, **members: str) -> Request:
    return Request("POST", path, (("Content-Type", "application/json"),), json.dumps(members))


def _preflight(method: str, origin: str) -> Request:
    asked = (("Origin", origin), ("Access-Control-Request-Method", method))
    return Request("OPTIONS", "/orders", asked)


def _websocket(*headers: tuple[str, str]) -> Request:
    return Request("GET", "/live", headers, websocket=True)


HEADERS: dict[str, str | None] = {
    "X-Request-ID": ID,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "RateLimit": ".+",
    "Server": None,
}

EVERY_ANSWER = (
    Step(
        "An ordinary request",
        _get("/health"),
        Expected(200, HEADERS, body='"ok"'),
        "Every answer has an id and the security headers, once each. No Server header tells what runs here.",
    ),
    Step(
        "An id that forges a log line",
        _get("/health", ("X-Request-ID", "1 INFO user=admin logged in")),
        Expected(200, {"X-Request-ID": ID}, unsaid="admin"),
        "An id is 1 to 128 of A-Za-z0-9._~+/=:@-. Any other is dropped and never repeated, in header or log.",
    ),
    Step(
        "A foreign Host",
        _get("/health", ("Host", "evil.example")),
        Expected(400, {"X-Request-ID": ID, "X-Frame-Options": "DENY"}, body="Invalid host header", unsaid="evil"),
        "Links and caches cannot be poisoned with a host that is not served. The refusal has its headers, too.",
    ),
    Step(
        "Two Host headers",
        _get("/health", ("Host", "127.0.0.1"), ("Host", "evil.example")),
        Expected(400, PROBLEM, body="may come once only"),
        "A proxy may believe the one and the application the other: so neither is believed.",
    ),
    Step(
        "An exception in the application",
        _get("/demo/fails", ("Origin", APP)),
        Expected(
            500,
            {"X-Request-ID": ID, "Access-Control-Allow-Origin": APP, "X-Frame-Options": "DENY"},
            unsaid="hunter2|database|Traceback|RuntimeError",
            log="request id: {id}",
        ),
        "Not a word of it gets out. The page may read the 500, and its id finds the traceback in the server's log.",
    ),
)

LOGIN = (
    Step(
        "Nobody",
        _get("/products"),
        Expected(401, {"WWW-Authenticate": 'Bearer, APIKey header="X-API-Key"'}, body="Authentication is required"),
        "The challenge names both ways in, and no error: nothing was presented (RFC 6750).",
    ),
    Step(
        "A wrong password",
        _form("/auth/token", grant_type="password", username="vera", password="guess"),  # noqa: S106 - wrong
        Expected(400, {"Cache-Control": "no-store"}, body="invalid_grant"),
        "The same answer, after the same time, as for a user that there is not.",
    ),
    Step(
        "A login",
        _login("vera"),
        Expected(200, {"Cache-Control": "no-store"}, body='"scope":"orders:\\* products:comment products:read"'),
        "Argon2 checked the password. The role of a viewer is worth these scopes.",
        keeps={"token": "access_token", "refresh": "refresh_token"},
    ),
    Step(
        "What a viewer may",
        _as("token", "GET", "/products?q=kettle&order=-price"),
        Expected(200, {"RateLimit": ".+"}, body="Kettle"),
        "The route asks for products:read, and the token has it.",
    ),
    Step(
        "What a viewer may not",
        _as("token", "GET", "/users"),
        Expected(
            403, {"WWW-Authenticate": '.*error="insufficient_scope".*scope="users:read".*'}, body="does not allow"
        ),
        "The refusal says what is missing.",
    ),
    Step(
        "A token that says admin",
        _get("/users", ("Authorization", f"Bearer {NONE}")),
        Expected(401, {"WWW-Authenticate": '.*error="invalid_token".*'}, body="not valid"),
        'Its algorithm is "none". Which algorithm counts is for the key to say, never for the token.',
    ),
    Step(
        "An admin who asks for little",
        _login("ada", scope="products:read users:read"),
        Expected(200, body='"scope":"products:read users:read"'),
        "Granted is what was asked for and is allowed. A token that leaks is worth no more than that.",
        keeps={"little": "access_token"},
    ),
    Step(
        "... and gets no more",
        _as("little", "GET", "/admin/users/1/keys"),
        Expected(403, {"WWW-Authenticate": '.*scope="admin".*'}),
        "The user may do this; this token may not.",
    ),
    Step(
        "Another user",
        _login("eddie"),
        Expected(200, body='"access_token"'),
        "Eddie is an editor. Order 1 is Vera's.",
        keeps={"eddie": "access_token"},
    ),
    Step(
        "Another's order",
        _as("eddie", "GET", "/orders/1"),
        Expected(404, body="no such order"),
        "orders:read is for one's own. Another's is not found, so nobody learns which there are.",
    ),
)

SESSIONS = (
    Step(
        "A refresh",
        _json("/auth/refresh", refresh_token="{refresh}"),  # noqa: S106 - a name
        Expected(200, {"Cache-Control": "no-store"}, body='"refresh_token"'),
        "The next pair. What the user may was asked again; the old refresh token is used up.",
        keeps={"next": "access_token"},
    ),
    Step(
        "The old refresh token, once more",
        _json("/auth/refresh", refresh_token="{refresh}"),  # noqa: S106
        Expected(400, body="invalid_grant", log="token_reuse"),
        "One of two who have it is a thief. Nobody can say which, so the session ends (RFC 9700).",
    ),
    Step(
        "... and with it its access tokens",
        _as("next", "GET", "/products"),
        Expected(401, {"WWW-Authenticate": '.*error="invalid_token".*'}),
        "It would have been good for another quarter of an hour.",
    ),
    Step(
        "A login with JSON",
        _json("/auth/login", username="vera", password=PASSWORDS["vera"]),
        Expected(200, body='"token_type":"Bearer"'),
        "For a page of your own: the same, without a form.",
        keeps={"token": "access_token", "refresh": "refresh_token"},
    ),
    Step(
        "A logout",
        _json("/auth/logout", refresh_token="{refresh}"),  # noqa: S106
        Expected(200, {"Cache-Control": "no-store"}),
        "The session is revoked. Of a token that is unknown it would say the same.",
    ),
    Step(
        "A token of that session",
        _as("token", "GET", "/products"),
        Expected(401, {"WWW-Authenticate": '.*error="invalid_token".*'}),
        "Revocation is asked for at every request.",
    ),
)

KEYS = (
    Step(
        "An API key",
        _key("warehouse", "GET", "/orders"),
        Expected(200, body=r"\["),
        "The same route takes a bearer token or a key. The key is kept as a hash.",
    ),
    Step(
        "What this key may not",
        _key("warehouse", "POST", "/orders", {"product_id": 1, "quantity": 1}),
        Expected(403, {"WWW-Authenticate": '.*APIKey .*scope="orders:write".*'}),
        "Its owner may order; the key may only look.",
    ),
    Step(
        "A key that is over",
        _key("expired", "GET", "/products"),
        Expected(401, {"WWW-Authenticate": '.*APIKey header="X-API-Key".*'}, log="reason=expired"),
        "Why is for the log alone.",
    ),
    Step(
        "An admin, with all scopes",
        _login("ada"),
        Expected(200, body='"scope":"admin orders:\\* products:\\* users:\\*"'),
        "For what comes next.",
        keeps={"admin": "access_token"},
    ),
    Step(
        "How a key was used",
        _as("admin", "GET", "/admin/users/2/keys"),
        Expected(200, body='"request_count":2'),
        "Uses are counted in memory and written in batches, never one write per request. The key is not shown again.",
    ),
    Step(
        "The key is disabled",
        _as("admin", "POST", "/admin/keys/{warehouse_id}/disable"),
        Expected(200, body='"active":false'),
        "At once, in all processes.",
    ),
    Step(
        "... and refused",
        _key("warehouse", "GET", "/orders"),
        Expected(401, log="reason=disabled"),
        "The peer is told the same for whatever is wrong with a key.",
    ),
)

INPUT = (
    Step(
        "A comment with a script in it",
        _as("eddie", "POST", "/products/1/comments", {"body": "<b>Good</b><img src=x onerror=alert(1)>"}),
        Expected(201, body='"body":"<b>Good</b>"', unsaid="onerror|alert"),
        "What can run is taken away when it is written, so no page that shows it has to think of it.",
    ),
    Step(
        "A price of one's own",
        _as("eddie", "POST", "/orders", {"product_id": 1, "quantity": 1, "total_cents": 1}),
        Expected(422, body="total_cents"),
        "A model takes its own fields only, of exactly their types.",
    ),
    Step(
        "An order by SQL",
        _as("eddie", "GET", "/products?order=(select+password_hash+from+users)"),
        Expected(422, body="can be sorted by"),
        "A column's name cannot travel as a parameter. It is one of a list, or it is refused.",
    ),
    Step(
        "A file",
        _as("eddie", "GET", "/files/manuals/kettle.txt"),
        Expected(200, {"Content-Disposition": 'attachment; filename="kettle.txt"'}, body="water"),
        "A download, whatever is in it.",
    ),
    Step(
        "A path that leads out of the directory",
        _as("eddie", "GET", "/files/..%2f..%2fsettings.py"),
        Expected(400, PROBLEM, body="path is not allowed", unsaid="settings"),
        "No spelling of it does.",
    ),
)

PAGES = (
    Step(
        "A preflight that is allowed",
        _preflight("POST", APP),
        Expected(200, {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Methods": ".*POST.*"}),
        "The browser asks before it sends. It has no credential yet, and needs none for that.",
    ),
    Step(
        "A preflight that is not",
        _preflight("POST", EVIL),
        Expected(400, {"Access-Control-Allow-Origin": None}, body="Disallowed CORS origin"),
        "The browser does not send the request that it asked for.",
    ),
    Step(
        "A refusal that a page can read",
        _get("/products", ("Origin", APP)),
        Expected(401, {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}),
        "Without the header the page would see no 401, only that something failed.",
    ),
    Step(
        "A WebSocket with a token",
        _websocket(("Origin", APP), ("Sec-WebSocket-Protocol", "bearer, {eddie}")),
        Expected(101, {"X-Request-ID": ID, "Sec-WebSocket-Protocol": "bearer"}),
        "Pages cannot set headers, so it stands among the subprotocols; never in the URL, which is logged.",
    ),
    Step(
        "A WebSocket without",
        _websocket(("Origin", APP)),
        Expected(401, PROBLEM),
        "The guard of the routes is the guard of WebSockets.",
    ),
    Step(
        "A WebSocket of a foreign page",
        _websocket(("Origin", EVIL), ("Sec-WebSocket-Protocol", "bearer, {eddie}")),
        Expected(403, PROBLEM, body="from this origin are not allowed"),
        "Browsers do not apply CORS to WebSockets: the server has to look at the origin itself.",
    ),
)

LIMITS = (
    Step(
        "An export too many",
        _as("eddie", "GET", "/orders/export"),
        Expected(429, {**PROBLEM, "Retry-After": r"[1-9]\d*"}, body="quota-exceeded"),
        "Three a minute for each user, whatever address they come from.",
        before=(3, "200"),
    ),
    Step(
        "A password that is guessed",
        _form("/auth/token", grant_type="password", username="otto", password="guess"),  # noqa: S106 - wrong
        Expected(429, {"Retry-After": r"[1-9]\d*"}),
        "Five are free, then each waits twice as long. Otto himself gets in, from where he logged in before.",
        # A machine that is busy may take so long for one that the next is not too early.
        before=(9, "400|429"),
    ),
)

TOUR: dict[str, tuple[Step, ...]] = {
    "What every answer has": EVERY_ANSWER,
    "Who is calling, and may they do this": LOGIN,
    "Sessions that end": SESSIONS,
    "API keys": KEYS,
    "Input from strangers": INPUT,
    "Pages of other origins": PAGES,
    "Limits": LIMITS,
}
