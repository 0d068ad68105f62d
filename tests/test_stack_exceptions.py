"""Who answers an exception, with what, and what becomes of the exception."""

import gc
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from asgisec import Policy, RequestID, SecurityHeaders, SecurityMiddleware
from asgisec.errors import BadRequest, SecurityError
from asgisec.stack import InstalledMiddleware, refuse
from tests.asgi import App, Message, answering, request, scope_of, websocket
from tests.made import TooMuch, constants, limiting, made

SECRET = "psycopg.connect(password='hunter2')"  # noqa: S105 - a message that must not get out


def failing(error: BaseException, before: list[Message] | None = None) -> App:
    """Make an application that sends these messages, then raises."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        for message in before or ():
            await send(message)
        raise error

    return app


START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
CHUNK: Message = {"type": "http.response.body", "body": b"half", "more_body": True}
END: Message = {"type": "http.response.body", "body": b""}


def test_an_exception_is_answered_without_a_word_of_it_and_propagates() -> None:
    error = RuntimeError(SECRET)
    response = request(SecurityMiddleware(failing(error), RequestID(), SecurityHeaders()))
    assert response.status == 500
    assert response.values("content-type") == ["application/problem+json"]
    assert response.values("x-frame-options") == ["DENY"]
    assert response.body.count(response.values("x-request-id")[0].encode()) == 1
    assert "hunter2" not in repr(response.messages)
    assert "RuntimeError" not in repr(response.messages)
    assert response.error is error
    assert error.__notes__ == [f"request id: {response.values('x-request-id')[0]}"]


def test_head_gets_no_body_with_its_500() -> None:
    response = request(SecurityMiddleware(failing(RuntimeError()), RequestID()), "HEAD")
    assert (response.status, response.body) == (500, b"")


def _inside_a_framework(app: App) -> App:
    async def framework(scope: Message, receive: Any, send: Any) -> None:
        scope["app"] = framework
        await app(scope, receive, send)

    return framework


@pytest.mark.parametrize(
    ("wrap", "answered"),
    [
        pytest.param(lambda app: SecurityMiddleware(app, RequestID()), True, id="outermost"),
        pytest.param(
            lambda app: _inside_a_framework(SecurityMiddleware(app, RequestID())), False, id="in a framework's stack"
        ),
        pytest.param(
            lambda app: _inside_a_framework(InstalledMiddleware(app, RequestID())),
            True,
            id="installed by the framework",
        ),
        pytest.param(
            lambda app: _inside_a_framework(SecurityMiddleware(InstalledMiddleware(app, RequestID()), constants())),
            True,
            id="fused with what was installed",
        ),
        pytest.param(
            lambda app: SecurityMiddleware(_inside_a_framework(app), RequestID()), True, id="around a framework"
        ),
        pytest.param(
            lambda app: SecurityMiddleware(
                _inside_a_framework(SecurityMiddleware(app, constants((b"x-in", b"1")))), RequestID()
            ),
            True,
            id="around a framework with one inside",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_who_answers_an_exception(wrap: Callable[[App], App], answered: bool, kind: str) -> None:
    for error, status in ((RuntimeError(SECRET), 500), (TooMuch(), 413)):
        response = request(wrap(failing(error))) if kind == "http" else websocket(wrap(failing(error)))
        assert response.status == (status if answered else 0)
        refused = answered and status == 413
        assert response.error is (None if refused else error)


@pytest.mark.parametrize("before", [pytest.param([START], id="started"), pytest.param([START, CHUNK], id="mid-stream")])
@pytest.mark.parametrize("error", [RuntimeError(SECRET), TooMuch()], ids=["a defect", "a refusal"])
def test_once_a_response_started_an_exception_only_propagates(before: list[Message], error: Exception) -> None:
    response = request(SecurityMiddleware(failing(error, before), RequestID()))
    assert [message["type"] for message in response.messages] == [message["type"] for message in before]
    assert response.error is error
    assert error.__notes__ == [f"request id: {response.values('x-request-id')[0]}"]


@dataclass(frozen=True)
class Frozen(Exception):
    code: int


class OddNotes(Exception):
    def __init__(self, notes: Any) -> None:
        self.__notes__ = notes


class Slippery(Exception):
    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]  # the odd thing about it
        raise RuntimeError("no notes")


def test_a_frozen_exception_is_answered_and_propagates() -> None:
    error = Frozen(1)
    sent: list[Message] = []
    assert _by_hand(SecurityMiddleware(failing(error), RequestID()), sent.append) is error
    assert [message.get("status") for message in sent] == [500, None]


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(OddNotes(None), id="notes of None"),
        pytest.param(OddNotes(7), id="notes of an int"),
        pytest.param(OddNotes([b"bytes"]), id="notes of bytes"),
        pytest.param(OddNotes(()), id="notes in a tuple"),
        pytest.param(Slippery(), id="notes that raise"),
    ],
)
def test_an_exception_that_takes_no_note_is_answered_and_propagates(error: Exception) -> None:
    response = request(SecurityMiddleware(failing(error), RequestID()))
    assert response.status == 500
    assert response.error is error


def test_one_instance_raised_for_many_requests_carries_the_last_id_only() -> None:
    error = RuntimeError("one for all")
    error.add_note("a note of its own")
    secured = SecurityMiddleware(failing(error), RequestID())
    for inbound in ("first", "second"):
        request(secured, headers=[("host", "testserver"), ("x-request-id", inbound)])
    assert error.__notes__ == ["a note of its own", "request id: second"]


def test_without_a_request_id_there_is_no_note() -> None:
    error = RuntimeError()
    request(SecurityMiddleware(failing(error), constants()))
    assert not hasattr(error, "__notes__")


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), GeneratorExit()], ids=repr)
def test_what_ends_the_process_is_not_answered(error: BaseException) -> None:
    sent: list[Message] = []
    ended: list[BaseException | None] = []

    def on_end(exchange: Any, failure: BaseException | None) -> None:
        ended.append(failure)

    raised = _by_hand(SecurityMiddleware(failing(error), RequestID(), made(on_end=on_end)), sent.append)
    assert raised is error
    assert ended == [error]
    assert not sent


def _by_hand(app: App, on_send: Callable[[Message], object]) -> BaseException | None:
    """Run one request without an event loop, which would take such exceptions for its own."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        on_send(message)

    coroutine: Any = app(scope_of(headers=[("host", "testserver")]), receive, send)
    try:
        coroutine.send(None)
    except StopIteration:
        return None
    except BaseException as error:  # noqa: BLE001 - looked at by the test
        return error
    raise AssertionError("the application waits")


