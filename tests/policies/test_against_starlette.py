"""`CORSMiddleware` and `TrustedHostMiddleware` answer as Starlette's do, but for the differences named here.

Each difference has its reason, and an example that shows that it is one: should Starlette change, a test fails.
Requests that no difference covers are generated, and get the same answer.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from starlette.middleware.cors import CORSMiddleware as StarletteCORS
from starlette.middleware.trustedhost import TrustedHostMiddleware as StarletteHosts

from asgisec._wire.headers import is_field_value, is_token
from asgisec._wire.host import parse_host
from asgisec._wire.origin import parse_origin
from asgisec.errors import ConfigError
from asgisec.middleware import CORSMiddleware, TrustedHostMiddleware
from tests.asgi import answering, request

APP = "https://app.example.com"
ASK, METHOD = "access-control-request-headers", "access-control-request-method"
Lines = list[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """A configuration, a request, and the headers that the application answers with."""

    options: dict[str, Any] = field(default_factory=dict)
    headers: Lines = field(default_factory=list)
    method: str = "GET"
    own: Lines = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    def lines(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str:
        return next(iter(self.lines(name)), "")


@dataclass(frozen=True)
class Difference:
    """What is answered otherwise, why, and an example: Starlette's answer, then ours."""

    reason: str
    covers: Callable[[Asked], bool]
    example: Asked
    starlette: dict[str, Any]
    ours: dict[str, Any]


def facts(middleware: Callable[..., Any], asked: Asked) -> dict[str, Any]:
    """What matters of an answer; an exception that the middleware lets out is its own fact."""
    app = middleware(answering(headers=asked.own), **asked.options)
    recorded = request(app, asked.method, headers=asked.headers, **asked.more)
    if recorded.error is not None:
        return {"raises": type(recorded.error).__name__}
    found: dict[str, Any] = {"status": recorded.status, "body": recorded.body.decode()}
    for name, value in sorted(recorded.headers):
        if name.startswith("access-control-") or name in {"vary", "location"}:
            assert name not in found, f"{name} is there twice"
            found[name.removeprefix("access-control-")] = value
    return found


def stranger(asked: Asked) -> bool:
    origin, pattern = asked.header("origin"), asked.options.get("allow_origin_regex")
    listed = {origin, "*"} & set(asked.options.get("allow_origins", ()))
    return bool(asked.lines("origin")) and not listed and (pattern is None or not re.fullmatch(pattern, origin))


def preflight(asked: Asked) -> bool:
    return asked.method == "OPTIONS" and bool(asked.lines("origin")) and bool(asked.lines(METHOD))


def vary_names(asked: Asked) -> list[str]:
    return [name.strip().lower() for key, value in asked.own if key == "vary" for name in value.split(",")]


VARY = {"vary": "Origin"}
VARY_PREFLIGHT = {
    "vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, "
    "Access-Control-Request-Private-Network"
}
SAFELISTED = {"allow-headers": "Accept, Accept-Language, Content-Language, Content-Type"}
GRANTED = {"status": 200, "body": "OK", "allow-origin": APP, "allow-methods": "GET", "max-age": "600"} | VARY_PREFLIGHT
ONE = {"allow_origins": [APP]}

