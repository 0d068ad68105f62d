from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import anyio
import pytest

from asgisec import RequestLimits, SecurityEvent, SecurityMiddleware
from asgisec.errors import ConfigError
from asgisec.middleware import RequestLimitsMiddleware
from tests.asgi import Message, Recorded, answering, request, scope_of, websocket
from tests.policies.invalid import a_coroutine

HOST = ("host", "testserver")
BACKENDS = ["asyncio", "trio"]

backends = pytest.mark.parametrize("backend", BACKENDS)


class Reader:
    """An application that reads the whole body, and remembers what it got."""

    def __init__(self) -> None:
        self.parts: list[Message] = []

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        while not self.parts or self.parts[-1].get("more_body"):
            self.parts.append(await receive())
        await answering()(scope, receive, send)


def send_body(
    limits: RequestLimits, *chunks: bytes, headers: Iterable[tuple[str, str | bytes]] = (), **extra: Any
) -> tuple[Recorded, Reader]:
    reader = Reader()
    app = SecurityMiddleware(reader, limits)
    return request(app, "POST", "/", [HOST, *headers], body=chunks or (b"",), **extra), reader


def test_defaults() -> None:
    limits = RequestLimits()
    assert limits.max_body_size == 1_048_576
    assert limits.max_header_size == 16_384
    assert limits.max_headers == 100
    assert limits.max_query_size == 8192
    assert limits.max_message_size == 65_536
    assert limits.timeout == 60
    assert limits.content_types is None
    assert limits.dry_run is False
    assert limits == RequestLimits()


def _limited(option: str, value: Any) -> RequestLimits:
    options: dict[str, Any] = {option: value}
    return RequestLimits(**options)


NUMBERS = ["max_body_size", "max_header_size", "max_headers", "max_query_size", "max_message_size"]


