"""`CORSMiddleware` answers as Starlette's does, but for the differences named here.

Each difference has its reason, and an example that shows that it is one: should Starlette change, a test fails.
Requests that no difference covers are generated, and get the same answer.
"""

import re
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from starlette.middleware.cors import CORSMiddleware as StarletteCORS

from asgisec._wire.headers import is_field_value, is_token
from asgisec._wire.origin import parse_origin
from asgisec.errors import ConfigError
from asgisec.middleware import CORSMiddleware
from tests.asgi import answering
from tests.policies.peers import REPEATED, Asked, Difference, facts

APP = "https://app.example.com"
ASK, METHOD = "access-control-request-headers", "access-control-request-method"


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
        lambda asked: (
            not preflight(asked) and len({"origin", *vary_names(asked)} - {"*"}) != len(vary_names(asked)) + 1
        ),
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
        REPEATED,
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


@pytest.mark.parametrize("name", CORS_DIFFERENCES)
def test_cors_differs(name: str) -> None:
    difference = CORS_DIFFERENCES[name]
    assert difference.covers(difference.example)
    assert difference.reason.endswith(".")
    assert difference.starlette != difference.ours
    assert facts(StarletteCORS, difference.example) == difference.starlette
    assert facts(CORSMiddleware, difference.example) == difference.ours


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
    assume(not any(difference.covers(asked) for difference in CORS_DIFFERENCES.values()))
    assert facts(CORSMiddleware, asked) == facts(StarletteCORS, asked)


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(
            {"allow_origins": ["*"], "allow_credentials": True},
            id="every origin with credentials: it reflects any, with them",
        ),
        pytest.param({"allow_origins": f"{APP},*"}, id="a text: any origin, for its *"),
        pytest.param({"allow_origins": ["null"]}, id="null: any sandboxed frame"),
        pytest.param({"allow_origins": [f"{APP}/"]}, id="a slash: it never matches"),
        pytest.param({"allow_methods": ["put"]}, id="small letters: it never matches"),
        pytest.param({"max_age": "ten"}, id="an age that browsers ignore"),
        pytest.param(
            {"allow_origin_regex": ".*", "allow_credentials": True},
            id="a pattern for every site, with credentials",
        ),
    ],
)
def test_what_starlette_takes_and_we_refuse_at_start(options: Any) -> None:
    StarletteCORS(answering(), **options)
    with pytest.raises(ConfigError):
        CORSMiddleware(answering(), **options)
