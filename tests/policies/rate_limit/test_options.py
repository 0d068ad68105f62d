"""Every option: at its default, at what is valid, and what is wrong with its message."""

import subprocess
import sys
import time
from dataclasses import FrozenInstanceError
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond, parse

from asgisec import Exchange, RateLimit, Rule, by_api_key, by_client, secure
from asgisec.errors import ConfigError
from asgisec.middleware import RateLimitMiddleware
from asgisec.policies.rate_limit.amounts import written
from asgisec.stores import MemoryStore
from tests.asgi import answering, request
from tests.policies.rate_limit.limited import left

LIMIT = "write limits such as '100/minute', or items of the limits package"
LEAST = "allow at least one request, in one second or more"


@pytest.mark.parametrize(
    ("limits", "read"),
    [
        (["100/minute"], ["100/minute"]),
        (["100 per minute"], ["100/minute"]),
        (["100/2 minutes"], ["100/2 minute"]),
        (["100/minute", "2000/hour"], ["100/minute", "2000/hour"]),
        (["100/minute; 2000/hour"], ["100/minute", "2000/hour"]),
        ([parse("5/day")], ["5/day"]),
        ([RateLimitItemPerMinute(5, 3)], ["5/3 minute"]),
        ([RateLimitItemPerSecond(1), "1/second"], ["1/second"]),
    ],
)
def test_limits(limits: list[Any], read: list[str]) -> None:
    assert [written(item) for item in RateLimit(*limits).limits] == read


async def _coroutine(exchange: Exchange) -> str:
    return "1/minute"


PLAIN = "write a plain function: a coroutine is true whatever it would return"


@pytest.mark.parametrize(
    ("limits", "options", "message"),
    [
        pytest.param([], {}, "*limits) got (): name at least one limit, such as '100/minute', or rules", id="nothing"),
        pytest.param(["often"], {}, f"*limits) got 'often': {LIMIT}", id="a word"),
        pytest.param([""], {}, f"*limits) got '': {LIMIT}", id="empty"),
        pytest.param(["100/fortnight"], {}, f"*limits) got '100/fortnight': {LIMIT}", id="a unit that is none"),
        pytest.param(["-1/minute"], {}, f"*limits) got '-1/minute': {LIMIT}", id="negative"),
        pytest.param(["1.5/minute"], {}, f"*limits) got '1.5/minute': {LIMIT}", id="broken"),
        pytest.param(["0/minute"], {}, f"*limits) got '0/minute': {LEAST}", id="nothing allowed"),
        pytest.param([["1/minute"]], {}, f"*limits) got ['1/minute']: {LIMIT}", id="a list"),
        pytest.param(["9" * 20 + "/minute"], {}, f"*limits) got '{'9' * 20}/minute': {LEAST}", id="huge"),
        pytest.param([100], {}, f"*limits) got 100: {LIMIT}", id="a number"),
        pytest.param([None], {}, f"*limits) got None: {LIMIT}", id="None"),
        pytest.param([timedelta(minutes=1)], {}, f"*limits) got datetime.timedelta(seconds=60): {LIMIT}", id="a time"),
        pytest.param(
            ["1/minute"],
            {"key": "client"},
            "key=) got 'client': write by_client, by_principal, by_api_key or a function of the exchange",
            id="a key's name",
        ),
        pytest.param(
            ["1/minute"],
            {"cost": -1},
            "cost=) got -1: write a whole number of 1 or more, or a function of the exchange",
            id="a negative cost",
        ),
        pytest.param(
            ["1/minute"],
            {"cost": 0},
            "cost=) got 0: write a whole number of 1 or more, or a function of the exchange",
            id="no cost",
        ),
        pytest.param(
            ["1/minute"],
            {"cost": True},
            "cost=) got True: write a whole number of 1 or more, or a function of the exchange",
            id="a bool for a cost",
        ),
        pytest.param(
            ["1/minute"],
            {"exempt": ["/health*"]},
            "exempt=) got '/health*': write an exact path such as '/health', or a predicate of the exchange",
            id="a pattern",
        ),
        pytest.param(
            ["1/minute"],
            {"headers": "IETF"},
            "headers=) got 'IETF': write 'ietf', 'legacy', 'both', or None",
            id="other headers",
        ),
        pytest.param(["1/minute"], {"rules": "/a"}, "rules=) got '/a': write a list of Rule(...)", id="a path"),
        pytest.param(["1/minute"], {"rules": ["/a"]}, "rules=) got '/a': write a list of Rule(...)", id="paths"),
        pytest.param(
            ["1/minute"],
            {"rules": Rule("/a", limits="1/minute")},
            "rules=) got Rule(path='/a', "
            "limits=(1 per 1 minute,), methods=None, override=False, name='/a'): write a list of Rule(...)",
            id="a rule alone",
        ),
        pytest.param(
            ["1/minute"],
            {"max_concurrent": 0},
            "max_concurrent=) got 0: write a whole number of requests, 1 or more, or None for no limit",
            id="none at once",
        ),
        pytest.param(["1/minute"], {"messages": "often"}, f"messages=) got 'often': {LIMIT}", id="no messages"),
        pytest.param(
            ["1/minute"],
            {"messages": ()},
            "messages=) got (): name at least one limit, such as '100/minute'",
            id="no limit of messages",
        ),
        pytest.param(
            ["1/minute"],
            {"name": "a,b"},
            "name=) got 'a,b': write a short name in visible ASCII, without quotes, backslashes and commas",
            id="a list",
        ),
        pytest.param(["1/minute"], {"clock": _coroutine}, f"clock=) got {_coroutine!r}: {PLAIN}", id="a slow clock"),
        pytest.param(
            ["1/minute"], {"clock": 7}, "clock=) got 7: write a function that returns seconds, rising", id="no clock"
        ),
        pytest.param(
            ["1/minute"], {"dry_run": "no"}, "dry_run=) got 'no': write True or False", id="a word for a bool"
        ),
    ],
)
def test_what_is_wrong(limits: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        RateLimit(*limits, **options)
    shown = str(raised.value)
    assert shown.startswith("RateLimit(")
    assert shown.removeprefix("RateLimit(") == message


def test_a_rule_that_is_listed_twice() -> None:
    with pytest.raises(ConfigError, match=r"RateLimit\(rules=\) got \[Rule\(.*list each rule once"):
        RateLimit(rules=[Rule("/a", limits="1/minute"), Rule("/a", limits="1 per minute")])


def test_rules_of_one_path_that_differ() -> None:
    rules = [Rule("/a", limits="1/minute"), Rule("/a", limits="2/minute"), Rule("/a", "1/minute", {"POST"})]
    assert RateLimit(rules=rules).rules == tuple(rules)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("rules", (Rule("/a", limits="1/minute"),)),
        ("key", by_api_key),
        ("store", MemoryStore()),
        ("strategy", "gcra"),
        ("cost", 2),
        ("exempt", ("/health",)),
        ("headers", "legacy"),
        ("on_store_error", "deny"),
        ("max_concurrent", 3),
        ("messages", (parse("60/minute"),)),
        ("name", "api"),
        ("clock", time.time),
        ("dry_run", True),
    ],
)
def test_each_option_can_be_read_and_tells_policies_apart(option: str, value: Any) -> None:
    policy = RateLimit("1/minute", **{option: value})
    assert getattr(policy, option) == value
    assert f", {option}={value!r}" in repr(policy)
    assert policy != RateLimit("1/minute")


