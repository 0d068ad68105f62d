"""What the pages say of the packages that people move over from: every row of each table of differences is a case."""

import asyncio
import contextlib
import re
from collections.abc import Callable
from typing import Any

import pytest
import starlette.middleware.cors as starlette_cors
import starlette.middleware.trustedhost as starlette_hosts
from asgi_correlation_id import CorrelationIdMiddleware, correlation_id
from secure import Secure
from secure.middleware import SecureASGIMiddleware
from starlette.applications import Starlette
from starlette.middleware import Middleware

from asgisec import CORS, RequestID, SecurityHeaders, SecurityMiddleware, install, middleware, request_id
from asgisec.errors import ConfigError
from asgisec.policy import Policy
from tests.asgi import App, Headers, Message, Recorded, answering, request, websocket
from tests.docs.pages import rows, section
from tests.docs.write import DOCS

APP = "https://app.example.com"
EVIL = "https://evil.example"

Case = Callable[[], None]
cases: dict[str, dict[str, Case]] = {
    "cors.md": {},
    "trusted-hosts.md": {},
    "request-id.md": {},
    "security-headers.md": {},
}


def row(page: str, name: str) -> Callable[[Case], Case]:
    def add(case: Case) -> Case:
        cases[page][name] = case
        return case

    return add


# Written as data: the option, the request, and what each of the two answers.


def _seen(make: Callable[..., App], options: dict[str, Any], ask: Callable[[App], Recorded], look: str) -> object:
    try:
        app = make(**options)
    except Exception as error:  # noqa: BLE001 - what kind it is, is the question
        return type(error).__name__
    answer = ask(app)
    return answer.values(look) if look else answer.status


def _compare(page: str, theirs: type[Any], ours: type[Any], name: str, *told: Any) -> None:
    options, ask, look, of_theirs, of_ours = told

    @row(page, name)
    def case() -> None:
        inside = options.get("app", answering(headers=[]))
        rest = {key: value for key, value in options.items() if key != "app"}
        assert _seen(theirs, {"app": inside, **rest}, ask, look) == of_theirs
        assert _seen(ours, {"app": inside, **rest}, ask, look) == of_ours


def get(*headers: tuple[str, str]) -> Callable[[App], Recorded]:
    return lambda app: request(app, headers=headers)


def preflight(*headers: tuple[str, str], method: str = "GET") -> Callable[[App], Recorded]:
    return lambda app: request(app, "OPTIONS", headers=[("access-control-request-method", method), *headers])


def handshake(*headers: tuple[str, str]) -> Callable[[App], Recorded]:
    return lambda app: websocket(app, headers=[("host", "api.example.com"), *headers])


def host(*names: str) -> Callable[[App], Recorded]:
    return get(*(("host", name) for name in names))


ORIGIN, CREDENTIALS, ASKED = (
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "access-control-allow-headers",
)
METHODS = "access-control-allow-methods"
EXPOSED = "access-control-expose-headers"
_BAD_HEADERS = ("access-control-request-headers", "x-a, not a name")
_OWN = answering(headers=[(ORIGIN, "https://other.example")])

