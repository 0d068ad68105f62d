"""Who answers an exception, with what, and what becomes of the exception."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from asgisec import Policy, RequestID, SecurityHeaders, SecurityMiddleware
from asgisec.stack import InstalledMiddleware
from tests.apps import CHUNK, START, by_hand, failing, in_a_framework
from tests.asgi import App, Message, answering, request, websocket
from tests.made import TooMuch, constants, limiting, made

SECRET = "psycopg.connect(password='hunter2')"  # noqa: S105 - a message that must not get out


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


@pytest.mark.parametrize(
    ("wrap", "answered"),
    [
        pytest.param(lambda app: SecurityMiddleware(app, RequestID()), True, id="outermost"),
        pytest.param(
            lambda app: in_a_framework(SecurityMiddleware(app, RequestID())), False, id="in a framework's stack"
        ),
        pytest.param(
            lambda app: in_a_framework(InstalledMiddleware(app, RequestID())),
            True,
            id="installed by the framework",
        ),
        pytest.param(
            lambda app: in_a_framework(SecurityMiddleware(InstalledMiddleware(app, RequestID()), constants())),
            True,
            id="fused with what was installed",
        ),
        pytest.param(lambda app: SecurityMiddleware(in_a_framework(app), RequestID()), True, id="around a framework"),
        pytest.param(
            lambda app: SecurityMiddleware(
                in_a_framework(SecurityMiddleware(app, constants((b"x-in", b"1")))), RequestID()
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
    assert by_hand(SecurityMiddleware(failing(error), RequestID()), sent.append) is error
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

    raised = by_hand(SecurityMiddleware(failing(error), RequestID(), made(on_end=on_end)), sent.append)
    assert raised is error
    assert ended == [error]
    assert not sent


def _gone(message: Message) -> None:
    raise OSError("the peer is gone")


def test_a_peer_that_is_gone_does_not_hide_what_went_wrong() -> None:
    error = RuntimeError("the cause")
    assert by_hand(SecurityMiddleware(failing(error), RequestID()), _gone) is error


def test_a_peer_that_is_gone_when_the_application_answers() -> None:
    raised = by_hand(SecurityMiddleware(answering(), RequestID(generator=lambda: "made")), _gone)
    assert isinstance(raised, OSError)
    assert raised.__notes__ == ["request id: made"]


def test_a_peer_that_is_gone_when_a_refusal_is_sent() -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await receive()

    raised = by_hand(SecurityMiddleware(app, RequestID(generator=lambda: "made"), limiting()), _gone)
    assert isinstance(raised, OSError)
    assert raised.__notes__ == ["request id: made"]


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