CORS_DIFFERENCES = {
    "a stranger learns nothing": Difference(
        "An origin that is not allowed gets no CORS header, so that nothing invites it to try further.",
        lambda asked: (
            stranger(asked)
            and (preflight(asked) or bool({"allow_credentials", "expose_headers"} & asked.options.keys()))
        ),
        Asked(ONE | {"allow_credentials": True, "expose_headers": ["X-Total"]}, [("origin", "https://evil.test")]),
        {"status": 200, "body": "hello", "allow-credentials": "true", "expose-headers": "X-Total"} | VARY,
        {"status": 200, "body": "hello"} | VARY,
    ),
    "a stranger learns nothing from a preflight": Difference(
        "As above.",
        lambda asked: stranger(asked) and preflight(asked),
        Asked(ONE, [("origin", "https://evil.test"), (METHOD, "GET")], "OPTIONS"),
        {"status": 400, "body": "Disallowed CORS origin", "allow-methods": "GET", "max-age": "600"}
        | VARY_PREFLIGHT
        | SAFELISTED,
        {"status": 400, "body": "Disallowed CORS origin"} | VARY_PREFLIGHT,
    ),
    "Vary names each header once": Difference(
        "RFC 9110 section 12.5.5: it is a set; `*` covers all.",
        lambda asked: not preflight(asked) and bool({"origin", "*"} & set(vary_names(asked))),
        Asked(ONE, own=[("vary", "Cookie, Origin")]),
        {"status": 200, "body": "hello", "vary": "Cookie, Origin, Origin"},
        {"status": 200, "body": "hello", "vary": "Cookie, Origin"},
    ),
    "CORS headers of the application stay": Difference(
        "A route may have a rule of its own; what it set wins over what is set for all.",
        lambda asked: any(name.startswith("access-control-") for name, _ in asked.own),
        Asked(ONE, [("origin", APP)], own=[("access-control-allow-origin", "https://own.test")]),
        {"status": 200, "body": "hello", "allow-origin": APP} | VARY,
        {"status": 200, "body": "hello", "allow-origin": "https://own.test"} | VARY,
    ),
    "a second Origin is refused": Difference(
        "It comes once only; two readers of the request could each see another.",
        lambda asked: len(asked.lines("origin")) > 1,
        Asked(ONE, [("origin", APP), ("origin", "https://evil.test")]),
        {"status": 200, "body": "hello", "allow-origin": APP} | VARY,
        {
            "status": 400,
            "body": '{"type":"about:blank","title":"Bad Request","status":400,'
            '"detail":"A header that may come once only was repeated."}',
        },
    ),
    "every line of a list is read": Difference(
        "A name on the second line of Access-Control-Request-Headers is asked for like one on the first.",
        lambda asked: preflight(asked) and (len(asked.lines(ASK)) > 1 or len(asked.lines(METHOD)) > 1),
        Asked(ONE, [("origin", APP), (METHOD, "GET"), (ASK, "accept"), (ASK, "x-a")], "OPTIONS"),
        GRANTED | SAFELISTED,
        GRANTED | SAFELISTED | {"status": 400, "body": "Disallowed CORS headers"},
    ),
    "patterns are given origins only": Difference(
        "A pattern such as `https://.*` matches text that no browser sends, and that must not be sent back.",
        lambda asked: (
            "allow_origin_regex" in asked.options
            and bool(asked.lines("origin"))
            and parse_origin(asked.header("origin").encode("latin-1")) is None
        ),
        Asked({"allow_origin_regex": "(?s)https://.*"}, [("origin", "https://a.test/b c")]),
        {"status": 200, "body": "hello", "allow-origin": "https://a.test/b c"} | VARY,
        {"status": 200, "body": "hello"} | VARY,
    ),
    "only names of headers are sent back": Difference(
        "With allow_headers=['*'] the request decides what stands in the response.",
        lambda asked: (
            preflight(asked)
            and "*" in asked.options.get("allow_headers", ())
            and not all(is_token(name.strip(" \t").encode("latin-1")) for name in asked.header(ASK).split(","))
        ),
        Asked(ONE | {"allow_headers": ["*"]}, [("origin", APP), (METHOD, "GET"), (ASK, "x a")], "OPTIONS"),
        GRANTED | {"allow-headers": "x a"},
        GRANTED | {"status": 400, "body": "Disallowed CORS headers"},
    ),
    "names sent back have no tab between them": Difference(
        "A control character has no place in a header of ours.",
        lambda asked: (
            "*" in asked.options.get("allow_headers", ()) and not is_field_value(asked.header(ASK).encode("latin-1"))
        ),
        Asked(ONE | {"allow_headers": ["*"]}, [("origin", APP), (METHOD, "GET"), (ASK, "x-a,\tx-b")], "OPTIONS"),
        GRANTED | {"allow-headers": "x-a,\tx-b"},
        GRANTED | {"allow-headers": "x-a, x-b"},
    ),
    "empty elements of a list are ignored": Difference(
        "RFC 9110 section 5.6.1.2: a recipient must.",
        lambda asked: preflight(asked) and any("" in map(str.strip, line.split(",")) for line in asked.lines(ASK)),
        Asked(ONE, [("origin", APP), (METHOD, "GET"), (ASK, "accept, ,")], "OPTIONS"),
        GRANTED | SAFELISTED | {"status": 400, "body": "Disallowed CORS headers"},
        GRANTED | SAFELISTED,
    ),
}  # fmt: skip