for name, *told in (
    (
        "`*` origins with credentials",
        {"allow_origins": ["*"], "allow_credentials": True},
        *(get(("origin", EVIL)), ORIGIN, [EVIL], "ConfigError"),
    ),
    (
        "a pattern that matches every site, with credentials",
        {"allow_origin_regex": "https://.*", "allow_credentials": True},
        *(get(("origin", EVIL)), ORIGIN, [EVIL], "ConfigError"),
    ),
    (
        "an origin with a slash, a path, capitals or a default port",
        {"allow_origins": [f"{APP}/", f"{APP}/a", APP.upper(), f"{APP}:443"]},
        *(get(("origin", APP)), ORIGIN, [], "ConfigError"),
    ),
    ("`null` among the origins", {"allow_origins": ["null"]}, get(("origin", "null")), ORIGIN, ["null"], "ConfigError"),
    (
        "`Origin: null` and a pattern that matches it",
        {"allow_origin_regex": ".*"},
        *(get(("origin", "null")), ORIGIN, ["null"], []),
    ),
    (
        "a method in lower case",
        {"allow_origins": [APP], "allow_methods": ["put"]},
        *(preflight(("origin", APP), method="PUT"), "", 400, "ConfigError"),
    ),
    ("a string in place of a list", {"allow_origins": f"{APP} x"}, get(("origin", APP)), ORIGIN, [APP], "ConfigError"),
    (
        '`expose_headers=["*"]` with credentials',
        {"allow_origins": [APP], "allow_credentials": True, "expose_headers": ["*"]},
        *(get(("origin", APP)), EXPOSED, ["*"], "ConfigError"),
    ),
    (
        '`"false"` in place of `False`',
        {"allow_origins": [APP], "allow_credentials": "false"},
        *(get(("origin", APP)), CREDENTIALS, ["true"], "ConfigError"),
    ),
    ("a pattern that does not compile", {"allow_origin_regex": "("}, get(), "", re.error.__name__, "ConfigError"),
    (
        "an origin that is not allowed",
        {"allow_origins": [APP], "allow_credentials": True},
        *(get(("origin", EVIL)), CREDENTIALS, ["true"], []),
    ),
    (
        "a preflight that is not allowed",
        {"allow_origins": [APP]},
        *(preflight(("origin", EVIL)), METHODS, ["GET"], []),
    ),
    (
        '`allow_headers=["*"]`',
        {"allow_origins": [APP], "allow_headers": ["*"]},
        *(preflight(("origin", APP), _BAD_HEADERS), ASKED, [_BAD_HEADERS[1]], []),
    ),
    (
        "two `Access-Control-Request-Headers` lines",
        {"allow_origins": [APP], "allow_headers": ["x-a"]},
        preflight(("origin", APP), *(("access-control-request-headers", asked) for asked in ("x-a", "x-b"))),
        *("", 200, 400),
    ),
    ("two `Origin` headers", {"allow_origins": [APP]}, get(("origin", APP), ("origin", EVIL)), "", 200, 400),
    (
        "`Vary: Origin` set by the application",
        {"allow_origins": [APP], "app": answering(headers=[("vary", "Origin")])},
        *(get(("origin", APP)), "vary", ["Origin, Origin"], ["Origin"]),
    ),
    (
        "`Vary: *` set by the application",
        {"allow_origins": [APP], "app": answering(headers=[("vary", "*")])},
        *(get(("origin", APP)), "vary", ["*, Origin"], ["*"]),
    ),
    (
        "the application's own `Access-Control-Allow-Origin`",
        {"allow_origins": [APP], "app": _OWN},
        *(get(("origin", APP)), ORIGIN, [APP], ["https://other.example"]),
    ),
    (
        "a WebSocket from another site's page",
        {"allow_origins": [APP]},
        *(handshake(("origin", EVIL)), "", 101, 403),
    ),
):
    _compare("cors.md", starlette_cors.CORSMiddleware, middleware.CORSMiddleware, str(name), *told)


def _without_denial(app: App) -> Recorded:
    return websocket(app, headers=[("host", EVIL)], denial=False)


_REDIRECTED = ["http://www.A.example/"], ["http://www.a.example/"]

