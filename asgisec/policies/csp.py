"""A content security policy (W3C, CSP Level 3), written in Python and checked where it is written.

    CSP(default_src=[SELF], script_src=[SELF, NONCE], frame_ancestors=[NONE])

- A source is `SELF`, `NONE`, `NONCE` (the request's), another keyword in its quotes, a scheme (`data:`), a host
  (`https://cdn.example.com/app.js`), or a hash: `CSP.hash_of("console.log(1)")`.
- `a | b` is one policy with the sources of both. Two headers would intersect: each browser applies every one it gets.
- A keyword without its quotes is a host to browsers, and allows nothing; here it is a `ConfigError`.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

from asgisec.errors import ConfigError
from asgisec.policies._options import a_bool, a_list, field_value

__all__ = ["CSP", "NONCE", "NONE", "SELF", "checked_endpoints", "rendered"]

SELF: Final = "'self'"
NONE: Final = "'none'"
NONCE: Final = "'nonce'"
"""Stands for the request's nonce: `SecurityHeaders` puts it in."""

_KEYWORDS = frozenset(
    {
        SELF,
        NONE,
        NONCE,
        "'inline-speculation-rules'",
        "'report-sample'",
        "'strict-dynamic'",
        "'unsafe-eval'",
        "'unsafe-hashes'",
        "'unsafe-inline'",
        "'wasm-unsafe-eval'",
    }
)
_HASH = re.compile(r"'sha(?:256|384|512)-[A-Za-z0-9+/_-]+={0,2}'")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:")
_HOST = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?(?:\*|(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:]+\])(?::(?:[0-9]{1,5}|\*))?"
    r"(?:/[!#$%&'()*+./0-9:=?@A-Z_a-z~-]*)?"
)
_UNQUOTED = frozenset(keyword.strip("'") for keyword in _KEYWORDS)

_WORD = re.compile(r"[A-Za-z0-9*#=_./@%-]+")
_WORDS = frozenset({"sandbox", "trusted_types", "require_trusted_types_for"})

_KEY = re.compile(r"[a-z*][a-z0-9_.*-]*")  # RFC 9651 section 3.1.2
_ENDPOINT = re.compile(r"(?:https://[a-z0-9.:\[\]-]+)?/[!#$%&'()*+./0-9:=?@A-Z_a-z~-]*")

_NO_LISTS = frozenset({"report_to", "upgrade_insecure_requests"})

# Reported only, these two do nothing (CSP3 section 6.3, Upgrade Insecure Requests section 3.3).
_ENFORCED_ONLY = ("sandbox", "upgrade_insecure_requests")


@dataclass(frozen=True, kw_only=True)
class CSP:
    """A content security policy, a directive per option; see the standard for what each governs.

    Args:
        default_src: What the fetch directives that are left out allow.
        sandbox: Tokens such as `allow-forms`; `[]` allows nothing.
        report_to: The name of an endpoint in `SecurityHeaders(reporting_endpoints=)`.
        upgrade_insecure_requests: Load what the page names by `http:` over HTTPS.

    Raises:
        ConfigError: A source that no browser would understand as it is meant.
    """

    default_src: Sequence[str] | None = None
    script_src: Sequence[str] | None = None
    script_src_elem: Sequence[str] | None = None
    script_src_attr: Sequence[str] | None = None
    style_src: Sequence[str] | None = None
    style_src_elem: Sequence[str] | None = None
    style_src_attr: Sequence[str] | None = None
    img_src: Sequence[str] | None = None
    font_src: Sequence[str] | None = None
    connect_src: Sequence[str] | None = None
    media_src: Sequence[str] | None = None
    object_src: Sequence[str] | None = None
    frame_src: Sequence[str] | None = None
    child_src: Sequence[str] | None = None
    worker_src: Sequence[str] | None = None
    manifest_src: Sequence[str] | None = None
    base_uri: Sequence[str] | None = None
    form_action: Sequence[str] | None = None
    frame_ancestors: Sequence[str] | None = None
    sandbox: Sequence[str] | None = None
    require_trusted_types_for: Sequence[str] | None = None
    trusted_types: Sequence[str] | None = None
    report_to: str | None = None
    upgrade_insecure_requests: bool = False

    def __post_init__(self) -> None:
        for name, values in self._lists().items():
            option = f"CSP({name}=)"
            listed = a_list(option, values)
            for value in listed:
                _check(option, name, value)
            if NONE in listed and len(listed) > 1:
                raise ConfigError(option, listed, "write 'none' alone: beside other sources browsers ignore it")
            object.__setattr__(self, name, listed)
        a_bool("CSP(upgrade_insecure_requests=)", self.upgrade_insecure_requests)
        if self.report_to is not None and not _WORD.fullmatch(self.report_to):
            raise ConfigError("CSP(report_to=)", self.report_to, "write the name of an endpoint: 'csp'")

    def __str__(self) -> str:
        parts = [" ".join([name.replace("_", "-"), *values]) for name, values in self._lists().items()]
        parts += [f"report-to {self.report_to}"] if self.report_to else []
        parts += ["upgrade-insecure-requests"] if self.upgrade_insecure_requests else []
        return "; ".join(parts)

    def __or__(self, other: "CSP") -> "CSP":
        """Return one policy that allows what either does, directive by directive."""
        mine, theirs = self._lists(), other._lists()
        merged = {
            name: tuple(dict.fromkeys([*mine.get(name, ()), *theirs.get(name, ())])) for name in {**mine, **theirs}
        }
        merged = {
            name: tuple(value for value in values if value != NONE) or (NONE,) if NONE in values else values
            for name, values in merged.items()
        }
        return CSP(
            **merged,
            report_to=other.report_to or self.report_to,
            upgrade_insecure_requests=self.upgrade_insecure_requests or other.upgrade_insecure_requests,
        )

    @staticmethod
    def hash_of(inline: str) -> str:
        """Return the source that allows one inline script or style, given exactly what stands between its tags."""
        from hashlib import sha256  # noqa: PLC0415 - it loads OpenSSL, which most applications do not need at import

        return f"'sha256-{b64encode(sha256(inline.encode()).digest()).decode()}'"

    def _lists(self) -> dict[str, Sequence[str]]:
        values = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _NO_LISTS}
        return {name: value for name, value in values.items() if value is not None}