@pytest.mark.parametrize("option", NUMBERS)
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0, id="zero"),
        pytest.param(-1, id="negative"),
        pytest.param(1.5, id="a fraction"),
        pytest.param(True, id="a bool"),
        pytest.param("1024", id="a string"),
        pytest.param([1], id="a list"),
    ],
)
def test_invalid_numbers(option: str, value: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        _limited(option, value)
    assert str(caught.value).startswith(f"RequestLimits({option}=) got {value!r}: write ")


@pytest.mark.parametrize("option", NUMBERS)
def test_valid_numbers(option: str) -> None:
    for value in (1, 10**12, None):
        assert getattr(_limited(option, value), option) == value


@pytest.mark.parametrize(
    ("timeout", "kept"),
    [
        pytest.param(1, 1, id="seconds"),
        pytest.param(0.25, 0.25, id="a fraction"),
        pytest.param(timedelta(minutes=2), 120, id="a timedelta"),
        pytest.param(timedelta(milliseconds=5), 0.005, id="a timedelta below a second"),
        pytest.param(None, None, id="no limit"),
    ],
)
def test_timeouts(timeout: Any, kept: float | None) -> None:
    assert RequestLimits(timeout=timeout).timeout == kept


@pytest.mark.parametrize("timeout", [0, -0.5, timedelta(0), True, "10", float("nan"), float("inf"), [1]])
def test_invalid_timeouts(timeout: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        RequestLimits(timeout=timeout)
    mend = "write seconds or a timedelta, more than 0, or None for no limit"
    assert str(caught.value) == f"RequestLimits(timeout=) got {timeout!r}: {mend}"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"clock": 5}, "RequestLimits(clock=) got 5: write a function", id="a clock that stands still"),
        pytest.param({"clock": a_coroutine}, "write a function that returns seconds", id="a clock that is a coroutine"),
        pytest.param({"content_types": "application/json"}, "write a list: ['application/json']", id="a string"),
        pytest.param({"content_types": []}, "name at least one media type, or leave it out for any", id="none at all"),
        pytest.param({"content_types": [b"text/plain"]}, "write a list of strings", id="bytes"),
        pytest.param({"content_types": ["json"]}, "got 'json': write a media type", id="no slash"),
        pytest.param({"content_types": ["/json"]}, "got '/json': write a media type", id="no type"),
        pytest.param({"content_types": ["text/"]}, "got 'text/': write a media type", id="no subtype"),
        pytest.param({"content_types": ["*/*"]}, "got '*/*': write a media type", id="everything"),
        pytest.param({"content_types": ["image/*png"]}, "write a media type", id="half a wildcard"),
        pytest.param({"content_types": ["text/html; charset=utf-8"]}, "without parameters", id="a parameter"),
        pytest.param({"content_types": ["text/ html"]}, "write a media type", id="a space"),
        pytest.param({"content_types": ["a/b/c"]}, "write a media type", id="two slashes"),
        pytest.param({"content_types": ["täxt/plain"]}, "write a media type", id="not ASCII"),
        pytest.param(
            {"dry_run": "yes"}, "RequestLimits(dry_run=) got 'yes': write True or False", id="dry_run a string"
        ),
    ],
)
def test_invalid_options(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RequestLimits(**arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("length", "status"),
    [
        pytest.param("10", 200, id="exactly the limit"),
        pytest.param("0", 200, id="nothing"),
        pytest.param("007", 200, id="leading zeros"),
        pytest.param("11", 413, id="one more"),
        pytest.param("9" * 18, 413, id="a petabyte"),
        pytest.param("9" * 19, 413, id="more than 64 bits"),
        pytest.param("9" * 5000, 413, id="attack: digits that int() refuses"),
        pytest.param("", 400, id="empty"),
        pytest.param("-1", 400, id="attack: negative"),
        pytest.param("+5", 400, id="attack: plus sign"),
        pytest.param("1_0", 400, id="attack: underscore"),
        pytest.param(" 5", 400, id="attack: space"),
        pytest.param("5 ", 400, id="attack: space behind"),
        pytest.param("0x5", 400, id="attack: hexadecimal"),
        pytest.param("5.0", 400, id="attack: fraction"),
        pytest.param("5,5", 400, id="attack: two in one line"),
        pytest.param("1e3", 400, id="attack: exponent"),
        pytest.param("\xb2", 400, id="attack: superscript two"),
        pytest.param("\u0665".encode(), 400, id="attack: digits that are not ASCII"),
        pytest.param("NaN", 400, id="attack: no number"),
        pytest.param("5\0", 400, id="attack: NUL"),
    ],
)
def test_the_length_is_judged_before_anything_is_read(length: str | bytes, status: int) -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await answering()(scope, receive, send)

    async def drive_it() -> list[Message]:
        sent: list[Message] = []

        async def receive() -> Message:
            raise AssertionError

        async def send(message: Message) -> None:
            sent.append(message)

        scope = scope_of("http", "POST", headers=[HOST, ("content-length", length)])
        await SecurityMiddleware(app, RequestLimits(max_body_size=10))(scope, receive, send)
        return sent

    assert anyio.run(drive_it)[0]["status"] == status


def test_a_length_is_judged_by_its_grammar_without_a_limit_too() -> None:
    limits = RequestLimits(max_body_size=None)
    assert send_body(limits, headers=[("content-length", "-1")])[0].status == 400
    assert send_body(limits, b"x" * 5_000_000, headers=[("content-length", "5000000")])[0].status == 200


def test_a_length_said_twice_is_refused() -> None:
    twice = [("content-length", "3"), ("content-length", "30")]
    assert send_body(RequestLimits(), b"abc", headers=twice)[0].status == 400


def _lines(*lines: tuple[str, str]) -> list[tuple[str, str]]:
    return list(lines)


@pytest.mark.parametrize(
    ("limits", "headers", "extra", "status", "reason"),
    [
        pytest.param({"max_headers": 2}, _lines(("a", "1")), {}, 200, None, id="as many lines as allowed"),
        pytest.param(
            {"max_headers": 2}, _lines(("a", "1"), ("b", "1")), {}, 431, "too_many_headers", id="one line more"
        ),
        pytest.param(
            {"max_headers": 2}, _lines(("a", "1"), ("a", "1")), {}, 431, "too_many_headers", id="the same line twice"
        ),
        pytest.param({"max_headers": None}, _lines(*[("a", "1")] * 500), {}, 200, None, id="no limit of lines"),
        pytest.param({"max_header_size": 20}, _lines(("abc", "def")), {}, 200, None, id="as many bytes as allowed"),
        pytest.param(
            {"max_header_size": 20}, _lines(("abc", "defg")), {}, 431, "headers_too_large", id="a value's byte more"
        ),
        pytest.param(
            {"max_header_size": 20}, _lines(("abcd", "def")), {}, 431, "headers_too_large", id="a name's byte more"
        ),
        pytest.param({"max_header_size": None}, _lines(("a", "x" * 99_999)), {}, 200, None, id="no limit of bytes"),
        pytest.param({"max_query_size": 5}, [], {"query_string": b"a=123"}, 200, None, id="as long a query as allowed"),
        pytest.param({"max_query_size": 5}, [], {"query_string": b"a=1234"}, 414, "query_too_long", id="one byte more"),
        pytest.param(
            {"max_query_size": None}, [], {"query_string": b"a" * 99_999}, 200, None, id="no limit of queries"
        ),
    ],
)
def test_headers_and_queries(
    limits: dict[str, int | None],
    headers: list[tuple[str, str]],
    extra: dict[str, Any],
    status: int,
    reason: str | None,
) -> None:
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(answering(), RequestLimits(**limits), on_event=events.append)  # type: ignore[arg-type]  # a row sets one
    assert request(app, headers=[HOST, *headers], **extra).status == status
    assert [event.reason for event in events] == ([] if reason is None else [reason])
    assert websocket(app, headers=[HOST, *headers], **extra).status == (101 if status == 200 else status)


JSON = ("content-type", "application/json")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param([("content-length", "3"), JSON], 200, id="as listed"),
        pytest.param(
            [("content-length", "3"), ("content-type", "Application/JSON; charset=utf-8")], 200, id="case, parameter"
        ),
        pytest.param([("content-length", "3"), ("content-type", "image/png")], 200, id="one of a kind"),
        pytest.param([("content-length", "3"), ("content-type", "text/html")], 415, id="another"),
        pytest.param([("content-length", "3"), ("content-type", "application/json-x")], 415, id="attack: begins alike"),
        pytest.param(
            [("content-length", "3"), ("content-type", "text/html;application/json")], 415, id="attack: in a parameter"
        ),
        pytest.param(
            [("content-length", "3"), ("content-type", "text/html, application/json")], 415, id="attack: a list"
        ),
        pytest.param(
            [("content-length", "3"), ("content-type", "images/png")], 415, id="attack: a kind that begins alike"
        ),
        pytest.param([("content-length", "3"), ("content-type", "*/*")], 415, id="attack: a star"),
        pytest.param([("content-length", "3"), ("content-type", "image")], 200, id="a kind without a subtype"),
        pytest.param([("content-length", "3")], 415, id="none"),
        pytest.param([("transfer-encoding", "chunked"), ("content-type", "text/html")], 415, id="another, chunked"),
        pytest.param([("content-type", "text/html")], 415, id="attack: a body that nothing announces, as on HTTP/2"),
        pytest.param(
            [("content-length", "0"), ("content-type", "text/html")], 415, id="attack: a body announced as empty"
        ),
        pytest.param([JSON], 200, id="as listed, not announced"),
    ],
)
def test_content_types(headers: list[tuple[str, str | bytes]], status: int) -> None:
    limits = RequestLimits(content_types=["application/JSON", "image/*"])
    answer, reader = send_body(limits, b"", b"{", b"}", b"\n", headers=headers)
    assert answer.status == status
    assert (b"{" in [part["body"] for part in reader.parts]) == (status == 200)