for name, *told in (
    ("two `Host` headers, the first allowed", ["a.example"], host("a.example", "b.example"), 200, 400),
    ("a `Host` that is none, with `*` allowed", ["*"], host("a b"), 200, 400),
    ("`.example.org`, with `*.example.org` allowed", ["*.example.org"], host(".example.org"), 200, 400),
    (
        "`%2e.example.org`, `x!.example.org` and other names that are none, likewise",
        *(["*.example.org"], host("%2e.example.org"), 200, 400),
    ),
    ("an allowed host with a port above 65535", ["a.example"], host("a.example:65536"), 200, 400),
    ("an allowed host with an empty port, `api.example.com:`", ["a.example"], host("a.example:"), 400, 200),
    ("an allowed host with a trailing dot", ["a.example"], host("a.example."), 400, 200),
    ("an entry with a port", ["a.example:8000"], host("a.example:8000"), 400, 200),
    ("an IPv6 address in another spelling", ["[::1]"], host("[0:0:0:0:0:0:0:1]"), 400, 200),
    (
        "`example.com`, with `www.example.com:8000` allowed",
        ["www.example.com:8000"],
        *(host("example.com:8000"), 400, 307),
    ),
    ("the host in the redirect to `www.`", ["www.a.example"], host("A.example"), *_REDIRECTED),
    ("a WebSocket, on a server that cannot send a refusal", ["a.example"], _without_denial, 400, 0),
    ("`*example.org` as an entry", ["*example.org"], host("a"), "AssertionError", "ConfigError"),
    ("an entry that is no host, such as a URL", ["https://a.example"], host("a.example"), 400, "ConfigError"),
    ("a string in place of the list", "a.example", host("a.example"), 400, "ConfigError"),
    ("an empty list", [], host("a.example"), 400, "ConfigError"),
):
    hosts, ask, of_theirs, of_ours = told
    _compare(
        "trusted-hosts.md",
        *(starlette_hosts.TrustedHostMiddleware, middleware.TrustedHostMiddleware, str(name)),
        *({"allowed_hosts": hosts}, ask, "location" if isinstance(of_ours, list) else "", of_theirs, of_ours),
    )


@pytest.mark.parametrize("name", ["x!", "x..y", "x~", "*", "x(", "a" * 64])
def test_other_names_that_are_none(name: str) -> None:
    for kind, status in ((starlette_hosts.TrustedHostMiddleware, 200), (middleware.TrustedHostMiddleware, 400)):
        assert host(f"{name}.example.org")(kind(answering(), ["*.example.org"])).status == status


def test_the_redirect_keeps_the_port_of_the_entry() -> None:
    app = middleware.TrustedHostMiddleware(answering(), ["www.example.com:8000"])
    assert [request(app, headers=[("host", f"example.com{port}")]).status for port in ("", ":80", ":8000")] == [
        400,
        400,
        307,
    ]


# Told one by one.


def failing(*layers: Middleware) -> Starlette:
    app = Starlette(middleware=layers)

    async def fail(asked: object) -> None:
        raise RuntimeError

    app.add_route("/", fail)  # type: ignore[arg-type]  # never returns
    return app


def on_500(theirs: Any, options: dict[str, Any], policy: Policy, header: str, headers: Headers = ()) -> None:
    lost = request(failing(Middleware(theirs, **options)), headers=headers)
    kept = request(install(failing(), policy), headers=headers)
    assert (lost.status, lost.values(header)) == (500, [])
    assert (kept.status, len(kept.values(header))) == (500, 1)


@row("cors.md", "an exception that nothing handles")
def cors_on_500() -> None:
    options: dict[str, Any] = {"allow_origins": [APP]}
    on_500(starlette_cors.CORSMiddleware, options, CORS(**options), ORIGIN, [("origin", APP)])


def both_ids(app: App, headers: Headers = (), ask: Callable[..., Recorded] = request) -> tuple[list[str], list[str]]:
    theirs = ask(CorrelationIdMiddleware(app), headers=headers)
    ours = ask(SecurityMiddleware(app, RequestID()), headers=headers)
    return theirs.values("x-request-id"), ours.values("x-request-id")


@row("request-id.md", "an id that was made")
def version_of_ids() -> None:
    (theirs,), (ours,) = both_ids(answering())
    assert (theirs[12], ours[12]) == ("4", "7")


@row("request-id.md", "an inbound id that is no UUID")
def inbound_ids() -> None:
    (theirs,), (ours,) = both_ids(answering(), [("x-request-id", "checkout-7")])
    assert (theirs == "checkout-7", ours) == (False, "checkout-7")