# The directives that list sources.
_LISTS = frozenset(field.name for field in fields(CSP)) - _WORDS - _NO_LISTS


def _check(option: str, name: str, value: str) -> None:
    if value in _UNQUOTED and name not in _WORDS:
        raise ConfigError(option, value, f"write \"'{value}'\": without its quotes it is a host")
    if name in _WORDS:
        good = _WORD.fullmatch(value.strip("'")) is not None
    else:
        lowered = value.lower()
        good = value in _KEYWORDS or any((_HASH.fullmatch(value), _SCHEME.fullmatch(lowered), _HOST.fullmatch(lowered)))
    if not good:
        raise ConfigError(option, value, "write a keyword in quotes, a scheme such as 'data:', a host, or a hash")


def _check_text(option: str, policy: str) -> None:
    """Refuse what reads like a keyword and is a host. The rest of a text is as it was written."""
    for directive in policy.split(";"):
        name, *sources = directive.split() or [""]
        for source in sources if name.replace("-", "_").lower() in _LISTS else ():
            if source.lower() in _UNQUOTED:
                raise ConfigError(option, policy, f"write {name} \"'{source}'\": without its quotes it is a host")


def rendered(option: str, policy: object, endpoints: Mapping[str, str], *, report_only: bool) -> bytes:
    """Return a policy as its header's value; one that names an endpoint tells older browsers its address, too."""
    if not isinstance(policy, CSP):
        text = field_value(option, policy)
        # Whoever reads one page knows it: for scripts that are put into the next one it is as good as none.
        if b"'nonce-" in text.lower():
            raise ConfigError(option, policy, "write 'nonce' in quotes; it stands for one that is new for each request")
        _check_text(option, text.decode())
        return text
    for name in _ENFORCED_ONLY if report_only else ():
        if getattr(policy, name) not in {None, False}:
            raise ConfigError(option, policy, f"leave {name} out: in a policy that is only reported it does nothing")
    if policy.report_to is None:
        return str(policy).encode()
    if policy.report_to not in endpoints:
        mend = f"name the endpoint: reporting_endpoints={{{policy.report_to!r}: 'https://...'}}"
        raise ConfigError(option, policy, mend)
    return f"{policy}; report-uri {endpoints[policy.report_to]}".encode()


def checked_endpoints(option: str, endpoints: object) -> Mapping[str, str]:
    """Return the endpoints to which browsers report (Reporting API, section 3.2), by name."""
    if not isinstance(endpoints, Mapping):
        raise ConfigError(option, endpoints, "write a mapping: {'csp': 'https://reports.example.com/csp'}")
    for name, url in endpoints.items():
        good = isinstance(name, str) and _KEY.fullmatch(name) and isinstance(url, str) and _ENDPOINT.fullmatch(url)
        if not good:
            raise ConfigError(option, {name: url}, "write {'csp': 'https://reports.example.com/csp'}")
    return endpoints
