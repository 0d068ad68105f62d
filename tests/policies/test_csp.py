"""Content security policies written in Python, and how they are sent."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgisec import CSP, SecurityHeaders, SecurityMiddleware
from asgisec.errors import ConfigError
from asgisec.policies.csp import NONCE, NONE, SELF
from tests.asgi import answering, request

SOURCES = [
    "*",
    "data:",
    "https:",
    "cdn.example.com",
    "*.example.com:*",
    "https://cdn.example.com/a@5/b.js",
    SELF,
    NONCE,
]


def sent(name: str = "content-security-policy", **options: Any) -> str:
    app = SecurityMiddleware(answering(), SecurityHeaders(**options))
    (value,) = request(app).values(name)
    return value


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        pytest.param(CSP(), "", id="nothing said"),
        pytest.param(
            CSP(default_src=[NONE], frame_ancestors=[NONE]), "default-src 'none'; frame-ancestors 'none'", id="api"
        ),
        pytest.param(CSP(script_src_elem=[SELF, NONCE]), "script-src-elem 'self' 'nonce'", id="a nonce"),
        pytest.param(CSP(img_src=[SELF, "data:"]), "img-src 'self' data:", id="a scheme"),
        pytest.param(
            CSP(connect_src=["wss://api.example.com:8443"]), "connect-src wss://api.example.com:8443", id="host"
        ),
        pytest.param(CSP(connect_src=["https://[2001:db8::1]"]), "connect-src https://[2001:db8::1]", id="address"),
        pytest.param(CSP(sandbox=[]), "sandbox", id="a sandbox that allows nothing"),
        pytest.param(CSP(sandbox=["allow-forms"]), "sandbox allow-forms", id="a sandbox"),
        pytest.param(
            CSP(require_trusted_types_for=["'script'"], trusted_types=["lit-html"]),
            "require-trusted-types-for 'script'; trusted-types lit-html",
            id="trusted types",
        ),
        pytest.param(
            CSP(default_src=[SELF], report_to="csp", upgrade_insecure_requests=True),
            "default-src 'self'; report-to csp; upgrade-insecure-requests",
            id="without a list",
        ),
    ],
)
def test_text(policy: CSP, text: str) -> None:
    assert str(policy) == text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"script_src": ["self"]}, """CSP(script_src=) got 'self': write "'self'\"""", id="no quotes"),
        pytest.param(
            {"script_src": ["unsafe-inline"]}, "CSP(script_src=) got 'unsafe-inline': write", id="no quotes, two words"
        ),
        pytest.param({"script_src": "'self'"}, "CSP(script_src=) got \"'self'\": write a list", id="a text for a list"),
        pytest.param(
            {"script_src": [SELF, NONE]}, "CSP(script_src=) got (\"'self'\", \"'none'\"): write 'none' alone", id="none"
        ),
        pytest.param(
            {"script_src": ["'nonce-abc'"]}, "CSP(script_src=) got \"'nonce-abc'\": write", id="a nonce for all"
        ),
        pytest.param({"script_src": ["'sha256-'"]}, "CSP(script_src=) got \"'sha256-'\": write", id="an empty hash"),
        pytest.param(
            {"img_src": ["a.example; script-src *"]},
            "CSP(img_src=) got 'a.example; script-src *': write",
            id="attack: another directive",
        ),
        pytest.param({"img_src": ["a.example, default-src *"]}, "CSP(img_src=) got", id="attack: another policy"),
        pytest.param(
            {"img_src": ["a.example\r\nX: y"]},
            r"CSP(img_src=) got 'a.example\r\nX: y': write",
            id="attack: a line break",
        ),
        pytest.param({"img_src": ["https://"]}, "CSP(img_src=) got 'https://': write", id="no host"),
        pytest.param({"img_src": ["é.example"]}, "CSP(img_src=) got 'é.example': write", id="another alphabet"),
        pytest.param({"sandbox": ["allow forms"]}, "CSP(sandbox=) got 'allow forms': write", id="two words in one"),
        pytest.param(
            {"report_to": "a b"}, "CSP(report_to=) got 'a b': write the name of an endpoint", id="two endpoints"
        ),
        pytest.param(
            {"upgrade_insecure_requests": "no"}, "CSP(upgrade_insecure_requests=) got 'no': write True", id="a text"
        ),
    ],
)
def test_invalid_values(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        CSP(**options)


@pytest.mark.parametrize(
    ("policy", "merged"),
    [
        pytest.param(
            CSP(script_src=["a.example"]), "default-src 'self'; script-src 'self' a.example", id="a source more"
        ),
        pytest.param(CSP(script_src=[SELF]), "default-src 'self'; script-src 'self'", id="the same source"),
        pytest.param(CSP(script_src=[NONE]), "default-src 'self'; script-src 'self'", id="nothing more"),
        pytest.param(
            CSP(object_src=[NONE]), "default-src 'self'; script-src 'self'; object-src 'none'", id="a directive more"
        ),
        pytest.param(
            CSP(report_to="csp", upgrade_insecure_requests=True),
            "default-src 'self'; script-src 'self'; report-to csp; upgrade-insecure-requests",
            id="what is no list",
        ),
    ],
)
def test_two_policies_are_one(policy: CSP, merged: str) -> None:
    assert str(CSP(default_src=[SELF], script_src=[SELF]) | policy) == merged


def test_none_gives_way_to_a_source() -> None:
    assert str(CSP(img_src=[NONE]) | CSP(img_src=["data:"])) == "img-src data:"
    assert str(CSP(img_src=[NONE]) | CSP(img_src=[NONE])) == "img-src 'none'"


_lists = st.none() | st.lists(st.sampled_from(SOURCES), min_size=1, max_size=4)
_policies = st.builds(CSP, default_src=_lists, script_src=_lists, img_src=_lists)


@given(_policies, _policies)
def test_a_merged_policy_allows_what_either_does_and_no_more(one: CSP, other: CSP) -> None:
    both = one | other
    for name in ("default_src", "script_src", "img_src"):
        either = {*(getattr(one, name) or ()), *(getattr(other, name) or ())}
        assert set(getattr(both, name) or ()) == either
        assert len(getattr(both, name) or ()) == len(either), "each source once"


@given(st.text(max_size=40))
def test_no_source_leaves_its_directive(source: str) -> None:
    try:
        written = str(CSP(img_src=[source]))
    except ConfigError:
        return
    assert written == f"img-src {source}"
    assert not set(source) & set(' ;,\r\n\t"\0')
    assert source.isascii()


def test_a_hash_is_of_what_stands_between_the_tags() -> None:
    # `printf 'alert(1)' | openssl dgst -sha256 -binary | base64`
    assert CSP.hash_of("alert(1)") == "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='"


class TestSending:
    def test_a_policy_is_sent_as_its_text(self) -> None:
        assert sent(content_security_policy=CSP(default_src=[SELF])) == "default-src 'self'"

    def test_a_nonce_is_put_in(self) -> None:
        value = sent(content_security_policy=CSP(script_src=[NONCE], style_src=[NONCE]))
        assert re.fullmatch(r"script-src 'nonce-([\w-]{22})'; style-src 'nonce-\1'", value)

    def test_reports_go_to_the_endpoint_by_name_and_by_address(self) -> None:
        endpoints = {"csp": "https://reports.example.com/csp", "other": "/reports"}
        options: dict[str, Any] = {
            "content_security_policy": CSP(default_src=[SELF], report_to="csp"),
            "reporting_endpoints": endpoints,
        }
        assert sent(**options) == "default-src 'self'; report-to csp; report-uri https://reports.example.com/csp"
        assert sent("reporting-endpoints", **options) == 'csp="https://reports.example.com/csp", other="/reports"'

    def test_both_headers_share_the_nonce(self) -> None:
        policy = CSP(script_src=[NONCE])
        app = SecurityMiddleware(
            answering(), SecurityHeaders(content_security_policy=policy, content_security_policy_report_only=policy)
        )
        recorded = request(app)
        enforced, reported = (
            recorded.values(name) for name in ("content-security-policy", "content-security-policy-report-only")
        )
        assert enforced == reported
        assert len(enforced) == 1

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            pytest.param(
                {"content_security_policy_report_only": CSP(sandbox=[])},
                "leave sandbox out: in a policy that is only reported it does nothing",
                id="a sandbox, reported only",
            ),
            pytest.param(
                {"content_security_policy_report_only": CSP(upgrade_insecure_requests=True)},
                "leave upgrade_insecure_requests out: in a policy that is only reported it does nothing",
                id="upgrades, reported only",
            ),
            pytest.param(
                {"content_security_policy": CSP(report_to="csp")},
                "name the endpoint: reporting_endpoints={'csp': 'https://...'}",
                id="an endpoint that has no address",
            ),
            pytest.param({"reporting_endpoints": "https://a.example"}, "write a mapping", id="endpoints without names"),
            pytest.param({"reporting_endpoints": {"csp": "http://a.example/"}}, "write {'csp': 'https", id="in clear"),
            pytest.param(
                {"reporting_endpoints": {"csp": 'https://a.example/", x="'}}, "write {'csp'", id="attack: a quote"
            ),
            pytest.param({"reporting_endpoints": {"C S P": "https://a.example/"}}, "write {'csp'", id="no name"),
            pytest.param({"reporting_endpoints": {1: "https://a.example/"}}, "write {'csp'", id="a number for a name"),
            pytest.param({"reporting_endpoints": {"csp": 1}}, "write {'csp'", id="a number for an address"),
        ],
    )
    def test_what_cannot_be_sent(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(message)):
            SecurityHeaders(**options)

    def test_the_application_s_own_policy_is_not_sent_twice(self) -> None:
        """Browsers apply every policy they get: two of them allow only what both do."""
        app = SecurityMiddleware(
            answering(headers=[("content-security-policy", "default-src 'self'")]),
            SecurityHeaders(content_security_policy=CSP(default_src=[NONE])),
        )
        assert request(app).values("content-security-policy") == ["default-src 'self'"]


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("default-src self", """write default-src "'self'\""""),
        ("default-src 'none'; script-src 'self' unsafe-inline", """write script-src "'unsafe-inline'\""""),
        ("default-src 'none';frame-ancestors None;", """write frame-ancestors "'None'\""""),
        ("Default-Src nonce", """write Default-Src "'nonce'\""""),
    ],
)
def test_a_keyword_without_its_quotes_in_a_text_is_refused_at_start(text: str, mend: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(f"{mend}: without its quotes it is a host")):
        SecurityHeaders(content_security_policy=text)


@pytest.mark.parametrize(
    "text", ["default-src 'none'; report-to self;", "report-uri self", ";", "script-src https://self.example 'SELF'"]
)
def test_what_else_stands_in_a_text_stays_as_it_is(text: str) -> None:
    assert (b"content-security-policy", text.encode()) in SecurityHeaders(content_security_policy=text).response_headers
