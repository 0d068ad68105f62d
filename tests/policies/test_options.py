"""Every option of every policy: its default, each kind of value it takes, and what is said of any other."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from asgisec import CORS, HSTS, Policy, RequestID, SecurityHeaders, TrustedHosts
from asgisec.errors import ConfigError
from asgisec.policies._options import a_list
from tests.policies.invalid import CHOICES, INVALID, ORIGIN, YEAR, hosts


@pytest.mark.parametrize(
    ("made", "defaults"),
    [
        pytest.param(
            RequestID(),
            {
                "header": "X-Request-ID",
                "trust_inbound": True,
                "generator": None,
                "validator": None,
                "update_request_header": False,
            },
            id="RequestID",
        ),
        pytest.param(hosts(), {"www_redirect": True, "exempt": ()}, id="TrustedHosts"),
        pytest.param(
            CORS(),
            {
                "allow_origins": (),
                "allow_methods": ("GET",),
                "allow_headers": (),
                "allow_credentials": False,
                "allow_origin_regex": None,
                "allow_private_network": False,
                "expose_headers": (),
                "max_age": 600,
            },
            id="CORS",
        ),
        pytest.param(HSTS(), {"max_age": 2 * YEAR, "include_subdomains": True, "preload": False}, id="HSTS"),
        pytest.param(
            SecurityHeaders(),
            {
                "content_security_policy": "default-src 'none'; frame-ancestors 'none'",
                "content_security_policy_report_only": None,
                "strict_transport_security": HSTS(),
                "content_type_options": "nosniff",
                "frame_options": "DENY",
                "referrer_policy": "no-referrer",
                "cross_origin_opener_policy": "same-origin",
                "cross_origin_embedder_policy": None,
                "cross_origin_resource_policy": "same-origin",
                "permitted_cross_domain_policies": None,
                "cache_control": "no-store",
                "strip": ("Server", "X-Powered-By"),
            },
            id="SecurityHeaders",
        ),
    ],
)
def test_defaults(made: object, defaults: dict[str, object]) -> None:
    assert {name: getattr(made, name) for name in defaults} == defaults


@pytest.mark.parametrize(("make", "options", "message"), INVALID.values(), ids=INVALID)
def test_invalid_values(make: Callable[..., object], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make(**options)
    error = caught.value
    assert str(error).startswith(message)
    assert len(error.mend) > 10
    assert str(error).endswith(f": {error.mend}")


def test_every_option_has_an_invalid_row() -> None:
    kinds = {RequestID: RequestID, hosts: TrustedHosts, CORS: CORS, HSTS: HSTS, SecurityHeaders: SecurityHeaders}
    shown = {(kinds[make], option) for make, options, _ in INVALID.values() for option in options}
    assert shown == {(kind, field.name) for kind in kinds.values() for field in fields(kind) if field.init}


def test_wrong_options_are_found_without_asserts_too() -> None:
    """Peers check with `assert`, which `python -O` removes: then `*example.com` lets evilexample.com in."""
    program = """
import sys
from tests.policies.invalid import INVALID
assert False, "asserts must be off in this interpreter"
from asgisec.errors import ConfigError
for name, (make, options, message) in INVALID.items():
    try:
        make(**options)
    except ConfigError as error:
        if str(error).startswith(message):
            continue
    sys.exit(name)
print(len(INVALID))
"""
    ran = subprocess.run([sys.executable, "-O", "-c", program], capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"{len(INVALID)}\n", "")


@pytest.mark.parametrize(
    ("make", "options"),
    [
        pytest.param(
            RequestID, {"header": "Correlation-Id", "generator": lambda: str(uuid4())}, id="ids of another kind"
        ),
        pytest.param(RequestID, {"validator": str.isdigit, "trust_inbound": False}, id="validator"),
        pytest.param(RequestID, {"generator": lambda: "x" * 128}, id="the longest id"),
        pytest.param(
            hosts, {"allowed_hosts": {"a.example", "B.example.:8000", "[::1]", "*.C.example", "*"}}, id="hosts"
        ),
        pytest.param(hosts, {"exempt": ["/health", "/"]}, id="exempt paths"),
        pytest.param(hosts, {"exempt": lambda exchange: True}, id="exempt predicate"),
        pytest.param(CORS, {"allow_origins": {ORIGIN, "http://localhost:3000", "http://[::1]"}}, id="origins"),
        pytest.param(CORS, {"allow_origins": ["*"], "expose_headers": ["*"], "allow_headers": ["*"]}, id="everything"),
        pytest.param(CORS, {"allow_methods": ["*"], "max_age": timedelta(hours=1)}, id="methods and timedelta"),
        pytest.param(CORS, {"allow_methods": (), "max_age": 0}, id="no method, no age"),
        pytest.param(
            CORS, {"allow_origin_regex": r"https://[a-z]+\.example\.com", "allow_credentials": True}, id="regex"
        ),
        pytest.param(HSTS, {"max_age": timedelta(days=365), "preload": True}, id="preload"),
        pytest.param(HSTS, {"max_age": 0, "include_subdomains": False}, id="forget"),
        pytest.param(SecurityHeaders, {"strip": ()}, id="strip nothing"),
    ],
)
def test_valid_values(make: Callable[..., object], options: dict[str, Any]) -> None:
    assert make(**options) == make(**options)


@pytest.mark.parametrize(
    ("option", "value"), [(option, value) for option, values in CHOICES.items() for value in [*values, None]]
)
def test_each_choice_is_sent_as_it_is(option: str, value: str | None) -> None:
    options: dict[str, Any] = {option: value}
    policy = SecurityHeaders(**options)
    sent = {header.decode(): text.decode() for header, text in policy.response_headers}
    words = option.replace("_", "-")
    assert next((text for header, text in sent.items() if header in {words, f"x-{words}"}), None) == value


@pytest.mark.parametrize("policy", [RequestID(), hosts(), CORS(), SecurityHeaders(), HSTS()])
def test_options_cannot_be_changed_afterwards(policy: Policy) -> None:
    for name in vars(policy):
        with pytest.raises(AttributeError):
            setattr(policy, name, None)


def test_lists_are_copied() -> None:
    mine = [ORIGIN]
    policy = CORS(allow_origins=mine)
    mine.append("https://evil.test")
    assert policy.allow_origins == (ORIGIN,)
    assert not policy.allows(b"https://evil.test")


def test_a_generator_expression_would_be_empty_the_second_time() -> None:
    with pytest.raises(ConfigError, match="write a list of strings"):
        a_list("option", (text for text in ["a"]))


def test_the_cause_of_a_broken_generator_is_kept() -> None:
    with pytest.raises(ConfigError) as caught:
        RequestID(generator=lambda: str(1 // 0))
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