def test_a_request_without_a_body_has_no_type() -> None:
    limits = RequestLimits(content_types=["application/json"])
    assert send_body(limits)[0].status == 200
    assert send_body(limits, headers=[("content-length", "0")])[0].status == 200


@pytest.mark.parametrize(
    ("limits", "headers", "body", "extra", "reason"),
    [
        pytest.param(
            {"max_body_size": 3}, [("content-length", "9")], [b"abcdefghi"], {}, "body_too_large", id="413 by length"
        ),
        pytest.param({"max_body_size": 3}, [], [b"abcd", b"efgh", b"ijkl"], {}, "body_too_large", id="413 by counting"),
        pytest.param({}, [("content-length", "x")], [b"abc"], {}, "content_length", id="400"),
        pytest.param({"max_headers": 1}, [("a", "b")], [b""], {}, "too_many_headers", id="431 by lines"),
        pytest.param({"max_header_size": 5}, [], [b""], {}, "headers_too_large", id="431 by bytes"),
        pytest.param({"max_query_size": 2}, [], [b""], {"query_string": b"abc"}, "query_too_long", id="414"),
        pytest.param({"content_types": ["a/b"]}, [("content-length", "1")], [b"x"], {}, "content_type", id="415"),
        pytest.param({"content_types": ["a/b"]}, [], [b"x", b"y"], {}, "content_type", id="415 by the first chunk"),
    ],
)
def test_a_rehearsal_lets_through_and_says_so_once(
    limits: dict[str, Any],
    headers: list[tuple[str, str | bytes]],
    body: list[bytes],
    extra: dict[str, Any],
    reason: str,
) -> None:
    events: list[SecurityEvent] = []
    reader = Reader()
    app = SecurityMiddleware(reader, RequestLimits(dry_run=True, **limits), on_event=events.append)
    answer = request(app, "POST", headers=[HOST, *headers], body=body, **extra)
    assert answer.status == 200
    assert b"".join(part["body"] for part in reader.parts) == b"".join(body)
    assert [(event.reason, event.rehearsed, event.policy) for event in events] == [(reason, True, "RequestLimits")]


def test_the_middleware_takes_the_policys_options() -> None:
    middleware = RequestLimitsMiddleware(answering(), max_body_size=5, timeout=None)
    assert middleware.policies == (RequestLimits(max_body_size=5, timeout=None),)
