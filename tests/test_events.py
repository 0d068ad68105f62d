"""Security events: who, what and where, once each, on one line, and never a secret."""

import ast
import json
import logging
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

import asgisec
from asgisec import (
    CORS,
    CrossOriginProtection,
    Exchange,
    HTTPSOnly,
    Policy,
    RateLimit,
    RequestID,
    RequestLimits,
    Rule,
    SecurityEvent,
    SecurityMiddleware,
    TrustedHosts,
    TrustedProxies,
    install,
    secure,
)
from asgisec.errors import ConfigError, ContentTooLarge, SecurityError
from asgisec.events import emit
from asgisec.middleware import CrossOriginMiddleware
from tests.asgi import Message, Recorded, answering, drive, request, scope_of, websocket
from tests.docs.pages import ROOT, rows, section
from tests.made import remade

HOST = ("host", "api.example.com")
APP = "https://app.example.com"


async def reading(scope: Message, receive: Any, send: Any) -> None:
    """Read all that comes, then answer."""
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(2):
            await receive()
        await send({"type": "websocket.close"})
        return
    while (await receive()).get("more_body"):
        pass
    await answering()(scope, receive, send)


class Clock:
    """A clock that jumps by a minute whenever it is looked at."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 60
        return self.now


@dataclass
class Case:
    """What makes a policy speak; `$` stands for a secret."""

    policies: tuple[Policy, ...]
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    extra: dict[str, Any] = field(default_factory=dict)
    message: str = ""


MALICIOUS = {"host": "api.example.com", "origin": "https://$.example"}
EVIL = {**MALICIOUS, "sec-fetch-site": "cross-site"}
PREFLIGHT = {**MALICIOUS, "access-control-request-method": "$", "access-control-request-headers": "$"}
SPOOFED = {"x-forwarded-for": "6.6.6.6, 192.0.2.9, $, 192.0.2.8"}

CASES = {
    ("input_validation_fail", "repeated_header"): [Case((TrustedHosts(["*"]),), {"origin": "$", "Origin": "$$"})],
    ("input_validation_fail", "host_not_allowed"): [
        Case((TrustedHosts(["api.example.com"]),), {"host": "$.example"}),
        Case((TrustedHosts(["www.example.com"]),), {"host": "example.com"}, "GET"),
        Case((TrustedHosts(["api.example.com"]),), {"host": "$.example"}, "WEBSOCKET"),
    ],
    ("authz_fail", "insecure_transport"): [
        Case((HTTPSOnly(),)),
        Case((HTTPSOnly("reject"),), method="GET"),
        Case((HTTPSOnly(),), method="WEBSOCKET"),
    ],
    ("malicious_cors", "origin_not_allowed"): [Case((CORS(allow_origins=[APP]),), MALICIOUS, "WEBSOCKET")],
    ("malicious_cors", "preflight_refused"): [Case((CORS(allow_origins=[APP]),), PREFLIGHT, "OPTIONS")],
    ("authz_fail", "cross_origin"): [
        Case((CrossOriginProtection(),), EVIL),
        Case((CrossOriginProtection(),), {**EVIL, "sec-fetch-site": "$"}),
        Case((CrossOriginProtection(),), EVIL, "WEBSOCKET"),
    ],
    ("input_validation_fail", "body_too_large"): [
        Case((RequestLimits(max_body_size=9),), {"content-length": "99"}),
        Case((RequestLimits(max_body_size=9),)),
    ],
    ("input_validation_fail", "body_too_slow"): [Case((RequestLimits(timeout=30, clock=Clock()),))],
    ("input_validation_fail", "message_too_large"): [
        Case((RequestLimits(max_message_size=5),), method="WEBSOCKET", message="$")
    ],
    ("input_validation_fail", "content_length"): [Case((RequestLimits(),), {"content-length": "$"})],
    ("input_validation_fail", "content_type"): [
        Case((RequestLimits(content_types=["a/b"]),), {"content-length": "9", "content-type": "text/$"}),
        Case((RequestLimits(content_types=["a/b"]),), {"content-type": "text/$"}),
    ],
    ("input_validation_fail", "headers_too_large"): [
        Case((RequestLimits(max_header_size=5),)),
        Case((RequestLimits(max_header_size=5),), method="WEBSOCKET"),
    ],
    ("input_validation_fail", "too_many_headers"): [Case((RequestLimits(max_headers=1),))],
    ("input_validation_fail", "query_too_long"): [Case((RequestLimits(max_query_size=3),))],
    ("excess_rate_limit_exceeded", "rate_limit"): [
        Case((RateLimit("1/minute", cost=2),)),
        Case((RateLimit(rules=[Rule("/items/*", limits="1/minute")], cost=2),), method="GET"),
        Case((RateLimit("1/minute", cost=2),), method="WEBSOCKET"),
    ],
    ("excess_rate_limit_exceeded", "message_rate"): [
        Case((RateLimit(messages="1/minute"),), method="WEBSOCKET", message="$")
    ],
    ("sys_monitor_disabled", "server_rewrote_client"): [
        Case((TrustedProxies(["10.0.0.1"]),), SPOOFED, extra={"client": ("6.6.6.6", 0)})
    ],
}
"""Every event that a policy emits, by name and reason. Dashboards are built on them: a change is a breaking one."""

ROWS = [pytest.param(*key, case, id=f"{key[1]} {n}") for key, cases in CASES.items() for n, case in enumerate(cases, 1)]


def _made_anew(policy: Any, *, dry_run: bool) -> Policy:
    """A policy may remember what it said before, and its clock may have moved."""
    options: dict[str, Any] = {"clock": Clock()} if isinstance(getattr(policy, "clock", None), Clock) else {}
    if dry_run and any(option.name == "dry_run" for option in fields(policy)):
        options["dry_run"] = True
    if isinstance(policy, RateLimit):
        return remade(policy, **options)
    made: Policy = replace(policy, **options)
    return made


def provoke(case: Case, secret: str, *, dry_run: bool = False) -> tuple[list[SecurityEvent], Recorded]:
    """Send what the case describes; with the secret in all that a request carries besides path and address."""
    events: list[SecurityEvent] = []
    policies = [_made_anew(policy, dry_run=dry_run) for policy in case.policies]
    app = SecurityMiddleware(reading, RequestID(), *policies, on_event=events.append)
    sent = {
        "host": f"{secret}.example",
        "authorization": f"Bearer {secret}",
        "cookie": f"session={secret}",
        "x-api-key": secret,
        "x-request-id": f"!{secret}",
        "user-agent": secret,
        "referer": f"https://a.example/?token={secret}",
        f"x-{secret}": secret,
        **{name: value.replace("$", secret) for name, value in case.headers.items()},
    }
    extra = {"query_string": f"token={secret}".encode(), **case.extra}
    if case.method == "WEBSOCKET":
        incoming = [{"type": "websocket.receive", "text": case.message.replace("$", secret * 9)}] * 2
        return events, websocket(app, "/items/42", [*sent.items()], incoming=incoming, **extra)
    body = [f"password={secret}".encode(), secret.encode() * 9]
    return events, request(app, case.method, "/items/42", [*sent.items()], body=body, **extra)


@pytest.mark.parametrize(("name", "reason", "case"), ROWS)
def test_every_refusal_is_one_event(name: str, reason: str, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    events, answer = provoke(case, "plain")
    assert [(event.name, event.reason) for event in events] == [(name, reason)]
    event = events[0]
    assert event.method == case.method
    assert event.path == "/items/42"
    assert event.client == case.extra.get("client", ("192.0.2.7", 0))[0]
    assert answer.values("x-request-id") == [event.request_id]
    assert event.rehearsed is False
    assert event.principal is None
    assert event.policy == ("RepeatedHeaders" if reason == "repeated_header" else type(case.policies[0]).__name__)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("asgisec.events", event.level)
    # A redirect is a site's daily business, and a server that rewrote the client a mistake of the set-up.
    usual = logging.INFO if answer.status == 307 else logging.WARNING
    assert event.level == (logging.ERROR if reason == "server_rewrote_client" else usual)
    assert record.event is event  # type: ignore[attr-defined]  # what `extra` put there
    assert record.getMessage() == str(event)


def _reasons_in_the_code() -> set[str]:
    """What stands as a reason anywhere in the package, whether a test reaches it or not."""
    found: set[str] = set()
    for file in Path(asgisec.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            match node:
                case ast.keyword(arg="reason", value=ast.Constant(value=str(reason))):
                    found.add(reason)
                case ast.Assign(targets=[ast.Name(id="default_reason")], value=ast.Constant(value=str(reason))):
                    found.add(reason)
                case ast.Call(func=ast.Attribute(attr="report"), args=[_, ast.Constant(value=str(reason))]):
                    found.add(reason)
                case ast.Assign(
                    targets=[ast.Name(id="_EVENT")], value=ast.Tuple(elts=[_, ast.Constant(value=str(reason))])
                ):
                    found.add(reason)
    return found


# `server_error` answers failures, which are no events, and `bad_request` is the base's.
_REASONS = _reasons_in_the_code() - {"server_error", "bad_request"}


# tests/inputs provokes these, by their classes and in tables.
_OF_INPUTS = {"content_too_large", *(reason for reason in _REASONS if reason.startswith("path_"))}


@pytest.mark.parametrize("reason", sorted(_REASONS - _OF_INPUTS - {reason for _, reason in CASES}))
def test_a_reason_that_no_case_here_provokes_is_named_by_a_test_elsewhere(reason: str) -> None:
    tests = Path(__file__).parent
    others = (file for file in tests.rglob("test_*.py") if file != Path(__file__))
    assert any(re.search(rf"""["'=]{reason}\b""", file.read_text("utf-8")) for file in others)


