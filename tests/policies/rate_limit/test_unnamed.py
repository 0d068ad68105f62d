"""A proxy that nobody named, behind which all clients share one limit, is told of."""

import logging
from typing import Any

import pytest

from asgisec import RateLimit, RateLimitGuard, SecurityEvent, SecurityMiddleware, TrustedProxies
from asgisec.auth import Principal
from asgisec.policies.rate_limit.keys import by_api_key, by_principal
from asgisec.policy import Exchange, Policy
from tests.asgi import App, answering, request
from tests.policies.rate_limit.limited import Clock

TOLD = ["proxy_not_named", "rate_limit"]
UNTOLD = ["rate_limit"]
FORWARDED = "203.0.113.9, 198.51.100.2"
INSIDE = ("10.1.2.3", 50123)


def refused(client: Any, forwarded: str | None = FORWARDED, *proxies: Policy, **options: Any) -> list[str]:
    """Return what is told of the first request that a limit refuses."""
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(answering(), *proxies, RateLimit("1/minute", cost=2, **options), on_event=events.append)
    ask(app, client, forwarded)
    assert {event.policy for event in events} == {"RateLimit"}
    return [event.reason for event in events]


def ask(app: App, client: Any, forwarded: str | None = FORWARDED) -> int:
    more = [] if forwarded is None else [("x-forwarded-for", forwarded)]
    return request(app, headers=[("host", "testserver"), *more], client=client).status


@pytest.mark.parametrize(
    ("client", "forwarded", "reasons"),
    [
        pytest.param(INSIDE, FORWARDED, TOLD, id="a private address"),
        pytest.param(("127.0.0.1", 50123), FORWARDED, TOLD, id="this machine"),
        pytest.param(("::1", 50123), FORWARDED, TOLD, id="this machine, IPv6"),
        pytest.param(("::ffff:10.1.2.3", 50123), FORWARDED, TOLD, id="a private address, mapped"),
        pytest.param(("fd00::1", 50123), FORWARDED, TOLD, id="a private address, IPv6"),
        pytest.param(("100.64.0.7", 50123), FORWARDED, TOLD, id="a provider's address"),
        pytest.param(None, FORWARDED, TOLD, id="a Unix socket"),
        pytest.param((None, 0), FORWARDED, TOLD, id="a Unix socket, without a name"),
        pytest.param(("", 0), FORWARDED, TOLD, id="a Unix socket, with an empty name"),
        pytest.param(INSIDE, "203.0.113.9", TOLD, id="one address"),
        pytest.param(INSIDE, "[2001:db8::7]:443, 10.0.0.1", TOLD, id="an address with a port"),
        pytest.param(INSIDE, None, UNTOLD, id="nobody forwards"),
        pytest.param(INSIDE, "", UNTOLD, id="nothing is said"),
        pytest.param(INSIDE, "unknown", UNTOLD, id="nobody is said"),
        pytest.param(INSIDE, "x" * 100_000, UNTOLD, id="something long is said"),
        pytest.param(INSIDE, "10.1.2.3", UNTOLD, id="for itself"),
        pytest.param(("8.8.8.8", 50123), FORWARDED, UNTOLD, id="from outside, where anybody can write the header"),
    ],
)
def test_where_a_limit_refuses(client: Any, forwarded: str | None, reasons: list[str]) -> None:
    assert refused(client, forwarded) == reasons


@pytest.mark.parametrize(
    ("forwarded", "reasons"),
    [
        pytest.param("8.8.8.8", UNTOLD, id="a client from outside"),
        pytest.param("6.6.6.6, 8.8.8.8", UNTOLD, id="a client from outside that wrote the header, too"),
        pytest.param("10.9.9.9", UNTOLD, id="a client from inside"),
        pytest.param("10.9.9.9, 10.1.2.4", UNTOLD, id="a client from inside, by two proxies"),
        pytest.param("8.8.8.8, 10.9.9.9", TOLD, id="a second proxy, that is not named"),
    ],
)
def test_behind_proxies_that_are_named(forwarded: str, reasons: list[str]) -> None:
    assert refused(INSIDE, forwarded, TrustedProxies(["10.1.0.0/16"])) == reasons


class _Somebody(Policy):
    provides = ("principal",)

    def __init__(self, principal: Principal | None) -> None:
        self._principal = principal

    def on_request(self, exchange: Exchange) -> None:
        if self._principal is not None:
            exchange.state["principal"] = self._principal


@pytest.mark.parametrize("key", [by_principal, by_api_key])
def test_limits_by_principal_are_by_client_where_there_is_none(key: Any) -> None:
    ada = Principal(subject="ada", scheme="api_key", credential_id="key-1")
    assert refused(INSIDE, FORWARDED, _Somebody(None), key=key) == TOLD
    assert refused(INSIDE, FORWARDED, _Somebody(ada), key=key) == UNTOLD


def test_a_key_of_one_s_own_is_nobody_s_address() -> None:
    assert refused(INSIDE, key=lambda exchange: "client:10.1.2.3") == UNTOLD


def test_a_function_that_fails_says_nothing_about_proxies() -> None:
    assert refused(INSIDE, key=lambda exchange: 1 / 0) == ["limit_key"]


def test_it_is_told_once_an_hour() -> None:
    clock = Clock()
    events: list[SecurityEvent] = []
    policy = RateLimit("1/minute", cost=2, clock=clock)
    app = SecurityMiddleware(answering(), policy, on_event=events.append)
    told = []
    for seconds in (0, 0, 3599, 1, 0):
        clock.now += seconds
        events.clear()
        assert ask(app, INSIDE) == 429
        told.append([(event.name, event.level) for event in events if event.reason == "proxy_not_named"])
    assert told == [[("sys_monitor_disabled", logging.ERROR)], [], [], [("sys_monitor_disabled", logging.ERROR)], []]


def test_what_passes_is_not_looked_at() -> None:
    events: list[SecurityEvent] = []
    app = SecurityMiddleware(answering(), RateLimit("1/minute"), on_event=events.append)
    assert ask(app, INSIDE) == 200
    assert events == []
    assert ask(app, INSIDE) == 429
    assert [event.reason for event in events] == TOLD


def test_a_guard_tells_it_too() -> None:
    guard = RateLimitGuard("1/minute", cost=2)
    events: list[SecurityEvent] = []

    async def guarded(scope: Any, receive: Any, send: Any) -> None:
        await guard(scope)

    app = SecurityMiddleware(guarded, TrustedProxies(["192.0.2.1"]), on_event=events.append)
    assert ask(app, INSIDE) == 429
    assert [(event.reason, event.policy) for event in events] == [(reason, "RateLimitGuard") for reason in TOLD]
