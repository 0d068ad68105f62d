"""Bodies and messages as they arrive: counted, timed, refused once, and let go."""

import asyncio
import gc
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

import anyio
import pytest

from asgisec import RequestID, RequestLimits, SecurityEvent, SecurityHeaders, SecurityMiddleware
from asgisec.errors import ContentTooLarge, SecurityError
from tests.asgi import Message, Recorded, answering, drive, request, scope_of, websocket

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


@backends
@pytest.mark.parametrize(
    ("chunks", "headers", "status"),
    [
        pytest.param([b"x" * 10], [], 200, id="exactly the limit"),
        pytest.param([b"x" * 4, b"x" * 6], [], 200, id="exactly the limit, in two chunks"),
        pytest.param([b"x" * 10, b""], [], 200, id="exactly the limit, an empty end"),
        pytest.param([b""] * 500, [], 200, id="many empty chunks"),
        pytest.param([b"x" * 11], [], 413, id="one more"),
        pytest.param([b"x"] * 11, [], 413, id="one more, byte by byte"),
        pytest.param([b"x" * 10, b"x"], [], 413, id="one more in the last chunk"),
        pytest.param([b"x" * 11], [("content-length", "1")], 413, id="attack: a length that is too small"),
        pytest.param([b"x" * 11], [("content-length", "0")], 413, id="attack: a length of nothing"),
        pytest.param([b"x" * 11], [("transfer-encoding", "chunked")], 413, id="chunked"),
        pytest.param([b"x"], [("content-length", "10")], 200, id="a length that is too large: the server's to notice"),
    ],
)
def test_the_body_is_counted(
    chunks: list[bytes], headers: list[tuple[str, str | bytes]], status: int, backend: str
) -> None:
    answer, reader = send_body(RequestLimits(max_body_size=10), *chunks, headers=headers, backend=backend)
    assert answer.status == status
    assert answer.error is None
    if status == 413:
        assert sum(len(part.get("body", b"")) for part in reader.parts) <= 10
        assert b'"detail":"The request is too large."' in answer.body


def test_without_a_limit_nothing_is_too_large() -> None:
    limits = RequestLimits(max_body_size=None, timeout=None)
    assert send_body(limits, b"x" * 3_000_000)[0].status == 200


@backends
def test_who_reads_on_after_the_refusal_gets_nothing(backend: str) -> None:
    read: list[Any] = []

    async def stubborn(scope: Message, receive: Any, send: Any) -> None:
        for _ in range(5):
            try:
                read.append(await receive())
            except SecurityError as error:
                read.append(error)
        await answering()(scope, receive, send)

    app = SecurityMiddleware(stubborn, RequestLimits(max_body_size=3))
    answer = request(app, "POST", headers=[HOST], body=[b"abc", b"def", b"ghi", b"jkl"], backend=backend)
    assert answer.status == 413
    assert [part if isinstance(part, dict) else type(part) for part in read] == [
        {"type": "http.request", "body": b"abc", "more_body": True},
        *[ContentTooLarge] * 4,
    ]
    assert len(set(map(id, read[1:]))) == 1


def test_the_refusal_keeps_no_traceback_that_grows() -> None:
    lengths: list[int] = []

    async def stubborn(scope: Message, receive: Any, send: Any) -> None:
        for _ in range(20):
            try:
                await receive()
            except SecurityError as error:
                frame, length = error.__traceback__, 0
                while frame is not None:
                    frame, length = frame.tb_next, length + 1
                lengths.append(length)

    request(SecurityMiddleware(stubborn, RequestLimits(max_body_size=1)), "POST", headers=[HOST], body=[b"abc"])
    assert max(lengths[1:]) <= lengths[0]