def _gone(message: Message) -> None:
    raise OSError("the peer is gone")


def test_a_peer_that_is_gone_does_not_hide_what_went_wrong() -> None:
    error = RuntimeError("the cause")
    assert _by_hand(SecurityMiddleware(failing(error), RequestID()), _gone) is error


def test_a_peer_that_is_gone_when_the_application_answers() -> None:
    raised = _by_hand(SecurityMiddleware(answering(), RequestID(generator=lambda: "made")), _gone)
    assert isinstance(raised, OSError)
    assert raised.__notes__ == ["request id: made"]


def test_a_peer_that_is_gone_when_a_refusal_is_sent() -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await receive()

    raised = _by_hand(SecurityMiddleware(app, RequestID(generator=lambda: "made"), limiting()), _gone)
    assert isinstance(raised, OSError)
    assert raised.__notes__ == ["request id: made"]


def _reading(then: Callable[[Exception, Any], Awaitable[None]]) -> App:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        try:
            await receive()
        except SecurityError as error:
            await then(error, send)

    return app


async def _propagates(error: Exception, send: Any) -> None:
    raise error


async def _is_swallowed(error: Exception, send: Any) -> None: ...


async def _is_chained(error: Exception, send: Any) -> None:
    raise RuntimeError("could not read the body") from error


async def _is_context(error: Exception, send: Any) -> None:
    raise RuntimeError("could not read the body")


async def _is_answered_with_400(error: Exception, send: Any) -> None:
    await send({**START, "status": 400, "headers": [(b"x-own", b"1")]})
    await send(END)


async def _is_answered_with_500_and_raised(error: Exception, send: Any) -> None:
    await send({**START, "status": 500})
    await send(CHUNK)
    await send(END)
    raise error


