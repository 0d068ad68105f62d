"""Values that an option does not take, each with the begin of what is said of it."""

from collections.abc import Callable
from dataclasses import fields
from datetime import timedelta
from typing import Any
from uuid import UUID

from asgisec import CORS, HSTS, RequestID, SecurityHeaders, TrustedHosts

ORIGIN = "https://app.example.com"
YEAR = 31_536_000


def hosts(**options: Any) -> TrustedHosts:
    return TrustedHosts(**{"allowed_hosts": ["api.example.com"], **options})


async def a_coroutine(*given: object) -> bool:
    return False


class ACoroutine:
    async def __call__(self, exchange: object) -> bool:
        return False


Row = tuple[Callable[..., object], dict[str, Any], str]

INVALID: dict[str, Row] = {
    # RequestID
    "an empty header": (RequestID, {"header": ""}, "RequestID(header=) got '': "),
    "a header with a colon": (RequestID, {"header": "X-Id:"}, "RequestID(header=) got 'X-Id:': "),
    "a header with a line break": (RequestID, {"header": "X\r\nY"}, r"RequestID(header=) got 'X\r\nY': "),
    "a header of other letters": (RequestID, {"header": "X-Ü"}, "RequestID(header=) got 'X-Ü': "),
    "a header of bytes": (RequestID, {"header": b"X-Id"}, "RequestID(header=) got b'X-Id': "),
    "no header": (RequestID, {"header": None}, "RequestID(header=) got None: "),
    "a validator that is a pattern": (RequestID, {"validator": "[0-9]+"}, "RequestID(validator=) got '[0-9]+': "),
    "a validator whose call is a coroutine": (
        RequestID,
        {"validator": ACoroutine()},
        "RequestID(validator=) got <tests.policies.invalid.ACoroutine",
    ),
    "a validator that is a coroutine": (
        RequestID,
        {"validator": a_coroutine},
        "RequestID(validator=) got <function a_coroutine",
    ),
    "a generator that is a coroutine": (
        RequestID,
        {"generator": a_coroutine},
        "RequestID(generator=) got <function a_coroutine",
    ),
    "a generator that is a text": (RequestID, {"generator": "id"}, "RequestID(generator=) got 'id': "),
    "a generator of UUID objects": (
        RequestID,
        {"generator": lambda: UUID(int=7)},
        "RequestID(generator=) got UUID('00000000-0000-0000-0000-000000000007'): ",
    ),
    "a generator of empty ids": (RequestID, {"generator": lambda: ""}, "RequestID(generator=) got '': "),
    "a generator of long ids": (RequestID, {"generator": lambda: "x" * 129}, "RequestID(generator=) got 'xxx"),
    "a generator of a second header": (
        RequestID,
        {"generator": lambda: "a\r\nb"},
        r"RequestID(generator=) got 'a\r\nb': ",
    ),
    "a generator of other digits": (RequestID, {"generator": lambda: "٣"}, "RequestID(generator=) got '٣': "),
    "a generator that raises": (RequestID, {"generator": lambda: 1 // 0}, "RequestID(generator=) got <function"),
    "a generator that takes arguments": (
        RequestID,
        {"generator": lambda request: "id"},
        "RequestID(generator=) got <function",
    ),
    # TrustedHosts
    "no host": (hosts, {"allowed_hosts": []}, "TrustedHosts(allowed_hosts=) got []: "),
    "one text of hosts": (
        hosts,
        {"allowed_hosts": "example.com"},
        "TrustedHosts(allowed_hosts=) got 'example.com': write a list: ['example.com']",
    ),
    "hosts that are None": (hosts, {"allowed_hosts": None}, "TrustedHosts(allowed_hosts=) got None: "),
    "hosts of bytes": (hosts, {"allowed_hosts": [b"a"]}, "TrustedHosts(allowed_hosts=) got [b'a']: "),
    "a host with a scheme": (
        hosts,
        {"allowed_hosts": ["https://a.example"]},
        "TrustedHosts(allowed_hosts=) got 'https://a.example': write the host alone",
    ),
    "a host with a path": (
        hosts,
        {"allowed_hosts": ["a.example/x"]},
        "TrustedHosts(allowed_hosts=) got 'a.example/x': write the host alone",
    ),
    "an empty host": (hosts, {"allowed_hosts": [""]}, "TrustedHosts(allowed_hosts=) got '': write a host"),
    "a host in capitals, shown as written": (
        hosts,
        {"allowed_hosts": ["A..Example"]},
        "TrustedHosts(allowed_hosts=) got 'A..Example': write a host",
    ),
    "a host with a line break": (
        hosts,
        {"allowed_hosts": ["a\n"]},
        r"TrustedHosts(allowed_hosts=) got 'a\n': write a host",
    ),
    "a host that is not in Punycode": (
        hosts,
        {"allowed_hosts": ["bücher.example"]},
        "TrustedHosts(allowed_hosts=) got 'bücher.example': write a host",
    ),
    "IPv6 without brackets": (hosts, {"allowed_hosts": ["::1"]}, "TrustedHosts(allowed_hosts=) got '::1': "),
    "a port too high": (hosts, {"allowed_hosts": ["a:99999"]}, "TrustedHosts(allowed_hosts=) got 'a:99999': "),
    # `assert`, as peers check it, is gone under -O: then this entry lets evilexample.com in.
    "a wildcard that is no label": (
        hosts,
        {"allowed_hosts": ["*example.com"]},
        "TrustedHosts(allowed_hosts=) got '*example.com': write '*.example.com'",
    ),
    "a wildcard inside": (hosts, {"allowed_hosts": ["a.*.com"]}, "TrustedHosts(allowed_hosts=) got 'a.*.com': "),
    "two wildcards": (hosts, {"allowed_hosts": ["*.*.com"]}, "TrustedHosts(allowed_hosts=) got '*.*.com': "),
    "a wildcard alone with its dot": (hosts, {"allowed_hosts": ["*."]}, "TrustedHosts(allowed_hosts=) got '*.': "),
    "a wildcard with a port": (
        hosts,
        {"allowed_hosts": ["*.example.com:80"]},
        "TrustedHosts(allowed_hosts=) got '*.example.com:80': a wildcard covers names on any port",
    ),
    "a wildcard of addresses": (
        hosts,
        {"allowed_hosts": ["*.[::1]"]},
        "TrustedHosts(allowed_hosts=) got '*.[::1]': a wildcard covers names on any port",
    ),
    "a number for exempt paths": (hosts, {"exempt": 5}, "TrustedHosts(exempt=) got 5: write a list of exact paths"),
    "one text of exempt paths": (
        hosts,
        {"exempt": "/health"},
        "TrustedHosts(exempt=) got '/health': write a list: ['/health']",
    ),
    "an exempt prefix": (hosts, {"exempt": ["/health*"]}, "TrustedHosts(exempt=) got '/health*': write an exact path"),
    "an exempt query": (hosts, {"exempt": ["/h?a=1"]}, "TrustedHosts(exempt=) got '/h?a=1': write an exact path"),
    "an exempt path without a slash": (hosts, {"exempt": ["health"]}, "TrustedHosts(exempt=) got 'health': "),
    "an exempt predicate that is a coroutine": (
        hosts,
        {"exempt": a_coroutine},
        "TrustedHosts(exempt=) got <function a_coroutine",
    ),
    "an exempt predicate whose call is a coroutine": (
        hosts,
        {"exempt": ACoroutine()},
        "TrustedHosts(exempt=) got <tests.policies.invalid.ACoroutine",
    ),
    "an exempt path of bytes": (hosts, {"exempt": [b"/health"]}, "TrustedHosts(exempt=) got b'/health': "),
    # CORS
    "one text of origins": (CORS, {"allow_origins": "*"}, "CORS(allow_origins=) got '*': write a list: ['*']"),
    "origins that are a number": (CORS, {"allow_origins": 5}, "CORS(allow_origins=) got 5: write a list of strings"),
    "every origin, with credentials": (
        CORS,
        {"allow_origins": ["*"], "allow_credentials": True},
        "CORS(allow_origins=) got ('*',): name the origins",
    ),
    "every origin among others, with credentials": (
        CORS,
        {"allow_origins": [ORIGIN, "*"], "allow_credentials": True},
        f"CORS(allow_origins=) got ('{ORIGIN}', '*'): name the origins",
    ),
    "the origin null": (CORS, {"allow_origins": ["null"]}, "CORS(allow_origins=) got 'null': leave it out"),
    "an origin with a slash": (
        CORS,
        {"allow_origins": [f"{ORIGIN}/"]},
        f"CORS(allow_origins=) got '{ORIGIN}/': write '{ORIGIN}', as a browser sends it",
    ),
    "an origin with a path": (
        CORS,
        {"allow_origins": [f"{ORIGIN}/app"]},
        f"CORS(allow_origins=) got '{ORIGIN}/app': write '{ORIGIN}', as a browser sends it",
    ),
    "an origin in capitals": (
        CORS,
        {"allow_origins": ["HTTPS://App.Example.com"]},
        f"CORS(allow_origins=) got 'HTTPS://App.Example.com': write '{ORIGIN}', as a browser sends it",
    ),
    "an origin with its default port": (
        CORS,
        {"allow_origins": [f"{ORIGIN}:443"]},
        f"CORS(allow_origins=) got '{ORIGIN}:443': write '{ORIGIN}', as a browser sends it",
    ),
    "an origin without a scheme": (
        CORS,
        {"allow_origins": ["App.example.com/x"]},
        f"CORS(allow_origins=) got 'App.example.com/x': write the scheme, too: '{ORIGIN}'",
    ),
    "a wildcard origin": (
        CORS,
        {"allow_origins": ["https://*.example.com"]},
        "CORS(allow_origins=) got 'https://*.example.com': write each origin, or use allow_origin_regex",
    ),
    "an origin with user information": (
        CORS,
        {"allow_origins": ["https://a@b.example"]},
        "CORS(allow_origins=) got 'https://a@b.example': write an origin as a browser sends it",
    ),
    "an origin of another scheme with a bad host": (
        CORS,
        {"allow_origins": ["app://-"]},
        "CORS(allow_origins=) got 'app://-': write an origin as a browser sends it",
    ),
    "an empty origin": (CORS, {"allow_origins": [""]}, "CORS(allow_origins=) got '': write the scheme"),
    "an origin with a line break": (
        CORS,
        {"allow_origins": [f"{ORIGIN}\n"]},
        rf"CORS(allow_origins=) got '{ORIGIN}\n': ",
    ),
    "one text of methods": (CORS, {"allow_methods": "GET"}, "CORS(allow_methods=) got 'GET': write a list: ['GET']"),
    "a method in small letters": (CORS, {"allow_methods": ["patch"]}, "CORS(allow_methods=) got 'patch': "),
    "two methods in one": (CORS, {"allow_methods": ["GET, PUT"]}, "CORS(allow_methods=) got 'GET, PUT': "),
    "an empty method": (CORS, {"allow_methods": [""]}, "CORS(allow_methods=) got '': "),
    "one text of request headers": (CORS, {"allow_headers": "X-A"}, "CORS(allow_headers=) got 'X-A': write a list"),
    "two request headers in one": (CORS, {"allow_headers": ["X-A, X-B"]}, "CORS(allow_headers=) got 'X-A, X-B': "),
    "a bad request header beside *": (CORS, {"allow_headers": ["*", "a\nb"]}, r"CORS(allow_headers=) got 'a\nb': "),
    "a regex that is none": (
        CORS,
        {"allow_origin_regex": "https://("},
        "CORS(allow_origin_regex=) got 'https://(': write a pattern such as",
    ),
    "a regex that is a list": (CORS, {"allow_origin_regex": ["a"]}, "CORS(allow_origin_regex=) got ['a']: "),
    "a regex of bytes": (CORS, {"allow_origin_regex": b"a"}, "CORS(allow_origin_regex=) got b'a': write a pattern"),
    "a regex for every site, with credentials": (
        CORS,
        {"allow_origin_regex": "https?://.*", "allow_credentials": True},
        "CORS(allow_origin_regex=) got 'https?://.*': narrow it",
    ),
    "one text of exposed headers": (CORS, {"expose_headers": "X"}, "CORS(expose_headers=) got 'X': write a list"),
    "an exposed header with a line break": (CORS, {"expose_headers": ["a\nb"]}, r"CORS(expose_headers=) got 'a\nb'"),
    "every exposed header, with credentials": (
        CORS,
        {"expose_headers": ["*"], "allow_credentials": True},
        "CORS(expose_headers=) got ('*',): name the headers",
    ),
    "a negative age": (CORS, {"max_age": -1}, "CORS(max_age=) got -1: write seconds"),
    "a negative timedelta": (CORS, {"max_age": timedelta(days=-1)}, "CORS(max_age=) got -86400: write seconds"),
    "part of a second": (
        HSTS,
        {"max_age": timedelta(milliseconds=500)},
        "HSTS(max_age=) got datetime.timedelta(microseconds=500000): write seconds as a whole number",
    ),
    "an age in text": (CORS, {"max_age": "600"}, "CORS(max_age=) got '600': write seconds"),
    "an age with fractions": (CORS, {"max_age": 0.5}, "CORS(max_age=) got 0.5: write seconds"),
    "an age that is a bool": (CORS, {"max_age": True}, "CORS(max_age=) got True: write seconds"),
    # HSTS
    "a negative HSTS age": (HSTS, {"max_age": -1}, "HSTS(max_age=) got -1: write seconds"),
    "an HSTS age in text": (HSTS, {"max_age": "1"}, "HSTS(max_age=) got '1': write seconds"),
    "preload for less than a year": (
        HSTS,
        {"preload": True, "max_age": YEAR - 1},
        "HSTS(preload=) got True: the list asks for max_age=31536000 and include_subdomains=True",
    ),
    "preload without subdomains": (
        HSTS,
        {"preload": True, "include_subdomains": False},
        "HSTS(preload=) got True: the list asks for max_age=31536000 and include_subdomains=True",
    ),
    # SecurityHeaders
    "an empty CSP": (
        SecurityHeaders,
        {"content_security_policy": ""},
        "SecurityHeaders(content_security_policy=) got '': ",
    ),
    "a CSP with a line break": (
        SecurityHeaders,
        {"content_security_policy": "default-src 'none';\n img-src *"},
        r"""SecurityHeaders(content_security_policy=) got "default-src 'none';\n img-src *": write visible ASCII""",
    ),
    "a CSP with a nonce for all requests": (
        SecurityHeaders,
        {"content_security_policy": "script-src 'nonce-abc'"},
        """SecurityHeaders(content_security_policy=) got "script-src 'nonce-abc'": write 'nonce' in quotes""",
    ),
    "a CSP with an accent": (
        SecurityHeaders,
        {"content_security_policy": "default-src é"},
        "SecurityHeaders(content_security_policy=) got 'default-src é': write visible ASCII",
    ),
    "a CSP that is a dict": (
        SecurityHeaders,
        {"content_security_policy": {"default-src": "x"}},
        "SecurityHeaders(content_security_policy=) got {'default-src': 'x'}: ",
    ),
    "a reported CSP with a NUL": (
        SecurityHeaders,
        {"content_security_policy_report_only": "a\x00"},
        r"SecurityHeaders(content_security_policy_report_only=) got 'a\x00': ",
    ),
    "HSTS as a number": (
        SecurityHeaders,
        {"strict_transport_security": YEAR},
        "SecurityHeaders(strict_transport_security=) got 31536000: write HSTS(), or None",
    ),
    "HSTS as a text": (
        SecurityHeaders,
        {"strict_transport_security": "max-age=1"},
        "SecurityHeaders(strict_transport_security=) got 'max-age=1': write HSTS(), or None",
    ),
    "a cache control with a line break": (
        SecurityHeaders,
        {"cache_control": "no-store\r\nX: y"},
        r"SecurityHeaders(cache_control=) got 'no-store\r\nX: y': ",
    ),
    "permissions in text": (
        SecurityHeaders,
        {"permissions_policy": "camera=()"},
        "SecurityHeaders(permissions_policy=) got 'camera=()': write a mapping",
    ),
    "endpoints without names": (
        SecurityHeaders,
        {"reporting_endpoints": "https://reports.example.com"},
        "SecurityHeaders(reporting_endpoints=) got 'https://reports.example.com': write a mapping",
    ),
    "no permissions": (SecurityHeaders, {"permissions_policy": {}}, "SecurityHeaders(permissions_policy=) got {}: "),
    "a feature in capitals, which makes browsers drop the header": (
        SecurityHeaders,
        {"permissions_policy": {"Camera": ()}},
        "SecurityHeaders(permissions_policy=) got 'Camera': write the name of a feature in lower case",
    ),
    "a feature that is not a text": (
        SecurityHeaders,
        {"permissions_policy": {5: ()}},
        "SecurityHeaders(permissions_policy=) got 5: ",
    ),
    "a feature's origins in one text": (
        SecurityHeaders,
        {"permissions_policy": {"camera": "self"}},
        "SecurityHeaders(permissions_policy=) got 'self': write a list: ['self']",
    ),
    "a feature's origin in quotes": (
        SecurityHeaders,
        {"permissions_policy": {"camera": ['"https://a.example"']}},
        """SecurityHeaders(permissions_policy=) got '"https://a.example"': write 'self', '*', or an origin""",
    ),
    "a feature for none": (
        SecurityHeaders,
        {"permissions_policy": {"camera": ["none"]}},
        "SecurityHeaders(permissions_policy=) got 'none': write 'self', '*', or an origin",
    ),
    "one text of headers to strip": (SecurityHeaders, {"strip": "Server"}, "SecurityHeaders(strip=) got 'Server': "),
    "a header to strip that is none": (SecurityHeaders, {"strip": ["a b"]}, "SecurityHeaders(strip=) got 'a b': "),
}  # fmt: skip

CHOICES = {
    "content_type_options": ["nosniff"],
    "frame_options": ["DENY", "SAMEORIGIN"],
    "referrer_policy": [
        "no-referrer",
        "no-referrer-when-downgrade",
        "origin",
        "origin-when-cross-origin",
        "same-origin",
        "strict-origin",
        "strict-origin-when-cross-origin",
        "unsafe-url",
    ],
    "cross_origin_opener_policy": ["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"],
    "cross_origin_embedder_policy": ["require-corp", "credentialless", "unsafe-none"],
    "cross_origin_resource_policy": ["same-origin", "same-site", "cross-origin"],
    "permitted_cross_domain_policies": ["none", "master-only", "by-content-type", "all"],
}

for _option, _choices in CHOICES.items():
    for _wrong in ("", "deny", "ALLOW-FROM https://a.example", "DENY\r\nX: y", True, 1, [_choices[0]]):
        _mend = f"write one of {', '.join(map(repr, _choices))}, or None to leave the header out"
        INVALID[f"{_option} is {_wrong!r}"] = (
            SecurityHeaders,
            {_option: _wrong},
            f"SecurityHeaders({_option}=) got {_wrong!r}: {_mend}",
        )

for _make, _kind in ((RequestID, RequestID), (hosts, TrustedHosts), (CORS, CORS), (HSTS, HSTS)):
    for _field in fields(_kind):
        # "false" from an environment variable is true to Python.
        if _field.init and _field.type is bool:
            for _value in ("false", 1, None):
                INVALID[f"{_kind.__name__}({_field.name}={_value!r})"] = (
                    _make,
                    {_field.name: _value},
                    f"{_kind.__name__}({_field.name}=) got {_value!r}: write True or False",
                )
