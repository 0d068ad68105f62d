"""What the page on moving from asgi-correlation-id says: every row of its table."""

import asyncio
import contextvars
import logging
from collections.abc import Callable
from typing import Any

import pytest
from asgi_correlation_id import CorrelationIdFilter, CorrelationIdMiddleware, correlation_id

from asgisec import RequestID, RequestIDFilter, SecurityMiddleware, request_id
from tests.asgi import App, Headers, Message, Recorded, answering, request, websocket
from tests.docs.differences import listed, on_500


def both_ids(app: App, headers: Headers = (), ask: Callable[..., Recorded] = request) -> tuple[list[str], list[str]]:
    theirs = ask(CorrelationIdMiddleware(app), headers=headers)
    ours = ask(SecurityMiddleware(app, RequestID()), headers=headers)
    return theirs.values("x-request-id"), ours.values("x-request-id")


def version_of_ids() -> None:
    (theirs,), (ours,) = both_ids(answering())
    assert (theirs[12], ours[12]) == ("4", "7")


def inbound_ids() -> None:
    (theirs,), (ours,) = both_ids(answering(), [("x-request-id", "checkout-7")])
    assert (theirs == "checkout-7", ours) == (False, "checkout-7")


def long_inbound_ids() -> None:
    long = "a" * 5000
    headers = [("x-request-id", long)]
    theirs = request(CorrelationIdMiddleware(answering(), validator=None), headers=headers).values("x-request-id")
    (ours,) = request(SecurityMiddleware(answering(), RequestID()), headers=headers).values("x-request-id")
    assert (theirs, len(ours)) == ([long], 32)


def own_id() -> None:
    theirs, ours = both_ids(answering(headers=[("x-request-id", "mine")]))
    assert (len(theirs), ours) == (2, ["mine"])


def request_headers() -> None:
    seen = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen.append(any(name == b"x-request-id" for name, _ in scope["headers"]))
        await answering()(scope, receive, send)

    both_ids(app)
    assert seen == [True, False]
    request(SecurityMiddleware(app, RequestID(update_request_header=True)))
    assert seen[2]


def id_on_500() -> None:
    on_500(CorrelationIdMiddleware, {}, RequestID(), "x-request-id")


def id_on_accept() -> None:
    theirs, ours = both_ids(answering(), ask=websocket)
    assert (theirs, len(ours)) == ([], 1)


def id_afterwards() -> None:
    async def nowhere(*message: Any) -> Any: ...

    async def run() -> None:
        scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
        await CorrelationIdMiddleware(answering())(scope, nowhere, nowhere)
        await SecurityMiddleware(answering(), RequestID())(scope, nowhere, nowhere)
        assert correlation_id.get() is not None
        assert request_id() is None

    asyncio.run(run())


def outside_of_requests() -> None:
    theirs, ours = (logging.makeLogRecord({}) for _ in range(2))
    assert contextvars.Context().run(CorrelationIdFilter().filter, theirs)
    assert contextvars.Context().run(RequestIDFilter().filter, ours)
    assert (vars(theirs)["correlation_id"], vars(ours)["request_id"]) == (None, "-")


_CASES = {
    "an id that was made": version_of_ids,
    "an inbound id that is no UUID": inbound_ids,
    "an inbound id of 5,000 characters, with `validator=None`": long_inbound_ids,
    "the application's own id header": own_id,
    "the request headers that the application sees": request_headers,
    "an exception that nothing handles": id_on_500,
    "a WebSocket that is accepted": id_on_accept,
    "after the request": id_afterwards,
    "a log record outside of requests": outside_of_requests,
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in _CASES.items()])
def test_a_difference(case: Callable[[], None]) -> None:
    case()


def test_the_page_lists_these() -> None:
    assert listed("moving-from-asgi-correlation-id.md") == list(_CASES)