def test_it_does_not_change_after_start() -> None:
    policy = RateLimit("1/minute")
    with pytest.raises(FrozenInstanceError):
        policy.key = by_client  # type: ignore[misc]  # that is the point
    assert policy.exempt == ()
    assert RateLimit("1/minute", exempt=["/a"]).exempt == ("/a",)


def test_the_middleware_takes_the_policy_s_options() -> None:
    app = RateLimitMiddleware(answering(), "2/minute", rules=[Rule("/a", limits="1/minute")], name="api")
    assert left(request(app, path="/a")) == {"api 2/minute": 1, "api /a 1/minute": 0}


def test_secure_takes_limits_and_rules() -> None:
    app = secure(answering(), hosts=["testserver"], limits=["2/minute", Rule("/a", limits="1/minute")])
    assert left(request(app, path="/a")) == {"2/minute": 1, "/a 1/minute": 0}
    assert [request(app, path=path).status for path in ("/a", "/b", "/b")] == [429, 200, 429]
    assert request(secure(answering(), hosts=["testserver"])).values("ratelimit") == []


@pytest.mark.parametrize("limits", ["100/minute", 7])
def test_what_secure_does_not_take(limits: Any) -> None:
    with pytest.raises(ConfigError) as raised:
        secure(answering(), hosts=["testserver"], limits=limits)
    mend = "write a list of limits and rules, such as ['100/minute']"
    assert str(raised.value) == f"secure(limits=) got {limits!r}: {mend}"


def test_without_assertions_wrong_options_are_still_found() -> None:
    code = (
        "from asgisec import RateLimit, Rule\nfrom asgisec.errors import ConfigError\n"
        "for wrong in (lambda: RateLimit('0/minute'), lambda: RateLimit(), lambda: Rule('a', limits='1/minute'),\n"
        "              lambda: RateLimit('1/minute', cost=-1)):\n"
        "    try:\n        wrong()\n    except ConfigError:\n        print('refused')\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run([sys.executable, "-O", "-c", code], cwd=root, capture_output=True, check=True, text=True)  # noqa: S603 - our own
    assert done.stdout.split() == ["refused"] * 4


@pytest.mark.parametrize("limits", [["1/minute"], ("1/minute",), "1/minute"])
def test_the_limits_of_the_middleware_may_have_their_name(limits: Any) -> None:
    app = RateLimitMiddleware(answering(), limits=limits)
    assert [request(app).status for _ in range(2)] == [200, 429]
    both = RateLimitMiddleware(answering(), "9/hour", limits=limits)
    assert left(request(both)) == {"9/hour": 8, "1/minute": 0}