@row("request-id.md", "the application's own id header")
def own_id() -> None:
    theirs, ours = both_ids(answering(headers=[("x-request-id", "mine")]))
    assert (len(theirs), ours) == (2, ["mine"])


@row("request-id.md", "the request headers that the application sees")
def request_headers() -> None:
    seen = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen.append(any(name == b"x-request-id" for name, _ in scope["headers"]))
        await answering()(scope, receive, send)

    both_ids(app)
    assert seen == [True, False]
    request(SecurityMiddleware(app, RequestID(update_request_header=True)))
    assert seen[2]


@row("request-id.md", "an exception that nothing handles")
def id_on_500() -> None:
    on_500(CorrelationIdMiddleware, {}, RequestID(), "x-request-id")


@row("request-id.md", "a WebSocket that is accepted")
def id_on_accept() -> None:
    theirs, ours = both_ids(answering(), ask=websocket)
    assert (theirs, len(ours)) == ([], 1)


@row("request-id.md", "after the request")
def id_afterwards() -> None:
    async def nowhere(*message: Any) -> Any: ...

    async def run() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await CorrelationIdMiddleware(answering())(scope, nowhere, nowhere)
        await SecurityMiddleware(answering(), RequestID())(scope, nowhere, nowhere)
        assert correlation_id.get() is not None
        assert request_id() is None

    asyncio.run(run())


def both_headers(name: str, ask: Callable[..., Recorded] = request, **extra: Any) -> tuple[list[str], list[str]]:
    app = SecureASGIMiddleware(answering(), secure=Secure.with_default_headers())
    theirs = [value for key, value in ask(app, **extra).headers if key.lower() == name]
    return theirs, ask(SecurityMiddleware(answering(), SecurityHeaders.web()), **extra).values(name)


@row("security-headers.md", "`Server`")
def server_header() -> None:
    assert both_headers("server") == ([""], [])


@row("security-headers.md", "`Strict-Transport-Security` over plain HTTP")
def hsts_over_http() -> None:
    theirs, ours = both_headers("strict-transport-security")
    assert (len(theirs), ours) == (1, [])


@row("security-headers.md", "inline styles, in the policy for pages")
def inline_styles() -> None:
    (theirs,), (ours,) = both_headers("content-security-policy")
    assert ("'unsafe-inline'" in theirs, "'unsafe-inline'" in ours) == (True, False)


@row("security-headers.md", "`X-Frame-Options`, by default")
def frames() -> None:
    assert both_headers("x-frame-options") == (["SAMEORIGIN"], ["DENY"])


@row("security-headers.md", "a WebSocket that is accepted")
def headers_on_accept() -> None:
    assert both_headers("x-content-type-options", websocket) == ([], ["nosniff"])


@row("security-headers.md", "an exception that nothing handles")
def headers_on_500() -> None:
    options: dict[str, Any] = {"secure": Secure.with_default_headers()}
    lost = request(failing(Middleware(SecureASGIMiddleware, **options)))
    assert "x-frame-options" not in {name.lower() for name, _ in lost.headers}
    on_500(SecureASGIMiddleware, options, SecurityHeaders(), "x-frame-options")


@pytest.mark.parametrize("page", cases)
def test_every_difference_that_is_listed_is_a_case(page: str) -> None:
    text = "\n".join(
        section(DOCS / page, heading)
        for heading in re.findall(r"^## (Moving over.*)$", (DOCS / page).read_text("utf-8"), re.MULTILINE)
    )
    listed = [cells[0] for cells in rows(text) if len(cells) == 3]
    assert listed == list(cases[page])


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=f"{page}: {name}") for page, named in cases.items() for name, case in named.items()]
)
def test_a_difference(case: Case) -> None:
    case()


@pytest.mark.parametrize("entry", [f"{APP}/", f"{APP}/a", APP.upper(), f"{APP}:443"])
def test_each_form_of_an_origin_that_never_matches_is_told(entry: str) -> None:
    with contextlib.suppress(ConfigError):
        CORS(allow_origins=[entry])
        pytest.fail(f"{entry} is accepted")