@backends
def test_a_response_that_began_is_not_replaced(backend: str) -> None:
    """What was sent cannot be taken back: the read fails, the event tells."""
    events: list[SecurityEvent] = []

    async def echo(scope: Message, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(3):
            with pytest.raises(ContentTooLarge):
                await receive()
        await send({"type": "http.response.body", "body": b"ended"})

    app = SecurityMiddleware(echo, RequestLimits(max_body_size=3), on_event=events.append)
    answer = request(app, "POST", headers=[HOST], body=[b"abcd", b"efgh", b"ijkl"], backend=backend)
    assert (answer.status, answer.body) == (200, b"ended")
    assert [event.reason for event in events] == ["body_too_large"]


@backends
def test_a_peer_that_disconnects_mid_body(backend: str) -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen = [(await receive())["type"] for _ in range(3)]
        assert seen == ["http.request", "http.disconnect", "http.disconnect"]

    secured = SecurityMiddleware(app, RequestLimits())
    half = {"type": "http.request", "body": b"half", "more_body": True}
    answer = drive(secured, scope_of("http", "POST", headers=[HOST]), [half], backend=backend)
    assert (answer.messages, answer.error) == ([], None)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def _trickle(
    limits: RequestLimits, clock: Clock, script: Sequence[tuple[float, bytes | None]], backend: str, **extra: Any
) -> tuple[list[Message], list[Any]]:
    """Deliver each chunk after so many seconds; `None` is a chunk that never comes."""
    sent: list[Message] = []
    read: list[Any] = []
    steps = iter(script)

    async def receive() -> Message:
        await anyio.lowlevel.checkpoint()
        seconds, chunk = next(steps)
        clock.now += seconds
        if chunk is None:
            await anyio.Event().wait()
        return {"type": "http.request", "body": chunk, "more_body": chunk != b"end"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def app(scope: Message, receive: Any, send: Any) -> None:
        while not read or read[-1] != b"end":
            read.append((await receive())["body"])
        await answering()(scope, receive, send)

    async def run() -> None:
        with anyio.fail_after(10):
            await SecurityMiddleware(app, limits)(scope_of("http", "POST", headers=[HOST], **extra), receive, send)

    anyio.run(run, backend=backend)
    return sent, read


@backends
@pytest.mark.parametrize(
    ("script", "status", "read"),
    [
        pytest.param([(1, b"a"), (28, b"end")], 200, [b"a", b"end"], id="in time"),
        pytest.param([(0, b"")] * 100 + [(0, b"end")], 200, [b""] * 100 + [b"end"], id="many empty chunks in time"),
        pytest.param([(1, b"a")] * 30 + [(0, None)], 408, [b"a"] * 30, id="attack: one byte a second"),
        pytest.param([(1, b"")] * 30 + [(0, None)], 408, [b""] * 30, id="attack: empty chunks"),
        pytest.param([(31, b"a"), (0, None)], 408, [b"a"], id="attack: silence after the first chunk"),
    ],
)
def test_a_body_has_to_arrive_in_time(
    script: list[tuple[float, bytes | None]], status: int, read: list[bytes], backend: str
) -> None:
    clock = Clock()
    sent, got = _trickle(RequestLimits(timeout=30, clock=clock), clock, script, backend)
    assert sent[0]["status"] == status
    assert got == read
    closing = [value for name, value in sent[0]["headers"] if name == b"connection"]
    assert closing == ([b"close"] if status == 408 else [])


def test_a_time_may_be_a_fraction_of_a_second() -> None:
    for before, status in ((0.2, 200), (0.3, 408)):
        clock = Clock()
        sent, _ = _trickle(RequestLimits(timeout=0.25, clock=clock), clock, [(before, b"a"), (0, b"end")], "asyncio")
        assert sent[0]["status"] == status


def test_http_2_knows_no_connection_header() -> None:
    clock = Clock()
    sent, _ = _trickle(
        RequestLimits(timeout=30, clock=clock), clock, [(31, b"a"), (0, None)], "asyncio", http_version="2"
    )
    assert sent[0]["status"] == 408
    assert b"connection" not in dict(sent[0]["headers"])


@backends
def test_the_wait_for_a_disconnect_has_no_end(backend: str) -> None:
    """Once the body is there, an application may listen as long as it streams."""
    clock = Clock()

    async def app(scope: Message, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "http.request"
        clock.now += 3600
        assert (await receive())["type"] == "http.disconnect"
        await answering()(scope, receive, send)

    assert request(SecurityMiddleware(app, RequestLimits(timeout=1, clock=clock)), backend=backend).status == 200


def test_no_timeout() -> None:
    clock = Clock()
    sent, _ = _trickle(RequestLimits(timeout=None, clock=clock), clock, [(9999, b"a"), (9999, b"end")], "asyncio")
    assert sent[0]["status"] == 200


def _message(content: str | bytes) -> Message:
    return {"type": "websocket.receive", "text" if isinstance(content, str) else "bytes": content}


class Listener:
    """An application that accepts and then listens for ever, whatever a read raises."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(4):
            try:
                message = await receive()
            except SecurityError as error:
                self.heard.append(error.reason)
            else:
                self.heard.append(message.get("text", message.get("bytes")))
        await send({"type": "websocket.send", "text": "still here"})


@backends
@pytest.mark.parametrize(
    ("content", "refused"),
    [
        pytest.param("x" * 8, False, id="text of the limit"),
        pytest.param(b"x" * 8, False, id="bytes of the limit"),
        pytest.param("", False, id="empty text"),
        pytest.param(b"", False, id="empty bytes"),
        pytest.param("x" * 9, True, id="text over it"),
        pytest.param(b"x" * 9, True, id="bytes over it"),
        pytest.param("é" * 4, False, id="four letters, eight bytes"),
        pytest.param("é" * 5, True, id="attack: five letters, ten bytes"),
        pytest.param("\U0001f600" * 3, True, id="attack: three signs, twelve bytes"),
        pytest.param("\ud800" * 3, True, id="attack: halves of signs"),
    ],
)
def test_messages(content: str | bytes, refused: bool, backend: str) -> None:
    listener = Listener()
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(listener, RequestLimits(max_message_size=8), on_event=events.append)
    answer = websocket(app, incoming=[_message("first"), _message(content), _message("last")], backend=backend)
    if refused:
        assert listener.heard == ["first", *["message_too_large"] * 3]
        closing = {"type": "websocket.close", "code": 1009, "reason": "The message is too large."}
        assert answer.messages[1:] == [closing]
        assert [(event.reason, event.method) for event in events] == [("message_too_large", "WEBSOCKET")]
    else:
        assert listener.heard[:3] == ["first", content, "last"]
        assert answer.messages[1:] == [{"type": "websocket.send", "text": "still here"}]
        assert events == []


def test_a_message_with_null_for_the_other_kind() -> None:
    """ASGI lets servers send both keys, one of them `None`."""
    both = {"type": "websocket.receive", "text": None, "bytes": b"x" * 9}
    answer = websocket(SecurityMiddleware(Listener(), RequestLimits(max_message_size=8)), incoming=[both])
    assert answer.close is not None
    assert answer.close["code"] == 1009


def test_without_a_limit_no_message_is_too_large() -> None:
    listener = Listener()
    app = SecurityMiddleware(listener, RequestLimits(max_message_size=None))
    websocket(app, incoming=[_message("x" * 500_000)])
    assert len(listener.heard[0]) == 500_000


@backends
def test_a_rehearsed_timeout(backend: str) -> None:
    clock = Clock()
    limits = RequestLimits(timeout=30, clock=clock, dry_run=True)
    events: list[SecurityEvent] = []
    steps = iter([b"a", b"b", b"end"])

    async def receive() -> Message:
        clock.now += 31
        await anyio.lowlevel.checkpoint()
        chunk = next(steps)
        return {"type": "http.request", "body": chunk, "more_body": chunk != b"end"}

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    reader = Reader()
    app = SecurityMiddleware(reader, limits, on_event=events.append)

    async def run() -> None:
        with anyio.fail_after(10):
            await app(scope_of("http", "POST", headers=[HOST]), receive, send)

    anyio.run(run, backend=backend)
    assert sent[0]["status"] == 200
    assert [part["body"] for part in reader.parts] == [b"a", b"b", b"end"]
    assert [(event.reason, event.rehearsed) for event in events] == [("body_too_slow", True)]


def test_a_rehearsed_message() -> None:
    listener, events = Listener(), list[SecurityEvent]()
    app = SecurityMiddleware(listener, RequestLimits(max_message_size=3, dry_run=True), on_event=events.append)
    websocket(app, incoming=[_message("long"), _message("longer")])
    assert listener.heard[:2] == ["long", "longer"]
    assert [(event.reason, event.rehearsed) for event in events] == [("message_too_large", True)]


def test_requests_do_not_count_for_each_other() -> None:
    """A hundred bodies at the limit, their chunks interleaved, and one over it."""
    statuses: dict[int, int] = {}

    async def reading(scope: Message, receive: Any, send: Any) -> None:
        await Reader()(scope, receive, send)

    app = SecurityMiddleware(reading, RequestLimits(max_body_size=10))

    async def one(number: int) -> None:
        last = b"x" * (6 if number == 50 else 5)
        messages = iter([(b"x" * 5, True), (last, False)])

        async def receive() -> Message:
            await asyncio.sleep(0)
            body, more = next(messages)
            return {"type": "http.request", "body": body, "more_body": more}

        async def send(message: Message) -> None:
            if "status" in message:
                statuses[number] = message["status"]

        await app(scope_of("http", "POST", headers=[HOST]), receive, send)

    async def run() -> None:
        await asyncio.gather(*map(one, range(100)))

    asyncio.run(run())
    assert statuses == {number: 413 if number == 50 else 200 for number in range(100)}


class Chunk(bytearray):
    """A chunk that a weak reference can watch."""


def test_nothing_is_held_after_the_refusal() -> None:
    """Without the help of the collector: an attacker's bodies must not wait for it."""
    watched: list[weakref.ref[Any]] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        parts = []
        while True:
            parts.append((await receive())["body"])

    secured = SecurityMiddleware(app, RequestID(), SecurityHeaders(), RequestLimits(max_body_size=250))

    async def run() -> None:
        async def receive() -> Message:
            chunk = Chunk(100)
            watched.append(weakref.ref(chunk))
            return {"type": "http.request", "body": chunk, "more_body": True}

        async def send(message: Message) -> None:
            pass

        await secured(scope_of("http", "POST", headers=[HOST]), receive, send)

    gc.collect()
    gc.disable()
    try:
        asyncio.run(run())
        assert len(watched) == 3
        assert [reference() for reference in watched] == [None] * 3
    finally:
        gc.enable()
