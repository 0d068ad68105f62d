"""How many messages a WebSocket's peer may send."""

from typing import Any

import pytest

from asgisec import RateLimit, SecurityEvent, SecurityMiddleware
from asgisec.errors import ConfigError, RateLimitExceeded
from tests.asgi import App, Message, Recorded, request, websocket
from tests.policies.rate_limit.limited import Clock, limited

TEXT: Message = {"type": "websocket.receive", "text": "hello"}


def echoing(clock: Clock | None = None, pace: float = 0.0) -> App:
    """Make an application that accepts and repeats what it hears; each message takes some seconds."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await receive()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                return
            if clock is not None:
                clock.now += pace
            await send({"type": "websocket.send", "text": message["text"]})

    return app


def said(answer: Recorded) -> int:
    return sum(message["type"] == "websocket.send" for message in answer.messages)


@pytest.mark.parametrize("denial", [True, False])
def test_one_message_too_many_closes(*, denial: bool) -> None:
    made = limited(messages="3/minute", inner=echoing())
    answer = websocket(made.app, incoming=[TEXT] * 5, denial=denial)
    assert said(answer) == 3
    assert answer.close is not None
    assert (answer.close["code"], answer.close["reason"]) == (1008, "Too many messages.")
    assert answer.error is None
    (event,) = made.events
    assert (event.name, event.reason) == ("excess_rate_limit_exceeded", "message_rate")
    assert (event.policy, event.method) == ("RateLimit", "WEBSOCKET")


def test_each_connection_counts_for_itself() -> None:
    made = limited(messages="2/minute", inner=echoing())
    assert [said(websocket(made.app, incoming=[TEXT] * 2)) for _ in range(3)] == [2, 2, 2]
    assert made.events == []


def test_handshakes_and_requests_are_no_messages() -> None:
    made = limited(messages="1/minute", inner=echoing())
    assert [request(made.app).status for _ in range(3)] == [200] * 3
    assert [websocket(made.app).status for _ in range(3)] == [101] * 3


@pytest.mark.parametrize(
    ("limits", "pace", "passed"),
    [
        pytest.param("60/minute", 1.0, 200, id="as often as allowed"),
        pytest.param("60/minute", 0.9, 60, id="a little more often"),
        pytest.param("2/second", 0.1, 2, id="at once"),
        pytest.param("1/second", 2.0, 200, id="seldom: a window is left out"),
        pytest.param("5/second; 6/minute", 1.0, 6, id="the second of two limits"),
        pytest.param(["9/minute", "2/second"], 0.3, 2, id="the second of a list"),
    ],
)
def test_windows_slide(limits: Any, pace: float, passed: int) -> None:
    clock = Clock()
    made = limited(messages=limits, clock=clock, inner=echoing(clock, pace))
    assert said(websocket(made.app, incoming=[TEXT] * 200)) == passed


def test_so_many_that_their_times_cannot_be_kept() -> None:
    with pytest.raises(ConfigError) as raised:
        RateLimit(messages="10001/hour")
    mend = "allow at most 10000 messages, in a shorter time: '100/second'"
    assert str(raised.value) == f"RateLimit(messages=) got '10001/hour': {mend}"
    RateLimit(messages="10000/hour")


def test_who_swallows_the_refusal_gets_no_more() -> None:
    async def gives_up(scope: Message, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await receive()
        for _ in range(3):
            with pytest.raises(RateLimitExceeded):
                await receive()
            made.clock.now += 3600

    made = limited(messages="1/minute", inner=gives_up)
    answer = websocket(made.app, incoming=[TEXT] * 5)
    assert answer.close is not None
    assert made.reasons == ["message_rate"]


def test_rehearsal_says_it_once() -> None:
    made = limited(messages="1/minute", inner=echoing(), dry_run=True)
    assert said(websocket(made.app, incoming=[TEXT] * 5)) == 5
    assert made.reasons == ["message_rate"]
    assert (made.events[0].policy, made.events[0].rehearsed) == ("RateLimit", True)


def test_policies_outside_hear_of_it() -> None:
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(echoing(), RateLimit("9/minute"), RateLimit(messages="1/minute"), on_event=events.append)
    assert said(websocket(app, incoming=[TEXT] * 2)) == 1
    assert [event.reason for event in events] == ["message_rate"]