REFUSED = {"status": 400, "body": "Invalid host header"}
PASSED = {"status": 200, "body": "hello"}
WWW = {"allowed_hosts": ["www.example.com"]}


def host_of(asked: Asked) -> Any:
    return parse_host(asked.header("host").encode("latin-1"))


def lacks_www(asked: Asked) -> bool:
    host = host_of(asked)
    return host is not None and f"www.{host.name}" in asked.options["allowed_hosts"]


HOST_DIFFERENCES = {
    "a second Host is refused": Difference(
        "It comes once only; the second would reach the application.",
        lambda asked: len(asked.lines("host")) > 1,
        Asked({"allowed_hosts": ["example.com"]}, [("host", "example.com"), ("host", "evil.test")]),
        PASSED,
        CORS_DIFFERENCES["a second Origin is refused"].ours,
    ),
    "what is no host is refused, though any is allowed": Difference(
        "URLs that are built from it would have another path, or another host.",
        lambda asked: "*" in asked.options["allowed_hosts"] and bool(asked.lines("host")) and host_of(asked) is None,
        Asked({"allowed_hosts": ["*"]}, [("host", "example.com/admin?")]),
        PASSED,
        REFUSED,
    ),
    "what is no host is refused, though it looks like one that is allowed": Difference(
        "Whoever reads it next may take it for something else.",
        lambda asked: bool(asked.lines("host")) and host_of(asked) is None,
        Asked({"allowed_hosts": ["*.example.com"]}, [("host", "a&b.example.com")]),
        PASSED,
        REFUSED,
    ),
    "a trailing dot does not matter": Difference(
        "`example.com.` is the same host, written in full.",
        lambda asked: asked.header("host").partition(":")[0].endswith("."),
        Asked({"allowed_hosts": ["example.com"]}, [("host", "example.com.")]),
        REFUSED,
        PASSED,
    ),
    "a colon without a port does not matter": Difference(
        "RFC 3986 section 3.2.3: it is the same as none.",
        lambda asked: asked.header("host").endswith(":"),
        Asked({"allowed_hosts": ["example.com"]}, [("host", "example.com:")]),
        REFUSED,
        PASSED,
    ),
    "an entry may have a port": Difference(
        "With Starlette it never matches anything.",
        lambda asked: any(entry.rpartition(":")[2].isdigit() for entry in asked.options["allowed_hosts"]),
        Asked({"allowed_hosts": ["example.com:8000"]}, [("host", "example.com:8000")]),
        REFUSED,
        PASSED,
    ),
    "an IPv6 address may be written in each of its ways": Difference(
        "They are one host.",
        lambda asked: (
            asked.header("host")[:1] == "["
            and host_of(asked) is not None
            and not asked.header("host").startswith(host_of(asked).name)
        ),
        Asked({"allowed_hosts": ["[::1]"]}, [("host", "[0:0:0:0:0:0:0:1]")]),
        REFUSED,
        PASSED,
    ),
    "the host of a redirect is written in one way": Difference(
        "Caches keep one answer for it.",
        lambda asked: (
            lacks_www(asked) and (asked.header("host") != asked.header("host").lower() or ":0" in asked.header("host"))
        ),
        Asked(WWW, [("host", "Example.com:080")]),
        {"status": 307, "body": "", "location": "http://www.Example.com:080/"},
        {"status": 307, "body": "", "location": "http://www.example.com:80/"},
    ),
    "a redirect leads to the very path": Difference(
        "The path is decoded already; a percent sign in it is one, and a line break was not there by mistake.",
        lambda asked: lacks_www(asked) and bool(set("%\t\r\n") & set(asked.more.get("path", ""))),
        Asked(WWW, [("host", "example.com")], more={"path": "/a%41\n"}),
        {"status": 307, "body": "", "location": "http://www.example.com/a%41"},
        {"status": 307, "body": "", "location": "http://www.example.com/a%2541%0A"},
    ),
    "a redirect keeps any query": Difference(
        "Nothing in a request makes it raise.",
        lambda asked: lacks_www(asked) and not asked.more.get("query_string", b"").isascii(),
        Asked(WWW, [("host", "example.com")], more={"query_string": b"\xff"}),
        {"raises": "UnicodeDecodeError"},
        {"status": 307, "body": "", "location": "http://www.example.com/?%FF"},
    ),
}


