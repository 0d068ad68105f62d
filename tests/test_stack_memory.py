"""No request leaves anything behind: not to the garbage collector, and not for ever."""

import gc
import weakref
from typing import Any

import pytest

from asgisec import RequestID, SecurityMiddleware
from tests.apps import by_hand, is_swallowed, opaque, propagates, reading
from tests.asgi import App, Message, answering
from tests.made import TooMuch, constants, limiting, made


def _nothing_waits_for_the_collector(app: App) -> None:
    def run() -> None:
        by_hand(app, lambda message: None)

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
        pytest.param(SecurityMiddleware(reading(is_swallowed), RequestID(), limiting()), id="refused while reading"),
        pytest.param(SecurityMiddleware(reading(propagates), RequestID(), limiting()), id="refused, propagating"),
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
        secured = SecurityMiddleware(opaque(secured), constants((b"x-%d" % number, b"1")))
    _nothing_waits_for_the_collector(secured)


def test_nothing_of_many_failed_requests_is_kept() -> None:
    error = RuntimeError("one for all")
    exchanges = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        exchanges.append(weakref.ref(scope["asgisec"]))
        raise error

    secured = SecurityMiddleware(opaque(SecurityMiddleware(app, constants((b"x-in", b"1")))), RequestID())
    for _ in range(5):
        by_hand(secured, lambda message: None)
        error.__traceback__ = None
    assert [exchange() for exchange in exchanges] == [None] * 5
