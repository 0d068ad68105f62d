"""The way a response takes: what the application sends, dressed; or the answer that stands in its place.

A response starts once. Until it does, a refusal replaces it; after that, only a WebSocket can still be closed.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

from asgisec._plan import Plan, dress
from asgisec._wire.headers import Pair
from asgisec.errors import SecurityError
from asgisec.events import EventSink
from asgisec.policy import SWITCHING_PROTOCOLS, Answer, Exchange

__all__ = ["Pass", "Send", "answer", "forget", "place_of_refusal", "replace", "request_id_of"]

Send: TypeAlias = Callable[[Any], Awaitable[None]]

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})


class Pass(Exchange):
    """An exchange, with what the pass alone knows of it and the way its response takes."""

    __slots__ = ("answered", "failed_inside", "plan", "send")

    outer: "Pass | None"
    answered: bool
    failed_inside: "tuple[BaseException, Pass, int] | None"
    plan: Plan
    send: Send

    @property
    def sinks(self) -> Sequence[EventSink]:
        """Who is told of security events, besides the log."""
        return self.plan.sinks

    async def replace(self) -> None:
        """Send the refusal now."""
        await replace(self)

    def outgoing(self, message: Any) -> Awaitable[None]:
        """Pass on what the application sends: dressed where a response starts, replaced where it was refused."""
        # A plain function, not a coroutine around another: the application awaits the server's own `send`.
        if self.refusal is not None:
            return replace(self)
        if self.status is None:
            if message["type"] in _STARTS:
                self.status = message.get("status", SWITCHING_PROTOCOLS)
                dressers = self.plan.dressers[-1]
                if dressers or self.added is not None:
                    try:
                        headers = dress(self, [*message.get("headers", ())], dressers)
                    except BaseException:
                        self.status = None  # nothing was sent: the answer is still owed
                        raise
                    message = {**message}  # and then the key: a display with both takes twice as long
                    message["headers"] = headers
                if self.subprotocol is not None and message["type"] == "websocket.accept":
                    message = {**message, "subprotocol": message.get("subprotocol") or self.subprotocol}
            elif message["type"] == "websocket.close":
                self.answered = True
        elif self.status == SWITCHING_PROTOCOLS and message["type"] == "websocket.close":
            self.answered = True
        send = self.send  # CPython caches this look-up, but not that of an attribute called like a method
        return send(message)


async def replace(exchange: Pass) -> None:
    """Answer with the refusal, once, and drop what the application makes of it."""
    if exchange.answered or exchange.refusal is None:
        return
    refusal = exchange.refusal
    if not refusal.reported:
        exchange.report(refusal.event, refusal.reason, policy=exchange.refused_by or refusal)
    await answer(exchange, refusal, place_of_refusal(exchange))


def place_of_refusal(exchange: Pass) -> int:
    """Return the place of the policy that refused; behind all of them where none did."""
    policies = exchange.plan.policies
    return next((n for n, policy in enumerate(policies) if policy is exchange.refused_by), len(policies))


async def answer(
    exchange: Pass, verdict: Answer | SecurityError, place: int, failure: BaseException | None = None
) -> None:
    """Send an answer, dressed by the policies outside of `place`; close a WebSocket that can take none."""
    given = verdict if isinstance(verdict, Answer) else Answer.problem(verdict, request_id_of(exchange, failure))
    prefix, scope = "", exchange.scope
    if scope["type"] == "websocket":
        prefix = "websocket."
        if exchange.status is not None or "websocket.http.response" not in (scope.get("extensions") or ()):
            exchange.answered = True
            await exchange.send({"type": "websocket.close", "code": given.close_code, "reason": given.close_reason})
            return
    exchange.status = given.status
    try:
        headers = _dressed(exchange, [*given.headers], place, failure)
    except BaseException:
        exchange.status = None  # nothing was sent: an answer is still owed
        raise
    exchange.answered = True
    await exchange.send({"type": f"{prefix}http.response.start", "status": given.status, "headers": headers})
    # RFC 9110 section 9.3.2: no content in the answer to HEAD. Not every server sees to it.
    body = b"" if scope.get("method") == "HEAD" else given.body
    await exchange.send({"type": f"{prefix}http.response.body", "body": body})


def _dressed(exchange: Pass, headers: list[Pair], place: int, failure: BaseException | None) -> list[Pair]:
    # A pass that a failure went through could not dress the answer then; it does so now, innermost first.
    if failure is not None and exchange.failed_inside is not None and exchange.failed_inside[0] is failure:
        _, inside, inside_place = exchange.failed_inside
        inside.status = exchange.status
        headers = _dressed(inside, headers, inside_place, failure)
    return dress(exchange, headers, exchange.plan.dressers[place])


def forget(exchange: Pass) -> None:
    """Let go of a failure: its traceback holds the exchanges, and they hold it."""
    while exchange.failed_inside is not None:
        _, inside, _ = exchange.failed_inside
        exchange.failed_inside = None
        exchange = inside


def request_id_of(exchange: Pass, failure: BaseException | None) -> str | None:
    """Return the request's id, from a pass inside where the failure went through it."""
    inside = exchange.failed_inside
    if failure is not None and inside is not None and inside[0] is failure:
        return exchange.request_id or request_id_of(inside[1], failure)
    return exchange.request_id