@pytest.mark.parametrize("name", CORS_DIFFERENCES)
def test_cors_differs(name: str) -> None:
    difference = CORS_DIFFERENCES[name]
    assert difference.covers(difference.example)
    assert difference.reason.endswith(".")
    assert difference.starlette != difference.ours
    assert facts(StarletteCORS, difference.example) == difference.starlette
    assert facts(CORSMiddleware, difference.example) == difference.ours


@pytest.mark.parametrize("name", HOST_DIFFERENCES)
def test_hosts_differ(name: str) -> None:
    difference = HOST_DIFFERENCES[name]
    assert difference.covers(difference.example)
    assert difference.reason.endswith(".")
    assert difference.starlette != difference.ours
    assert facts(StarletteHosts, difference.example) == difference.starlette
    assert facts(TrustedHostMiddleware, difference.example) == difference.ours


_origins = st.sampled_from([APP, "http://localhost:3000", "https://evil.test", "null", f"{APP}.evil.test", f"{APP}/"])
_names = st.sampled_from(["x-a", "X-A", "X-B", "accept", "Authorization", "content-type", "x a", "", "x-é"])
_lists = st.lists(_names, max_size=3).flatmap(
    lambda names: st.sampled_from([",", ", ", " ,"]).map(lambda s: s.join(names))
)
_cors = st.fixed_dictionaries(
    {},
    optional={
        "allow_origins": st.lists(st.sampled_from([APP, "http://localhost:3000"]), max_size=2) | st.just(["*"]),
        "allow_origin_regex": st.sampled_from([r"https://.*\.example\.com", r"http://localhost:\d+"]),
        "allow_methods": st.lists(st.sampled_from(["GET", "PUT", "DELETE"]), max_size=2) | st.just(["*"]),
        "allow_headers": st.lists(st.sampled_from(["X-A", "x-b", "content-type"]), max_size=2) | st.just(["*"]),
        "allow_credentials": st.just(True),
        "allow_private_network": st.booleans(),
        "expose_headers": st.lists(st.sampled_from(["X-Total", "X-Page"]), min_size=1, max_size=2),
        "max_age": st.integers(0, 86400),
    },
)
_cors_lines = st.lists(
    st.tuples(st.just("origin"), _origins)
    | st.tuples(st.just(METHOD), st.sampled_from(["GET", "PUT", "get", "TRACE", ""]))
    | st.tuples(st.just(ASK), _lists)
    | st.tuples(st.just("access-control-request-private-network"), st.sampled_from(["true", "false"])),
    max_size=4,
)
_own = st.lists(
    st.tuples(st.just("vary"), st.sampled_from(["Cookie", "Accept", "Accept, Cookie", "Origin", "*"]))
    | st.tuples(st.just("access-control-allow-origin"), st.just("https://own.test"))
    | st.just(("x-total", "5")),
    max_size=2,
    unique=True,
)


