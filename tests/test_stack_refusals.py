"""A refusal made while the application runs wins over what the application makes of it, until a response starts."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

from asgisec import RequestID, SecurityMiddleware
from asgisec.errors import BadRequest, SecurityError
from asgisec.stack import refuse
from tests.apps import CHUNK, END, START, in_a_framework, is_swallowed, propagates, reading
from tests.asgi import App, Message, request
from tests.made import TooMuch, constants, limiting


async def _is_chained(error: Exception, send: Any) -> None:
    raise RuntimeError("could not read the body") from error


async def _is_context(error: Exception, send: Any) -> None:
    raise RuntimeError("could not read the body")


async def _is_grouped(error: Exception, send: Any) -> None:
    # So does Quart from Python 3.12 on, whose requests are task groups.
    raise ExceptionGroup("unhandled errors in a TaskGroup", [ExceptionGroup("inner", [error])])


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
        pytest.param(propagates, id="propagates"),
        pytest.param(is_swallowed, id="is swallowed, nothing is sent"),
        pytest.param(_is_chained, id="is the cause of another"),
        pytest.param(_is_context, id="is the context of another"),
        pytest.param(_is_grouped, id="is all that a group of exceptions holds"),
        pytest.param(_is_answered_with_400, id="is answered with the framework's 400"),
        pytest.param(_is_answered_with_500_and_raised, id="is answered with the framework's 500 and raised"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda app: app, in_a_framework], ids=["outermost", "in a framework's stack"])
def test_a_refusal_while_the_application_reads_wins_over_what_it_makes_of_it(
    then: Callable[[Exception, Any], Awaitable[None]], wrap: Callable[[App], App]
) -> None:
    policies = (RequestID(), constants((b"x-out", b"1")), limiting(), constants((b"x-in", b"1")))
    response = request(wrap(SecurityMiddleware(reading(then), *policies)))
    assert response.status == 413
    assert response.error is None
    assert [message["type"] for message in response.messages] == ["http.response.start", "http.response.body"]
    assert response.values("x-out") == ["1"]
    assert len(response.values("x-request-id")) == 1
    assert not response.values("x-in")
    assert not response.values("x-own")


def test_a_refusal_that_no_policy_made_is_dressed_by_all() -> None:
    policies = (limiting(by_itself=False), constants((b"x-in", b"1")))
    assert request(SecurityMiddleware(reading(propagates), *policies)).values("x-in") == ["1"]


def test_another_defect_than_the_refusal_propagates() -> None:
    error = ValueError("of its own")

    async def app(scope: Message, receive: Any, send: Any) -> None:
        with suppress(SecurityError):
            await receive()
        raise error

    response = request(SecurityMiddleware(app, limiting()))
    assert response.status == 413
    assert response.error is error


def test_another_defect_in_the_same_group_propagates() -> None:
    async def fails_too(error: Exception, send: Any) -> None:
        raise ExceptionGroup("two tasks", [error, ValueError("another defect")])

    response = request(SecurityMiddleware(reading(fails_too), RequestID(), limiting()))
    assert response.status == 413
    assert isinstance(response.error, ExceptionGroup)


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


@pytest.mark.parametrize("then", [propagates, is_swallowed], ids=["raised", "swallowed"])
def test_a_refusal_after_the_response_started_changes_nothing_of_it(then: Any) -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await send(START)
        await reading(then)(scope, receive, send)
        await send(END)

    response = request(SecurityMiddleware(app, RequestID(), limiting()))
    assert response.status == 200
    assert (response.error is None) is (then is is_swallowed)