def _words_in_the_code() -> set[str]:
    """What stands as a text anywhere in the package."""
    files = Path(asgisec.__file__).parent.rglob("*.py")
    nodes = (node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8"))))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def test_the_page_lists_the_reasons() -> None:
    listed = {
        (name.strip("`"), reason)
        for name, reasons in rows(section(ROOT / "docs" / "events.md", "Fields"))
        if re.fullmatch(r"`[a-z]+(_[a-z]+)+`", name)
        for reason in re.findall(r"`([a-z_]+)`", reasons)
    }
    assert {*CASES} <= listed
    reasons = {reason for _, reason in listed}
    assert _REASONS - reasons == set(), "the page tells them all"
    assert reasons - _words_in_the_code() == set(), "and none that there is not"


@pytest.mark.parametrize(("name", "reason", "case"), ROWS)
@pytest.mark.parametrize("dry_run", [pytest.param(False, id="refused"), pytest.param(True, id="rehearsed")])
def test_no_secret_reaches_an_event_a_log_or_an_answer(
    name: str,
    reason: str,
    case: Case,
    dry_run: bool,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    secret = "s3same-open-7f3a"  # noqa: S105 - what must not be found
    events, answer = provoke(case, secret, dry_run=dry_run)
    assert events
    written = [repr(vars(record)) + record.getMessage() + str(record.exc_text) for record in caplog.records]
    handled = [logging.Formatter().format(record) for record in caplog.records]
    assert written
    haystack = " ".join([*map(repr, events), *map(str, events), *written, *handled, *capsys.readouterr()])
    assert secret not in haystack.lower()
    if not dry_run and "location" not in dict(answer.headers):
        assert secret not in repr(answer.messages)


HOSTILE = [
    pytest.param("/a\r\nWARNING asgisec.events forged", id="attack: CRLF"),
    pytest.param("/a\nb", id="attack: LF"),
    pytest.param("/\x00\x07\x1b[2J", id="attack: NUL, bell, terminal escape"),
    pytest.param("/\x7f\x85\x9b31m", id="attack: DEL and C1 controls"),
    pytest.param("/\u2028\u2029", id="attack: line and paragraph separator"),
    pytest.param("/\u202e/moc.elpmaxe", id="attack: right-to-left override"),
    pytest.param("/\udcff", id="attack: a byte that is no text"),
    pytest.param("/ policy=None client=127.0.0.1", id="attack: fields of its own"),
    pytest.param('/" reason=none "', id="attack: quotes"),
    pytest.param('/\\" x', id="attack: backslash and quote"),
    pytest.param("/it's", id="apostrophe"),
    pytest.param("/\\n", id="a backslash, written"),
    pytest.param("/a=b", id="equals sign"),
    pytest.param("/\u00fc", id="umlaut"),
    pytest.param("/" + "x" * 100_000, id="attack: a huge path"),
    pytest.param("/" + "\u2028" * 100_000, id="attack: a huge path of separators"),
    pytest.param("/items/42", id="plain"),
]


def _fields(line: str) -> dict[str, str]:
    """Read a line back, as a log pipeline would."""
    fields: dict[str, str] = {}
    rest = line.partition(" ")[2]
    while rest:
        key, _, rest = rest.partition("=")
        if rest.startswith('"'):
            end = 1
            while rest[end] != '"':
                end += 2 if rest[end] == "\\" else 1
            fields[key] = ast.literal_eval(rest[: end + 1])
            rest = rest[end + 2 :]
        else:
            fields[key], _, rest = rest.partition(" ")
    return fields


@pytest.mark.parametrize("path", HOSTILE)
def test_one_event_is_one_line(path: str, caplog: pytest.LogCaptureFixture) -> None:
    app = SecurityMiddleware(answering(), CrossOriginProtection())
    answer = request(app, "POST", path, [("sec-fetch-site", "cross-site")], raw_path=b"/")
    assert answer.status == 403
    line = caplog.records[0].getMessage()
    assert line.isascii()
    assert line.isprintable()
    assert len(line) < 2000
    assert _fields(line) == {
        "reason": "cross_origin",
        "policy": "CrossOriginProtection",
        "client": "192.0.2.7",
        "method": "POST",
        "path": path[:256],
    }


@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_stays_in_its_field(path: str, client: str, principal: str, method: str) -> None:
    event = SecurityEvent(
        name="authz_fail", reason="r", policy="P", client=client, principal=principal, method=method, path=path
    )
    given = {"client": client, "principal": principal, "method": method, "path": path}
    assert _fields(str(event)) == {
        "reason": "r",
        "policy": "P",
        **{name: value[:256] for name, value in given.items() if value},
    }
    assert str(event).isascii()
    assert str(event).isprintable()


def test_the_line() -> None:
    event = SecurityEvent(
        name="authz_fail", reason="cross_origin", policy="CrossOriginProtection", rehearsed=True, client="192.0.2.7",
        principal="user 7", request_id="0199", method="POST", path="/items",
    )  # fmt: skip
    assert str(event) == (
        "authz_fail reason=cross_origin policy=CrossOriginProtection rehearsed=true client=192.0.2.7 "
        'principal="user 7" request_id=0199 method=POST path=/items'
    )


def test_the_principal_is_named() -> None:
    class KnowsWho(Policy):
        def on_request(self, exchange: Exchange) -> None:
            exchange.state["principal"] = SimpleNamespace(subject="user-1")

    events: list[SecurityEvent] = []
    app = SecurityMiddleware(answering(), KnowsWho(), CrossOriginProtection(), on_event=events.append)
    drive(app, scope_of("websocket", headers=[HOST, ("sec-fetch-site", "cross-site")], client=None))
    assert [(event.principal, event.method, event.client) for event in events] == [("user-1", "WEBSOCKET", None)]


def test_an_exchange_without_a_pass_tells_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """As in a unit test of a policy of one's own."""
    scope = {"type": "http", "method": "GET", "path": "/"}
    Exchange(scope, {}, _never).report("authz_fail", "refused", policy=CrossOriginProtection())
    assert caplog.messages == ["authz_fail reason=refused policy=CrossOriginProtection method=GET path=/"]


async def _never() -> None:
    raise AssertionError


def test_an_event_as_json() -> None:
    """What a handler of the logger writes: the fields of the event, and nothing that breaks a line."""
    lines: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(json.dumps(asdict(record.event)))  # type: ignore[attr-defined]  # what `extra` put there

    handler = Handler()
    logging.getLogger("asgisec.events").addHandler(handler)
    try:
        app = SecurityMiddleware(answering(), CrossOriginProtection())
        request(app, "POST", "/a\r\nb", [("sec-fetch-site", "cross-site")])
    finally:
        logging.getLogger("asgisec.events").removeHandler(handler)
    assert len(lines[0].splitlines()) == 1
    assert json.loads(lines[0])["path"] == "/a\r\nb"


def test_an_event_in_structlog() -> None:
    with structlog.testing.capture_logs() as logs:
        log = structlog.get_logger()
        app = SecurityMiddleware(
            answering(), CrossOriginProtection(), on_event=lambda event: log.warning(event.name, reason=event.reason)
        )
        request(app, "POST", "/", [("sec-fetch-site", "cross-site")])
    assert logs == [{"event": "authz_fail", "reason": "cross_origin", "log_level": "warning"}]


def _post_to(app: Any) -> Recorded:
    return request(app, "POST", "/", [HOST, ("sec-fetch-site", "cross-site")])


def _broken(event: SecurityEvent) -> None:
    raise RuntimeError


def _broken_too(event: SecurityEvent) -> None:
    raise LookupError


@pytest.mark.parametrize(
    "sinks", [pytest.param([_broken], id="one that raises"), pytest.param([_broken, _broken_too], id="two that raise")]
)
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_callable_that_raises_changes_no_answer(
    sinks: list[Callable[[SecurityEvent], None]], dry_run: bool, caplog: pytest.LogCaptureFixture
) -> None:
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(answering(), CrossOriginProtection(dry_run=dry_run), on_event=[*sinks, events.append])
    answer = _post_to(app)
    assert (answer.status, answer.error) == (200 if dry_run else 403, None)
    assert len(events) == 1
    failed = [record for record in caplog.records if record.exc_info]
    assert [record.levelname for record in failed] == ["ERROR"] * len(sinks)
    # A pipeline behind the events' logger takes `record.event` from each of its records.
    assert [hasattr(record, "event") for record in caplog.records if record.name == "asgisec.events"] == [True]


@pytest.mark.parametrize(
    ("on_event", "shown"),
    [
        pytest.param(None, "None", id="None"),
        pytest.param(5, "5", id="a number"),
        pytest.param("print", "'print'", id="a name"),
        pytest.param([print, 7], "7", id="a list with a number"),
        pytest.param({print}, f"{{{print!r}}}", id="a set"),
    ],
)
@pytest.mark.parametrize(
    "build",
    [
        pytest.param(
            lambda sinks: SecurityMiddleware(answering(), RequestID(), on_event=sinks), id="SecurityMiddleware"
        ),
        pytest.param(lambda sinks: install(answering(), RequestID(), on_event=sinks), id="install"),
        pytest.param(lambda sinks: secure(answering(), hosts=["a.example"], on_event=sinks), id="secure"),
    ],
)
def test_what_cannot_be_called_is_refused_at_start(build: Callable[[Any], Any], on_event: Any, shown: str) -> None:
    with pytest.raises(ConfigError) as refused:
        build(on_event)
    mend = "write a callable that takes a SecurityEvent"
    assert str(refused.value).startswith(f"SecurityMiddleware(on_event=) got {shown}: {mend}")


class AwaitedSink:
    """A callable object whose call must be awaited."""

    async def __call__(self, event: SecurityEvent) -> None:
        raise AssertionError


async def _awaited(event: SecurityEvent) -> None:
    raise AssertionError


@pytest.mark.parametrize("sink", [pytest.param(_awaited, id="a function"), pytest.param(AwaitedSink(), id="an object")])
def test_what_must_be_awaited_is_refused_at_start(sink: Any) -> None:
    with pytest.raises(ConfigError) as refused:
        SecurityMiddleware(answering(), on_event=sink)
    assert (refused.value.option, refused.value.value) == ("SecurityMiddleware(on_event=)", sink)
    assert "nobody would await it" in refused.value.mend


def test_a_text_is_no_list_of_callables() -> None:
    with pytest.raises(ConfigError, match=r"\(on_event=\) got 'log': write a callable"):
        SecurityMiddleware(answering(), on_event="log")  # type: ignore[arg-type]  # the mistake


def test_secure_and_install_tell_their_callables() -> None:
    events: list[SecurityEvent] = []
    _post_to(install(answering(), CrossOriginProtection(), on_event=events.append))
    _post_to(secure(answering(), hosts=["api.example.com"], on_event=[events.append]))
    assert [event.reason for event in events] == ["cross_origin"] * 2


def _opaque(app: Any) -> Any:
    """Hide a pass, so that the one around it stays one of its own."""

    async def opaque(scope: Message, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return opaque


@pytest.mark.parametrize("between", [pytest.param(lambda app: app, id="fused"), pytest.param(_opaque, id="nested")])
def test_passes_tell_each_callable_once(between: Callable[[Any], Any]) -> None:
    outer: list[SecurityEvent] = []
    inner: list[SecurityEvent] = []
    both: list[SecurityEvent] = []
    app = SecurityMiddleware(answering(), CrossOriginProtection(), on_event=[inner.append, both.append])
    app = SecurityMiddleware(between(app), RequestID(), on_event=[outer.append, both.append, outer.append])
    assert _post_to(app).status == 403
    assert [len(events) for events in (inner, both, outer)] == [1, 1, 1]


@pytest.mark.parametrize("between", [pytest.param(lambda app: app, id="fused"), pytest.param(_opaque, id="nested")])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_policy_that_is_there_twice_reports_once(between: Callable[[Any], Any], dry_run: bool) -> None:
    events: list[SecurityEvent] = []
    app: Any = CrossOriginMiddleware(answering(), dry_run=dry_run)
    app = SecurityMiddleware(between(app), CrossOriginProtection(dry_run=dry_run), on_event=events.append)
    assert _post_to(app).status == (200 if dry_run else 403)
    assert [event.rehearsed for event in events] == [dry_run]


def test_rehearsals_of_several_policies_are_several_events() -> None:
    events: list[SecurityEvent] = []
    policies = [
        HTTPSOnly("reject", dry_run=True),
        CrossOriginProtection(dry_run=True),
        RequestLimits(max_headers=1, dry_run=True),
    ]
    app = SecurityMiddleware(answering(), *policies, on_event=events.append)
    assert _post_to(app).status == 200
    assert [event.reason for event in events] == ["insecure_transport", "cross_origin", "too_many_headers"]
    assert all(event.rehearsed for event in events)
    assert "rehearsed=true" in str(events[0])


def test_what_passes_is_no_event(caplog: pytest.LogCaptureFixture) -> None:
    events: list[SecurityEvent] = []
    app = secure(answering(), hosts=["api.example.com"], origins=[APP], on_event=events.append)
    assert request(app, headers=[HOST, ("origin", APP)], scheme="https").status == 200
    preflight = [HOST, ("origin", APP), ("access-control-request-method", "GET")]
    assert request(app, "OPTIONS", headers=preflight, scheme="https").status == 200
    assert (events, caplog.records) == ([], [])


def test_a_failure_of_the_application_is_no_security_event() -> None:
    async def failing(scope: Message, receive: Any, send: Any) -> None:
        raise RuntimeError

    events: list[SecurityEvent] = []
    assert request(SecurityMiddleware(failing, RequestID(), on_event=events.append)).status == 500
    assert events == []


class GuardRefused(SecurityError):
    """What a guard inside of the application says."""

    default_reason = "guarded"


@pytest.mark.parametrize("how", ["raised", "refused", "refused and raised"])
def test_a_refusal_inside_the_application_is_one_event(how: str) -> None:
    events: list[SecurityEvent] = []

    async def guarded(scope: Message, receive: Any, send: Any) -> None:
        error = GuardRefused()
        if how != "raised":
            scope["asgisec"].refuse(error)
        if how != "refused":
            raise error
        await answering()(scope, receive, send)

    app = SecurityMiddleware(guarded, RequestID(), on_event=events.append)
    assert request(app).status == 403
    assert [(event.name, event.reason, event.policy) for event in events] == [("authz_fail", "guarded", "GuardRefused")]


def test_a_second_refusal_changes_nothing() -> None:
    events: list[SecurityEvent] = []

    async def guarded(scope: Message, receive: Any, send: Any) -> None:
        for error in (GuardRefused(), ContentTooLarge()):
            scope["asgisec"].refuse(error)
        await answering()(scope, receive, send)

    assert request(SecurityMiddleware(guarded, RequestID(), on_event=events.append)).status == 403
    assert [event.reason for event in events] == ["guarded"]


def test_an_event_outside_of_a_pass() -> None:
    """Stores and endpoints emit them, too: only name, reason and speaker are needed."""
    events: list[SecurityEvent] = []
    emit(SecurityEvent(name="token_reuse", reason="refresh_reuse", policy="TokenIssuer"), [events.append])
    assert str(events[0]) == "token_reuse reason=refresh_reuse policy=TokenIssuer"
