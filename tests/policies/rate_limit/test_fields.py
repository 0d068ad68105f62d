"""What the headers say, read by a parser that is not ours: once each, and right on 200 and 429."""

import time
from typing import Any

import pytest

from asgisec import RateLimit, RateLimitGuard, Rule, SecurityMiddleware
from asgisec.stores import MemoryStore
from tests.apps import opaque
from tests.asgi import App, Message, Recorded, answering, request
from tests.policies.rate_limit.limited import Clock, fields, limited

IETF = ["ratelimit-policy", "ratelimit"]
LEGACY = ["x-ratelimit-remaining", "x-ratelimit-limit", "x-ratelimit-reset"]


def names(answer: Recorded) -> list[str]:
    return [name for name, _ in answer.headers if "ratelimit" in name]


@pytest.mark.parametrize(
    ("headers", "expected"), [("ietf", IETF), ("legacy", LEGACY), ("both", IETF + LEGACY), (None, [])]
)
def test_which_headers_there_are(headers: Any, expected: list[str]) -> None:
    made = limited("1/minute", "9/hour", headers=headers)
    allowed, refused = request(made.app), request(made.app)
    assert (allowed.status, refused.status) == (200, 429)
    assert names(allowed) == names(refused) == expected
    assert refused.values("retry-after") == ["60"]
    assert allowed.values("retry-after") == []


def test_what_they_say() -> None:
    made = limited("2/minute", "5/2 minute", "9/hour", rules=[Rule("/", limits="3/10 second")], name="api")
    request(made.app)
    made.clock.now += 1.5
    answer = request(made.app)
    assert fields(answer, "ratelimit-policy") == {
        "api 2/minute": {"q": 2, "w": 60},
        "api 5/2 minute": {"q": 5, "w": 120},
        "api 9/hour": {"q": 9, "w": 3600},
        "api / 3/10 second": {"q": 3, "w": 10},
    }
    # Never less than it takes: what is left of 8.5 seconds is 9.
    assert fields(answer, "ratelimit") == {
        "api 2/minute": {"r": 0, "t": 59},
        "api 5/2 minute": {"r": 3, "t": 119},
        "api 9/hour": {"r": 7, "t": 3599},
        "api / 3/10 second": {"r": 1, "t": 9},
    }


def test_what_they_say_of_a_refused_request() -> None:
    made = limited("2/minute", "9/hour")
    for _ in range(2):
        request(made.app)
    made.clock.now += 20.1
    refused = request(made.app)
    assert refused.values("retry-after") == ["40"]
    # Nothing that says when to come back says later than that.
    assert fields(refused, "ratelimit") == {"2/minute": {"r": 0, "t": 40}, "9/hour": {"r": 7, "t": 40}}
    assert fields(refused, "ratelimit-policy") == fields(request(made.app), "ratelimit-policy")


def test_to_come_back_within_a_second_is_said_as_one() -> None:
    made = limited("1/second")
    request(made.app)
    made.clock.now += 0.5
    assert request(made.app).values("retry-after") == ["1"]


def test_the_older_ones_speak_of_the_tightest() -> None:
    made = limited("5/hour", "2/minute", headers="legacy")
    made.clock.now += 0.5
    before = time.time()
    answer = request(made.app)
    assert answer.values("x-ratelimit-remaining") == ["1"]
    assert answer.values("x-ratelimit-limit") == ["2"]
    # When it begins anew, rounded up, by the clock on the wall.
    assert before + 60 <= int(answer.values("x-ratelimit-reset")[0]) <= time.time() + 61


def test_of_a_request_that_nothing_limits_there_are_none() -> None:
    assert names(request(limited(rules=[Rule("/a", limits="1/minute")], headers="both").app)) == []


@pytest.mark.parametrize("how", ["fused", "nested"])
@pytest.mark.parametrize("headers", ["ietf", "legacy", "both"])
def test_two_policies_and_a_guard_speak_in_one_line(how: str, headers: Any) -> None:
    store = MemoryStore(clock=Clock())
    guard = RateLimitGuard("4/minute", store=store, name="guard", headers=headers)
    again = RateLimitGuard("3/minute", store=store, name="again", headers=headers)
    policies = [
        RateLimit(limit, name=name, store=store, headers=headers)
        for limit, name in (("5/minute", "outer"), ("2/minute", "inner"))
    ]

    async def app(scope: Message, receive: Any, send: Any) -> None:
        await guard(scope)
        await again(scope)
        await answering()(scope, receive, send)

    made: App = SecurityMiddleware(app, *policies)
    if how == "nested":
        made = SecurityMiddleware(opaque(SecurityMiddleware(app, policies[1])), policies[0])
    answer = request(made)
    expected = [*(IETF if headers != "legacy" else []), *(LEGACY if headers != "ietf" else [])]
    assert sorted(names(answer)) == sorted(expected)
    if headers != "legacy":
        left = {name: item["r"] for name, item in fields(answer, "ratelimit").items()}
        assert left == {"outer 5/minute": 4, "inner 2/minute": 1, "guard 4/minute": 3, "again 3/minute": 2}
        assert fields(answer, "ratelimit-policy").keys() == left.keys()
    if headers != "ietf":
        assert (answer.values("x-ratelimit-limit"), answer.values("x-ratelimit-remaining")) == (["2"], ["1"])


def test_what_the_application_says_of_its_own_limits_stays() -> None:
    own = [("ratelimit", '"upstream";r=1;t=5'), ("x-ratelimit-remaining", "0"), ("x-ratelimit-limit", "7")]
    answer = request(limited("2/minute", headers="both", inner=answering(headers=own)).app)
    assert fields(answer, "ratelimit") == {"upstream": {"r": 1, "t": 5}, "2/minute": {"r": 1, "t": 60}}
    assert answer.values("x-ratelimit-remaining") == ["0"]
    assert answer.values("x-ratelimit-limit") == ["7"]


def test_a_stream_starts_once() -> None:
    answer = request(limited("2/minute", inner=answering(body=[b"a", b"b", b"c"])).app)
    assert [message["type"] for message in answer.messages].count("http.response.start") == 1
    assert answer.body == b"abc"
    assert names(answer) == IETF
