from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec import CORS, CrossOriginProtection, RequestID, SecurityEvent, SecurityHeaders, SecurityMiddleware
from asgisec._wire.origin import is_own
from asgisec.errors import ConfigError
from asgisec.middleware import CrossOriginMiddleware
from tests.asgi import Message, Recorded, answering, request, websocket
from tests.policies.invalid import ACoroutine, a_coroutine

TRUSTED = "https://app.example.com"
OWN = "https://api.example.com"
HOST = ("host", "api.example.com")


def ask(
    policy: CrossOriginProtection,
    method: str = "POST",
    path: str = "/",
    *,
    host: str | None = "api.example.com",
    **sent: str | None,
) -> Recorded:
    """Send a request; `sent` names headers, with underscores."""
    given = {"host": host, **{name.replace("_", "-"): value for name, value in sent.items()}}
    headers = [(name, value) for name, value in given.items() if value is not None]
    app = SecurityMiddleware(answering(), policy)
    if method == "WEBSOCKET":
        return websocket(app, path, headers)
    return request(app, method, path, headers)


def test_defaults() -> None:
    policy = CrossOriginProtection()
    assert (policy.trusted_origins, policy.exempt, policy.dry_run) == ((), (), False)
    assert policy == CrossOriginProtection([], [])
    assert hash(policy) == hash(CrossOriginProtection([], []))
    assert CrossOriginProtection([TRUSTED]).trusted_origins == (TRUSTED,)


