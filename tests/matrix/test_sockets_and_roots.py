"""A Unix socket, and a root path: what each server makes of them, and that the pass makes the same of each."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.matrix.apps import ROOT
from tests.matrix.fleet import PROTOCOLS, Fleet
from tests.matrix.peers import CLIENTS, Request
from tests.servers.harness import SERVERS, Answer

LINES = [(server, protocol) for server, protocols in PROTOCOLS.items() for protocol in protocols]

every_line = pytest.mark.parametrize(
    ("server", "protocol"),
    [pytest.param(*line, id=" ".join(line), marks=() if line[0] in SERVERS else pytest.mark.matrix) for line in LINES],
)

CROSS_SITE = (("sec-fetch-site", "cross-site"),)
PLAIN = (("x-forwarded-proto", "http"),)


class Line:
    """One server, over one protocol."""

    def __init__(self, fleet: Fleet, protocol: str) -> None:
        self._fleet = fleet
        self._kind = CLIENTS[protocol]

    def ask(self, target: str, request: Request) -> Answer:
        with self._kind(self._fleet[target]) as client:
            return client.ask(request)

    def scope(self, target: str, request: Request) -> dict[str, Any]:
        answer = self.ask(target, request)
        assert answer.status == 200
        seen: dict[str, Any] = json.loads(answer.body)
        return seen


@pytest.fixture
def line(fleets: Callable[[str], Fleet], server: str, protocol: str) -> Line:
    return Line(fleets(server), protocol)


@every_line
def test_a_proxy_on_a_unix_socket_is_believed(line: Line, protocol: str) -> None:
    spoofed = (("x-forwarded-for", "198.51.100.9, 192.0.2.7"),)
    for request in (Request(), Request(headers=spoofed)):
        scope = line.scope("unix", request)
        assert (scope["client"], scope["scheme"]) == (["192.0.2.7", 0], "https")
        assert scope["http_version"] == {"http1": "1.1", "http2": "2"}[protocol]
    assert line.ask("unix", Request(headers=PLAIN)).values("location") == ["https://testserver/ok"]


@every_line
def test_a_peer_on_a_unix_socket_that_nobody_named_is_not(line: Line) -> None:
    answer = line.ask("unix-untrusted", Request())
    assert (answer.status, answer.values("strict-transport-security")) == (307, [])


# What a path that a client asks for becomes. uvicorn takes the proxy for one that strips the root, and puts it back;
# the others leave the path as it came.
PUTS_BACK = [*SERVERS]


@every_line
def test_what_the_server_makes_of_a_root_path(line: Line, server: str) -> None:
    scope = line.scope("rooted", Request("/ok"))
    assert (scope["root_path"], scope["path"]) == (ROOT, "/api/ok" if server in PUTS_BACK else "/ok")
    scope = line.scope("rooted", Request("/api/ok"))
    assert (scope["root_path"], scope["path"]) == (ROOT, "/api/api/ok" if server in PUTS_BACK else "/api/ok")


@every_line
def test_an_exemption_is_the_path_below_the_root(line: Line, server: str) -> None:
    statuses = {
        path: line.ask("rooted", Request(path, "POST", CROSS_SITE)).status
        for path in ("/hook", "/api/hook", "/ok", "/apihook", "/hook/", "//hook")
    }
    below_root = 403 if server in PUTS_BACK else 200
    refused = dict.fromkeys(("/ok", "/apihook", "/hook/", "//hook"), 403)
    assert statuses == {"/hook": 200, "/api/hook": below_root, **refused}


@every_line
def test_a_redirect_leads_below_the_root(line: Line, server: str) -> None:
    locations = {
        path: line.ask("rooted", Request(path, headers=PLAIN)).values("location")
        for path in ("/ok", "/api/ok", "/apiary")
    }
    twice = ROOT if server in PUTS_BACK else ""
    assert locations == {
        "/ok": ["https://testserver/api/ok"],
        "/api/ok": [f"https://testserver{twice}/api/ok"],
        "/apiary": ["https://testserver/api/apiary"],
    }
