"""What is told where a function of the application, that says whom or how much to limit, fails."""

from collections.abc import Callable
from typing import Any

import pytest

from asgisec import Exchange, RateLimitGuard
from asgisec.errors import LimitUndecided
from tests.asgi import App, answering, request


def guarded(key: Callable[[Exchange], Any]) -> App:
    guard = RateLimitGuard("1/minute", key=key)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await guard(scope)
        await answering()(scope, receive, send)

    return app


def _raises(error: Exception) -> Callable[[Exchange], Any]:
    def key(exchange: Exchange) -> Any:
        raise error

    return key


def test_what_failed_is_the_cause() -> None:
    wrong = LookupError("no such user")
    refused = request(guarded(_raises(wrong))).error
    assert isinstance(refused, LimitUndecided)
    assert (refused.reason, refused.__cause__) == ("limit_key", wrong)


def test_a_function_may_refuse_by_itself() -> None:
    own = LimitUndecided(reason="no_tenant")
    assert request(guarded(_raises(own))).error is own
    assert (own.reason, own.__cause__) == ("no_tenant", None)


@pytest.mark.parametrize("key", ["", None, 7.5])
def test_what_is_no_key_has_no_other_cause(key: Any) -> None:
    refused = request(guarded(lambda exchange: key)).error
    assert isinstance(refused, LimitUndecided)
    assert (refused.reason, refused.__cause__) == ("limit_key", None)
