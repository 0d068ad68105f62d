"""A store that answers later, as one over a network does, decides as one that answers at once."""

from typing import Any

import pytest

from asgisec import RateLimitGuard, RequestID, Rule, SecurityMiddleware
from asgisec.stores import MemoryStore
from tests.asgi import answering, request, websocket
from tests.policies.rate_limit.limited import Clock, Later, limited


def answers(store: MemoryStore, limits: list[str], options: dict[str, Any]) -> list[Any]:
    made = limited(*limits, store=store, **options)
    asked = [request(made.app, client=(client, 1)) for client in ("192.0.2.7", "192.0.2.8", *["192.0.2.7"] * 3)]
    asked.append(websocket(made.app))
    return [(answer.status, answer.headers, answer.body, answer.error) for answer in asked]


TWO = [200, 200, 200, 429, 429, 429]  # two of one client, the second request of all being another's


@pytest.mark.parametrize(
    ("limits", "options", "statuses"),
    [
        pytest.param(["2/minute"], {}, TWO, id="a limit"),
        pytest.param(["9/hour", "2/minute"], {}, TWO, id="two limits"),
        pytest.param(["5/minute", "9/hour"], {"cost": 2}, TWO, id="a cost"),
        pytest.param(["3/minute"], {"rules": [Rule("/", limits="1/hour")]}, [200, 200, *[429] * 4], id="a rule"),
        pytest.param(["2/minute"], {"headers": "both"}, TWO, id="all headers"),
        pytest.param(
            ["2/minute"],
            {"max_concurrent": 1, "headers": None},
            TWO,
            id="a limit and places",
        ),
        pytest.param([], {"max_concurrent": 1}, [200, 200, 200, 200, 200, 101], id="places"),
    ],
)
def test_a_policy(limits: list[str], options: dict[str, Any], statuses: list[int]) -> None:
    later = answers(Later(clock=Clock()), limits, options)
    assert [answer[0] for answer in later] == statuses
    at_once = answers(MemoryStore(clock=Clock()), limits, options)
    # When a window begins anew is told by the clock on the wall.
    assert [_without_reset(answer) for answer in later] == [_without_reset(answer) for answer in at_once]


def _without_reset(answer: Any) -> Any:
    status, headers, *rest = answer
    return status, [pair for pair in headers if pair[0] != "x-ratelimit-reset"], *rest


def test_a_guard() -> None:
    guard = RateLimitGuard("2/minute", store=Later())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await guard(scope)
        await answering()(scope, receive, send)

    made = SecurityMiddleware(app, RequestID())
    assert [request(made).status for _ in range(3)] == [200, 200, 429]