@pytest.mark.parametrize(
    "then",
    [
        pytest.param(_propagates, id="propagates"),
        pytest.param(_is_swallowed, id="is swallowed, nothing is sent"),
        pytest.param(_is_chained, id="is the cause of another"),
        pytest.param(_is_context, id="is the context of another"),
        pytest.param(_is_answered_with_400, id="is answered with the framework's 400"),
        pytest.param(_is_answered_with_500_and_raised, id="is answered with the framework's 500 and raised"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda app: app, _inside_a_framework], ids=["outermost", "in a framework's stack"])
def test_a_refusal_while_the_application_reads_wins_over_what_it_makes_of_it(
    then: Callable[[Exception, Any], Awaitable[None]], wrap: Callable[[App], App]
) -> None:
    policies = (RequestID(), constants((b"x-out", b"1")), limiting(), constants((b"x-in", b"1")))
    response = request(wrap(SecurityMiddleware(_reading(then), *policies)))
    assert response.status == 413
    assert response.error is None
    assert [message["type"] for message in response.messages] == ["http.response.start", "http.response.body"]
    assert response.values("x-out") == ["1"]
    assert len(response.values("x-request-id")) == 1
    assert not response.values("x-in")
    assert not response.values("x-own")


def test_a_refusal_that_no_policy_made_is_dressed_by_all() -> None:
    policies = (limiting(by_itself=False), constants((b"x-in", b"1")))
    assert request(SecurityMiddleware(_reading(_propagates), *policies)).values("x-in") == ["1"]


def test_another_defect_than_the_refusal_propagates() -> None:
    error = ValueError("of its own")

    async def app(scope: Message, receive: Any, send: Any) -> None:
        with suppress(SecurityError):
            await receive()
        raise error

    response = request(SecurityMiddleware(app, limiting()))
    assert response.status == 413
    assert response.error is error


def test_exceptions_that_are_each_other_s_cause_end_the_search() -> None:
    error, other = ValueError(), ValueError()
    error.__cause__, other.__cause__ = other, error

    async def app(scope: Message, receive: Any, send: Any) -> None:
        with suppress(SecurityError):
            await receive()
        raise error

    assert request(SecurityMiddleware(app, limiting())).error is error


def test_the_first_refusal_stays() -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        refuse(scope, BadRequest("first"))
        refuse(scope, TooMuch("second"))

    response = request(SecurityMiddleware(app, constants()))
    assert response.status == 400
    assert b"first" in response.body


@pytest.mark.parametrize("then", [_propagates, _is_swallowed], ids=["raised", "swallowed"])
def test_a_refusal_after_the_response_started_changes_nothing_of_it(then: Any) -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await send(START)
        await _reading(then)(scope, receive, send)
        await send(END)

    response = request(SecurityMiddleware(app, RequestID(), limiting()))
    assert response.status == 200
    assert (response.error is None) is (then is _is_swallowed)


def test_a_raised_refusal_is_dressed_by_the_policies_outside_of_who_raised_it() -> None:
    def raises(exchange: Any) -> None:
        raise TooMuch

    response = request(
        SecurityMiddleware(
            answering(), constants((b"x-out", b"1")), made(on_request=raises), constants((b"x-in", b"1"))
        )
    )
    assert response.status == 413
    assert response.error is None
    assert response.values("x-out") == ["1"]
    assert not response.values("x-in")


@pytest.mark.parametrize("hook", ["on_request", "wrap_receive"])
def test_a_policy_with_a_defect_is_a_500(hook: str) -> None:
    def fails(*given: Any) -> None:
        raise RuntimeError(SECRET)

    response = request(SecurityMiddleware(answering(), RequestID(), made(**{hook: fails})))
    assert response.status == 500
    assert len(response.values("x-request-id")) == 1
    assert "hunter2" not in repr(response.messages)
    assert isinstance(response.error, RuntimeError)


@pytest.mark.parametrize("always", [False, True], ids=["once", "always"])
@pytest.mark.parametrize(
    "inner",
    [
        pytest.param(constants(), id="the application's answer"),
        pytest.param(made(on_request=lambda exchange: TooMuch()), id="a refusal"),
    ],
)
def test_a_policy_that_fails_to_dress_an_answer_is_a_500_where_it_can_dress_that(always: bool, inner: Policy) -> None:
    def on_response(exchange: Any, headers: Any) -> None:
        if always or exchange.status != 500:
            raise RuntimeError(SECRET)

    response = request(SecurityMiddleware(answering(), RequestID(), made(on_response=on_response), inner))
    assert response.status == (0 if always else 500)
    assert "hunter2" not in repr(response.messages)
    assert isinstance(response.error, RuntimeError)


def _nothing_waits_for_the_collector(app: App) -> None:
    def run() -> None:
        _by_hand(app, lambda message: None)

    run()
    gc.collect()
    gc.disable()
    try:
        run()
        assert gc.collect() == 0
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(SecurityMiddleware(answering(), RequestID()), id="an answer"),
        pytest.param(SecurityMiddleware(answering(), RequestID(), limiting()), id="a policy that wraps receive"),
        pytest.param(
            SecurityMiddleware(answering(), RequestID(), made(on_request=lambda exchange: TooMuch())), id="refused"
        ),
        pytest.param(SecurityMiddleware(_reading(_is_swallowed), RequestID(), limiting()), id="refused while reading"),
        pytest.param(SecurityMiddleware(_reading(_propagates), RequestID(), limiting()), id="refused, propagating"),
    ],
)
def test_a_request_leaves_nothing_to_the_garbage_collector(app: App) -> None:
    _nothing_waits_for_the_collector(app)


@pytest.mark.parametrize("depth", [pytest.param(1, id="one pass"), pytest.param(3, id="three, nested")])
def test_an_exception_leaves_nothing_to_the_garbage_collector(depth: int) -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        raise RuntimeError("made anew")

    secured: App = app
    for number in range(depth):
        secured = SecurityMiddleware(_inside(secured), constants((b"x-%d" % number, b"1")))
    _nothing_waits_for_the_collector(secured)


def _inside(app: App) -> App:
    async def between(scope: Message, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return between


def test_nothing_of_many_failed_requests_is_kept() -> None:
    error = RuntimeError("one for all")
    exchanges = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        exchanges.append(weakref.ref(scope["asgisec"]))
        raise error

    secured = SecurityMiddleware(_inside(SecurityMiddleware(app, constants((b"x-in", b"1")))), RequestID())
    for _ in range(5):
        _by_hand(secured, lambda message: None)
        error.__traceback__ = None
    assert [exchange() for exchange in exchanges] == [None] * 5
