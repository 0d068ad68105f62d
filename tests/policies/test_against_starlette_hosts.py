"""`TrustedHostMiddleware` answers as Starlette's does, but for the differences named here.

Each difference has its reason, and an example that shows that it is one: should Starlette change, a test fails.
Requests that no difference covers are generated, and get the same answer.
"""

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from starlette.middleware.trustedhost import TrustedHostMiddleware as StarletteHosts

from asgisec._wire.host import parse_host
from asgisec.errors import ConfigError
from asgisec.middleware import TrustedHostMiddleware
from tests.asgi import answering
from tests.policies.peers import REPEATED, Asked, Difference, facts

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
        REPEATED,
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


@pytest.mark.parametrize("name", HOST_DIFFERENCES)
def test_hosts_differ(name: str) -> None:
    difference = HOST_DIFFERENCES[name]
    assert difference.covers(difference.example)
    assert difference.reason.endswith(".")
    assert difference.starlette != difference.ours
    assert facts(StarletteHosts, difference.example) == difference.starlette
    assert facts(TrustedHostMiddleware, difference.example) == difference.ours


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
    "options",
    [
        pytest.param({"allowed_hosts": []}, id="no host: it refuses everything"),
        pytest.param({"allowed_hosts": "example.com"}, id="a text: read by letters"),
        pytest.param({"allowed_hosts": ["https://a.test"]}, id="a URL: it never matches"),
    ],
)
def test_what_starlette_takes_and_we_refuse_at_start(options: Any) -> None:
    StarletteHosts(answering(), **options)
    with pytest.raises(ConfigError):
        TrustedHostMiddleware(answering(), **options)
