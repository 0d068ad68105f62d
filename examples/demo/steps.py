"""What the demo asks, what it expects, and why: one list, in the order in which it is told.

A part that is added to the library adds its steps here: each is a request, the answer that it must get, and a sentence.
"""

from dataclasses import dataclass, field

__all__ = ["STEPS", "Expected", "Request", "Step"]

Lines = tuple[tuple[str, str], ...]

ID = r"[0-9a-f]{32}"
APP = "https://app.example.com"
EVIL = "https://evil.example"


@dataclass(frozen=True)
class Request:
    """A request: what stands here is sent and shown; `Host` may be named, and named twice."""

    method: str
    path: str
    headers: Lines = ()
    body: str = ""
    websocket: bool = False


@dataclass(frozen=True)
class Expected:
    """What the answer must be: patterns for headers and body, `None` for a header that must not be there."""

    status: int
    headers: dict[str, str | None] = field(default_factory=dict)
    body: str = ""
    unsaid: str = ""
    log: str = ""


@dataclass(frozen=True)
class Step:
    """One exchange of the demo."""

    title: str
    request: Request
    expected: Expected
    why: str


def _get(path: str, *headers: tuple[str, str]) -> Request:
    return Request("GET", path, headers)


def _preflight(method: str, origin: str) -> Request:
    asked = (("Origin", origin), ("Access-Control-Request-Method", method))
    return Request("OPTIONS", "/notes", asked)


def _websocket(origin: str) -> Request:
    return Request("GET", "/live", (("Origin", origin),), websocket=True)


HEADERS: dict[str, str | None] = {
    "X-Request-ID": ID,
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Server": None,
}

STEPS: tuple[Step, ...] = (
    Step(
        "An ordinary request",
        _get("/notes"),
        Expected(200, HEADERS, body=r'\["buy milk"\]'),
        "Every answer has an id and the security headers, once each. No Server header tells what runs here.",
    ),
    Step(
        "An id from the gateway",
        _get("/notes", ("X-Request-ID", "gateway-7f3a.1")),
        Expected(200, {"X-Request-ID": r"gateway-7f3a\.1"}),
        "A well-formed id is kept, so one id finds the log lines of both.",
    ),
    Step(
        "An id that forges a log line",
        _get("/notes", ("X-Request-ID", "1 INFO user=admin logged in")),
        Expected(200, {"X-Request-ID": ID}, unsaid="admin"),
        "An id is 1 to 128 of A-Za-z0-9._~+/=:@-. Any other is dropped and never repeated, in header or log.",
    ),
    Step(
        "A foreign Host",
        _get("/notes", ("Host", "evil.example")),
        Expected(400, {"X-Request-ID": ID, "X-Frame-Options": "DENY"}, body="Invalid host header", unsaid="evil"),
        "Links and caches cannot be poisoned with a host that is not served. The refusal has its headers, too.",
    ),
    Step(
        "Two Host headers",
        _get("/notes", ("Host", "127.0.0.1"), ("Host", "evil.example")),
        Expected(400, {"Content-Type": "application/problem\\+json"}, body="may come once only"),
        "A proxy may believe the one and the application the other: so neither is believed.",
    ),
    Step(
        "A page of an allowed origin",
        _get("/notes", ("Origin", APP)),
        Expected(200, {"Access-Control-Allow-Origin": APP, "Vary": "Origin"}),
        "The browser lets this page read the answer. Vary keeps caches from giving it to another.",
    ),
    Step(
        "A page of another origin",
        _get("/notes", ("Origin", EVIL)),
        Expected(200, {"Access-Control-Allow-Origin": None, "Vary": "Origin"}),
        "Without the header the browser keeps the answer from the page.",
    ),
    Step(
        "A preflight that is allowed",
        _preflight("POST", APP),
        Expected(200, {"Access-Control-Allow-Origin": APP, "Access-Control-Allow-Methods": ".*POST.*"}),
        "The browser asks before it sends. The application is not called for that.",
    ),
    Step(
        "A preflight that is not",
        _preflight("POST", EVIL),
        Expected(400, {"Access-Control-Allow-Origin": None}, body="Disallowed CORS origin"),
        "The browser does not send the request that it asked for.",
    ),
    Step(
        "A WebSocket of an allowed page",
        _websocket(APP),
        Expected(101, {"X-Request-ID": ID, "X-Frame-Options": "DENY"}),
        "The handshake meets the same policies as a request.",
    ),
    Step(
        "A WebSocket of a foreign page",
        _websocket(EVIL),
        Expected(403, {"Content-Type": "application/problem\\+json"}, body="from this origin are not allowed"),
        "Browsers do not apply CORS to WebSockets: the server has to look at the origin itself.",
    ),
    Step(
        "An exception in the application",
        _get("/fails", ("Origin", APP)),
        Expected(
            500,
            {"X-Request-ID": ID, "Access-Control-Allow-Origin": APP, "X-Frame-Options": "DENY"},
            unsaid="hunter2|database|Traceback|RuntimeError",
            log="request id: {id}",
        ),
        "Not a word of it gets out. The page may read the 500, and its id finds the traceback in the server's log.",
    ),
    Step(
        "A page with a policy of its own",
        _get("/page"),
        Expected(200, {"Content-Security-Policy": "default-src 'self'", "Vary": "Accept-Language, Origin"}),
        "A header that the application sets wins, and comes once. Vary is merged.",
    ),
    Step(
        "A path that nobody has",
        _get("/admin.php"),
        Expected(404, {"X-Request-ID": ID, "X-Frame-Options": "DENY"}),
        "The pass is around the whole application, so what no route answers is covered as well.",
    ),
)
