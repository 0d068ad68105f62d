"""The example does what it says, on a real server."""

from collections.abc import Iterator

import pytest

from examples.rate_limits.app import app
from tests.servers.harness import Servers, get, running


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    with running("uvicorn-h11", {"limits": app}) as started:
        yield started


def statuses(servers: Servers, *requests: bytes) -> list[int]:
    with servers.connect("limits") as peer:
        return [peer.ask(request).status for request in requests]


def test_logins(servers: Servers) -> None:
    login = get("/auth/token", "Content-Length: 0", method="POST")
    assert statuses(servers, *[login] * 4) == [200, 200, 200, 429]
    spelled = [get(path, "Content-Length: 0", method="POST") for path in ("//auth/token", "/auth/%74oken")]
    assert statuses(servers, *spelled) == [429, 429]


def test_one_costly_route_whatever_is_asked_of_it(servers: Servers) -> None:
    asked = [get(f"/reports/{number}") for number in range(3)]
    assert statuses(servers, *asked) == [200, 200, 429]
    answer = servers.ask("limits", get("/reports/7"))
    assert answer.values("retry-after")
    assert [name for name, _ in answer.headers].count("ratelimit") == 1


def test_plans(servers: Servers) -> None:
    assert statuses(servers, *[get("/search")] * 6) == [200] * 5 + [429]
    answer = servers.ask("limits", get("/search", "X-Plan: pro"))
    assert (answer.status, '"/search 60/minute"' in answer.values("ratelimit")[0]) == (200, True)


def test_health_is_exempt(servers: Servers) -> None:
    answer = servers.ask("limits", get("/health"))
    assert (answer.status, answer.values("ratelimit")) == (200, [])


def test_a_chat_that_says_too_much_is_closed(servers: Servers) -> None:
    with servers.connect("limits") as peer:
        assert peer.handshake("/chat").status == 101
        for _ in range(11):
            peer.send_text("hi")
        frames = [peer.frame() for _ in range(11)]
    assert frames[:10] == [(1, b"hi")] * 10
    assert frames[10] == (8, (1008).to_bytes(2, "big") + b"Too many messages.")