OPTION = "CrossOriginProtection(trusted_origins=) got "


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"trusted_origins": TRUSTED}, OPTION + f"'{TRUSTED}': write a list: ['{TRUSTED}']", id="a string"),
        pytest.param({"trusted_origins": None}, OPTION + "None: write a list of strings", id="nothing"),
        pytest.param({"trusted_origins": [b"https://a"]}, "write a list of strings", id="bytes"),
        pytest.param({"trusted_origins": [TRUSTED + "/"]}, f"write '{TRUSTED}', as a browser sends it", id="a slash"),
        pytest.param({"trusted_origins": [TRUSTED + "/a"]}, f"write '{TRUSTED}', as a browser sends it", id="a path"),
        pytest.param(
            {"trusted_origins": [TRUSTED + ":443"]}, f"write '{TRUSTED}', as a browser", id="the default port"
        ),
        pytest.param(
            {"trusted_origins": ["HTTPS://App.Example.com"]}, f"write '{TRUSTED}', as a browser", id="capitals"
        ),
        pytest.param(
            {"trusted_origins": ["capacitor://App"]}, "write 'capacitor://app', as a browser", id="another scheme"
        ),
        pytest.param({"trusted_origins": ["app.example.com"]}, f"write the scheme, too: '{TRUSTED}'", id="no scheme"),
        pytest.param(
            {"trusted_origins": ["null"]}, "leave it out: sandboxed frames and files of any site are", id="null"
        ),
        pytest.param({"trusted_origins": ["*"]}, "write each origin, or give a predicate of the origin", id="a star"),
        pytest.param(
            {"trusted_origins": ["https://*.example.com"]}, "or give a predicate of the origin", id="a pattern"
        ),
        pytest.param({"trusted_origins": ["https://"]}, "write an origin as a browser sends it", id="no host"),
        pytest.param(
            {"trusted_origins": ["https://ü.example"]}, "write an origin as a browser sends it", id="not ASCII"
        ),
        pytest.param({"trusted_origins": a_coroutine}, "a coroutine is true", id="attack: a coroutine is true"),
        pytest.param({"trusted_origins": ACoroutine()}, "a coroutine is true", id="attack: a call is a coroutine"),
        pytest.param(
            {"exempt": 5}, "CrossOriginProtection(exempt=) got 5: write a list of exact", id="exempt a number"
        ),
        pytest.param(
            {"exempt": "/hook"}, "CrossOriginProtection(exempt=) got '/hook': write a list", id="exempt a string"
        ),
        pytest.param({"exempt": ["/hooks/*"]}, "got '/hooks/*': write an exact path", id="exempt a pattern"),
        pytest.param({"dry_run": "no"}, "CrossOriginProtection(dry_run=) got 'no'", id="dry_run a string"),
    ],
)
def test_invalid_options(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        CrossOriginProtection(**arguments)
    assert message in str(caught.value)


METHODS = ["GET", "HEAD", "OPTIONS", "QUERY", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "TRACE", "get", "WEBSOCKET"]
SITES = [None, "same-origin", "none", "same-site", "cross-site", "", "Same-Origin", "invented"]
ORIGINS = [
    None,
    OWN,
    "http://api.example.com",
    "https://api.example.com:8443",
    TRUSTED,
    "https://evil.example",
    "https://api.example.com.evil.example",
    "https://evil-api.example.com",
    "capacitor://api.example.com",
    "null",
    "",
]
HOSTS = ["api.example.com", "api.example.com:443", "API.Example.com", "api.example.com:8443", "other.example", None]

# Which host, as sent, is that of which origin: written down, not computed.
SAME_HOST = {
    (OWN, "api.example.com"),
    (OWN, "api.example.com:443"),
    (OWN, "API.Example.com"),
    ("http://api.example.com", "api.example.com"),
    ("http://api.example.com", "API.Example.com"),
    ("https://api.example.com:8443", "api.example.com:8443"),
}


def oracle(method: str, site: str | None, origin: str | None, host: str | None, *, trusted: bool, exempt: bool) -> bool:
    """The documented rules in order, in the words of the documentation."""
    reads_only = method in {"GET", "HEAD", "OPTIONS", "QUERY"}
    rules = [
        (reads_only, True),
        (exempt, True),
        (trusted and origin == TRUSTED, True),
        (site in ("same-origin", "none"), True),
        (site is not None, False),
        (origin is None, True),
        ((origin, host) in SAME_HOST, True),
    ]
    return next((passes for applies, passes in rules if applies), False)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("exempt", [pytest.param(False, id="judged"), pytest.param(True, id="exempt")])
@pytest.mark.parametrize("trusted", [pytest.param(False, id="nobody trusted"), pytest.param(True, id="one trusted")])
def test_the_whole_truth_table(method: str, exempt: bool, trusted: bool) -> None:
    policy = CrossOriginProtection([TRUSTED] if trusted else (), ["/hook"] if exempt else ())
    app = SecurityMiddleware(answering(), policy)
    wrong = []
    for site, origin, host in product(SITES, ORIGINS, HOSTS):
        sent = {"host": host, "sec-fetch-site": site, "origin": origin}
        headers = [(name, value) for name, value in sent.items() if value is not None]
        status = _status(app, method, headers)
        if (status in {200, 101}) != oracle(method, site, origin, host, trusted=trusted, exempt=exempt):
            wrong.append((site, origin, host, status))
    assert wrong == []


def _status(app: Any, method: str, headers: Sequence[tuple[str, str]]) -> int:
    """Drive the application by hand: a table of thousands of rows would start an event loop for each."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Message = {
        "type": "websocket" if method == "WEBSOCKET" else "http",
        "path": "/hook",
        "headers": [(name.encode(), value.encode()) for name, value in headers],
        "extensions": {"websocket.http.response": {}},
    }
    if method != "WEBSOCKET":
        scope["method"] = method
    run = app(scope, receive, send)
    with pytest.raises(StopIteration):
        run.send(None)
    return int(sent[0].get("status", 101))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param({"sec_fetch_site": "same-origin", "origin": OWN}, 200, id="a form of the site"),
        pytest.param({"sec_fetch_site": "none"}, 200, id="typed into the address bar"),
        pytest.param({}, 200, id="a program"),
        pytest.param({"origin": OWN}, 200, id="an old browser on the site"),
        pytest.param({"origin": TRUSTED, "sec_fetch_site": "same-site"}, 200, id="a trusted subdomain"),
        pytest.param(
            {"origin": "https://evil.example", "sec_fetch_site": "cross-site"}, 403, id="attack: another site"
        ),
        pytest.param({"origin": "https://evil.example"}, 403, id="attack: another site in an old browser"),
        pytest.param({"origin": "null"}, 403, id="attack: a sandboxed frame in an old browser"),
        pytest.param({"origin": "null", "sec_fetch_site": "cross-site"}, 403, id="attack: a sandboxed frame"),
        pytest.param({"sec_fetch_site": "same-site"}, 403, id="attack: a taken-over subdomain"),
        pytest.param(
            {"sec_fetch_site": "cross-site", "origin": OWN},
            403,
            id="attack: a forged origin does not outweigh the site",
        ),
        pytest.param({"origin": "null", "host": "null"}, 403, id="attack: a host called null"),
        pytest.param({"origin": "file://"}, 403, id="attack: a file"),
        pytest.param({"origin": "https://user@api.example.com"}, 403, id="attack: a user in the origin"),
        pytest.param({"origin": "https://api.example.com/"}, 403, id="a slash that no browser sends"),
        pytest.param({"origin": "https://[2001:db8::1]", "host": "[2001:db8::1]"}, 200, id="an IPv6 host"),
        pytest.param({"origin": "http://localhost:8000", "host": "localhost:8000"}, 200, id="a port"),
        pytest.param({"origin": "http://localhost:8000", "host": "localhost:8001"}, 403, id="another port"),
    ],
)
def test_a_post(sent: dict[str, str], status: int) -> None:
    assert ask(CrossOriginProtection([TRUSTED]), **sent).status == status


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_nothing_makes_the_comparison_raise(origin: bytes, host: bytes) -> None:
    if is_own(origin, host):
        assert origin.partition(b"://")[2] in {host.lower(), host.lower().rpartition(b":")[0]}


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        pytest.param(b"https://a.example", b"a.example", True, id="https"),
        pytest.param(b"http://a.example", b"a.example:80", True, id="http with its port"),
        pytest.param(b"https://a.example", b"a.example:80", False, id="https with the port of http"),
        pytest.param(b"http://a.example", b"a.example:443", False, id="http with the port of https"),
        pytest.param(b"https://", b"", False, id="neither has a host"),
        pytest.param(b"https://", b":443", False, id="a port without a host"),
        pytest.param(b"", b"", False, id="nothing"),
        pytest.param(b"a.example", b"a.example", False, id="no scheme"),
        pytest.param(b"capacitor://localhost", b"localhost", False, id="a page of an installed application"),
        pytest.param(b"chrome-extension://abc", b"abc", False, id="a browser extension"),
    ],
)
def test_is_own(origin: bytes, host: bytes, expected: bool) -> None:
    assert is_own(origin, host) is expected


def test_a_refused_request_never_reaches_the_application() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    secured = SecurityMiddleware(app, RequestID(), SecurityHeaders(), CrossOriginProtection())
    answer = request(secured, "POST", headers=[HOST, ("sec-fetch-site", "cross-site")])
    assert answer.status == 403
    assert answer.values("content-type") == ["application/problem+json"]
    assert b'"detail":"Requests from other sites are not allowed."' in answer.body
    assert answer.values("x-content-type-options") == ["nosniff"]
    assert answer.values("x-request-id")[0].encode() in answer.body


def test_nothing_of_the_request_is_in_the_answer() -> None:
    answer = ask(CrossOriginProtection(), origin="https://s3cr3t.example", sec_fetch_site="s3cr3t")
    assert answer.status == 403
    assert b"s3cr3t" not in answer.body + repr(answer.headers).encode()


@pytest.mark.parametrize("denial", [pytest.param(True, id="denial response"), pytest.param(False, id="close")])
def test_a_cross_site_handshake_is_refused(denial: bool) -> None:
    app = SecurityMiddleware(answering(), CrossOriginProtection([TRUSTED]))
    evil = [HOST, ("origin", "https://evil.example")]
    answer = websocket(app, headers=evil, denial=denial)
    if denial:
        assert answer.status == 403
    else:
        assert answer.close is not None
        assert answer.close["code"] == 1008
    assert websocket(app, headers=[HOST, ("origin", TRUSTED)], denial=denial).status == 101


def test_a_preflight_is_answered_by_cors_outside() -> None:
    app = SecurityMiddleware(answering(), CORS(allow_origins=[TRUSTED]), CrossOriginProtection([TRUSTED]))
    preflight = [HOST, ("origin", TRUSTED), ("access-control-request-method", "GET"), ("sec-fetch-site", "same-site")]
    assert request(app, "OPTIONS", headers=preflight).status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/hook", 200, id="the path"),
        pytest.param("/hook/", 403, id="one slash more"),
        pytest.param("/hook/../admin", 403, id="attack: a path that begins so"),
        pytest.param("/HOOK", 403, id="another case"),
    ],
)
def test_exempt_paths_are_exact(path: str, status: int) -> None:
    assert ask(CrossOriginProtection(exempt=["/hook"]), path=path, sec_fetch_site="cross-site").status == status


def test_exempt_by_a_predicate() -> None:
    policy = CrossOriginProtection(exempt=lambda exchange: exchange.header("authorization") is not None)
    assert ask(policy, sec_fetch_site="cross-site", authorization="Bearer x").status == 200
    assert ask(policy, sec_fetch_site="cross-site").status == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        pytest.param("https://pr-7.preview.example.com", 200, id="trusted"),
        pytest.param("https://evil.example", 403, id="not trusted"),
        pytest.param("null", 403, id="null is not asked about"),
        pytest.param("https://.preview.example.com", 403, id="what is no origin is not asked about"),
        pytest.param("https://evil.example/.preview.example.com", 403, id="attack: a path is not asked about"),
        pytest.param("https://evil.example\xff.preview.example.com", 403, id="attack: bytes are not asked about"),
    ],
)
def test_a_predicate_of_the_origin(origin: str, status: int) -> None:
    policy = CrossOriginProtection(lambda asked: asked.endswith(".preview.example.com"))
    assert ask(policy, sec_fetch_site="cross-site", origin=origin).status == status


@pytest.mark.parametrize("option", ["trusted_origins", "exempt"])
@pytest.mark.parametrize("said", [None, 1, "yes", object()], ids=["nothing", "a number", "a text", "an object"])
def test_a_predicate_opens_by_true_alone(option: str, said: Any) -> None:
    options: dict[str, Any] = {option: lambda asked: said}
    assert ask(CrossOriginProtection(**options), sec_fetch_site="cross-site", origin=TRUSTED).status == 403


@pytest.mark.parametrize("option", ["trusted_origins", "exempt"])
def test_a_predicate_that_raises_lets_nothing_pass(option: str) -> None:
    def broken(asked: Any) -> bool:
        raise LookupError

    reached: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    options: dict[str, Any] = {option: broken}
    secured = SecurityMiddleware(app, CrossOriginProtection(**options))
    answer = request(secured, "POST", headers=[HOST, ("origin", "https://evil.example")])
    assert (answer.status, reached) == (500, [])
    assert isinstance(answer.error, LookupError)


def test_a_rehearsal_lets_through_and_says_so() -> None:
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(answering(), CrossOriginProtection(dry_run=True), on_event=events.append)
    assert request(app, "POST", headers=[HOST, ("sec-fetch-site", "cross-site")]).status == 200
    assert websocket(app, headers=[HOST, ("sec-fetch-site", "cross-site")]).status == 101
    assert request(app, "POST", headers=[HOST]).status == 200
    assert [(event.reason, event.method, event.rehearsed) for event in events] == [
        ("cross_origin", "POST", True),
        ("cross_origin", "WEBSOCKET", True),
    ]


def test_a_repeated_header_is_refused_first() -> None:
    """Of two values a reader behind could believe the other one."""
    twice = [HOST, ("sec-fetch-site", "same-origin"), ("sec-fetch-site", "cross-site")]
    assert request(SecurityMiddleware(answering(), CrossOriginProtection()), "POST", headers=twice).status == 400


def test_the_middleware_takes_the_policys_options() -> None:
    middleware = CrossOriginMiddleware(answering(), [TRUSTED], exempt=["/hook"])
    assert middleware.policies == (CrossOriginProtection((TRUSTED,), ("/hook",)),)
