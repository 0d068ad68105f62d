"""No spelling of a path evades its rule, on any server: what reaches the handler has used up the rule's one request."""

from collections.abc import Callable
from typing import Self

import pytest

from tests.matrix.apps import FRAMEWORKS, ROOT
from tests.matrix.fleet import Fleet
from tests.matrix.peers import CLIENTS, Client, Request
from tests.matrix.test_sockets_and_roots import every_line
from tests.servers.harness import Address

# What stands in for `/ok`, on the line of a request. Every one of them reaches a handler somewhere.
OK = ["/ok", "//ok", "/ok/", "/ok//", "///ok", "/%6fk", "/o%6B", "/ok%0A", "/ok%2F", "/%2Fok", "/ok?a=b", "/ok/?a=b"]
NESTED = ["/auth/token", "/auth//token", "/auth/%74oken", "/auth%2Ftoken", "/auth/token%2F", "//auth/token%0a"]
# And what may, where a server or framework takes more for the same.
ODD = ["/./ok", "/x/../ok", "/ok;x", "/ok%00", "/ok%20", "/OK", "/ok%23", "/ok%3Fx", "/%2e/ok", "/ok/."]
ABSOLUTE = ["http://testserver/ok", "http://testserver//ok/", "http://evil.example/ok", "HTTP://testserver/ok?x"]
ROOTED = [f"{root}{path}" for root in (ROOT, ROOT + ROOT, f"{ROOT}/", f"/x{ROOT}") for path in ("/ok", "//ok", "/ok/")]


@pytest.mark.parametrize("target", ["limited", "limited-rooted"])
@pytest.mark.parametrize("framework", FRAMEWORKS)
@every_line
def test_no_spelling_evades_a_rule(
    fleets: Callable[[str], Fleet], protocol: str, server: str, framework: str, target: str
) -> None:
    with Asking(fleets(server)[target], protocol, framework) as asking:
        paths = [*OK, *NESTED, *ODD, *ROOTED, *(ABSOLUTE if protocol == "http1" else [])]
        reaching = [path for path in paths if asking.status(path) == 200]
        assert [path for path in reaching if asking.status(path) != 429] == []
    # The bare application knows no root: where the server puts it into the path, nothing is found.
    assert len(reaching) >= (0 if framework == "bare" else 3), "few spellings reached the handler"


class Asking:
    """Asks for one spelling after the other, for each as somebody who has asked for nothing else."""

    def __init__(self, address: Address, protocol: str, framework: str) -> None:
        self._address = address
        self._protocol = protocol
        self._framework = framework
        self._client = self._connect()

    def _connect(self) -> Client:
        return CLIENTS[self._protocol](self._address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def status(self, path: str) -> int:
        key = f"{self._protocol} {self._framework} {path}"
        try:
            return self._client.ask(Request(path, headers=(("x-framework", self._framework), ("x-key", key)))).status
        except ConnectionError:
            self._client.close()
            self._client = self._connect()  # the server would not have it, and hung up
            return 0