@given(st.builds(Asked, _cors, _cors_lines, st.sampled_from(["GET", "POST", "OPTIONS"]), _own))
def test_all_other_requests_get_starlettes_cors(asked: Asked) -> None:
    assume(not ("*" in asked.options.get("allow_origins", ()) and asked.options.get("allow_credentials")))
    assume(len(set(vary_names(asked))) == len(vary_names(asked)))
    assume(not any(difference.covers(asked) for difference in CORS_DIFFERENCES.values()))
    assert facts(CORSMiddleware, asked) == facts(StarletteCORS, asked)


_hosts = st.sampled_from(
    [
        *("example.com", "Example.com", "example.com.", "example.com:8000", "example.com:99999", "www.example.com"),
        *("a.example.org", "a.b.example.org:1", "example.org", ".example.org", "evilexample.org", "a_b.example.org"),
        *("127.0.0.1", "[::1]", "[::1]:80", "[0:0::1]", "evil.test", "", "a/b", "user@example.com", "example.com:"),
    ]
)
_entries = st.sampled_from(
    ["example.com", "Example.COM", "www.example.com", "*.example.org", "*", "127.0.0.1", "[::1]", "example.com:8000"]
)
_paths = st.text(alphabet="ab/~é%?#[]{}|\\^ \"'<>@:;,=+&$!*()\n", max_size=8).map("/".__add__)
_queries = st.text(alphabet="ab=&%[]{}|^ \"'<>@:;,+$!*()?/~", max_size=8).map(str.encode)


@given(
    st.builds(
        Asked,
        st.fixed_dictionaries(
            {"allowed_hosts": st.lists(_entries, min_size=1, max_size=3)}, optional={"www_redirect": st.booleans()}
        ),
        st.lists(st.tuples(st.just("host"), _hosts), max_size=2),
        more=st.fixed_dictionaries(
            {}, optional={"path": _paths, "query_string": _queries, "scheme": st.sampled_from(["http", "https"])}
        ),
    )
)
def test_all_other_requests_get_starlettes_answer_for_their_host(asked: Asked) -> None:
    assume(not any(difference.covers(asked) for difference in HOST_DIFFERENCES.values()))
    assert facts(TrustedHostMiddleware, asked) == facts(StarletteHosts, asked)


@pytest.mark.parametrize(
    ("peer", "ours", "options"),
    [
        pytest.param(
            StarletteCORS,
            CORSMiddleware,
            {"allow_origins": ["*"], "allow_credentials": True},
            id="every origin with credentials: it reflects any, with them",
        ),
        pytest.param(StarletteCORS, CORSMiddleware, {"allow_origins": f"{APP},*"}, id="a text: any origin, for its *"),
        pytest.param(StarletteCORS, CORSMiddleware, {"allow_origins": ["null"]}, id="null: any sandboxed frame"),
        pytest.param(StarletteCORS, CORSMiddleware, {"allow_origins": [f"{APP}/"]}, id="a slash: it never matches"),
        pytest.param(StarletteCORS, CORSMiddleware, {"allow_methods": ["put"]}, id="small letters: it never matches"),
        pytest.param(StarletteCORS, CORSMiddleware, {"max_age": "ten"}, id="an age that browsers ignore"),
        pytest.param(
            StarletteCORS,
            CORSMiddleware,
            {"allow_origin_regex": ".*", "allow_credentials": True},
            id="a pattern for every site, with credentials",
        ),
        pytest.param(StarletteHosts, TrustedHostMiddleware, {"allowed_hosts": []}, id="no host: it refuses everything"),
        pytest.param(
            StarletteHosts, TrustedHostMiddleware, {"allowed_hosts": "example.com"}, id="a text: read by letters"
        ),
        pytest.param(
            StarletteHosts, TrustedHostMiddleware, {"allowed_hosts": ["https://a.test"]}, id="a URL: it never matches"
        ),
    ],
)
def test_what_starlette_takes_and_we_refuse_at_start(peer: Any, ours: Any, options: Any) -> None:
    peer(answering(), **options)
    with pytest.raises(ConfigError):
        ours(answering(), **options)
