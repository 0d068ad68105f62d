"""Bytes that no honest client sends: who refuses them, the server's parser or the pass, and what the answer carries.

`SERVER` says that uvicorn's parser refuses the request itself, in its own words; then no application is asked, and
nothing can be added to the answer. A number is the status of an answer that came through the pass.
"""

from typing import Final

import pytest

from tests.servers.apps import BARE
from tests.servers.checks import assert_refused_by_server, assert_secured
from tests.servers.harness import Servers, get

SERVER: Final = "server"
Outcome = int | str

every_framework = pytest.mark.parametrize("name", BARE)


def case(request: bytes, h11: Outcome, httptools: Outcome, *, id: str) -> object:  # noqa: A002 - as pytest.param
    return pytest.param(request, {"uvicorn-h11": h11, "uvicorn-httptools": httptools}, id=id)


def target(raw: bytes) -> bytes:
    return b"GET " + raw + b" HTTP/1.1\r\nHost: testserver\r\n\r\n"


def twice(line: str, body: bytes = b"") -> bytes:
    return get("/ok", line, line) + body


VALUES = [
    case(get("/ok", b"X-A: a\nb"), SERVER, SERVER, id="line feed in a value"),
    case(get("/ok", b"X-A: a\nX-B: b"), 200, SERVER, id="line feed that begins a header"),
    case(get("/ok", b"X-A: a\rb"), SERVER, SERVER, id="carriage return in a value"),
    case(get("/ok", b"X-A: a\r\n b"), 200, SERVER, id="folded value"),
    case(get("/ok", b"X-A: a\0b"), SERVER, SERVER, id="NUL in a value"),
    case(get("/ok", b"X-A: \xff\xfe"), 200, 200, id="invalid UTF-8 in a value"),
    case(get("/ok", b"X-A : b"), SERVER, SERVER, id="space before the colon"),
    case(get("/ok", b"X\0A: b"), SERVER, SERVER, id="NUL in a name"),
    case(get("/ok", b": b"), SERVER, SERVER, id="no name"),
]

IDS = [
    case(get("/ok", b"X-Request-ID: a\nb"), SERVER, SERVER, id="line feed in an id"),
    case(get("/ok", b"X-Request-ID: a\rSet-Cookie: b"), SERVER, SERVER, id="carriage return in an id"),
    case(get("/ok", b"X-Request-ID: a\r\n b"), 200, SERVER, id="folded id"),
    case(get("/ok", b"X-Request-ID: a\0b"), SERVER, SERVER, id="NUL in an id"),
    case(get("/ok", b"X-Request-ID: a\x1b[2K"), 200, SERVER, id="escape sequence in an id"),
    case(get("/ok", b"X-Request-ID: a\x7f"), 200, SERVER, id="DEL in an id"),
    case(get("/ok", b"X-Request-ID: \xff\xfe"), 200, 200, id="invalid UTF-8 in an id"),
    case(get("/ok", b"X-Request-ID: 1 level=INFO"), 200, 200, id="space in an id"),
    case(get("/ok", b"X-Request-ID: " + b"a" * 129), 200, 200, id="id too long"),
    case(get("/ok", b"X-Request-ID:"), 200, 200, id="empty id"),
    case(get("/ok", "X-Request-ID: a", "X-Request-ID: b"), 200, 200, id="two ids"),
]

HOSTS = [
    case(get("/ok", b"Host: \xff", host=None), 400, 400, id="invalid UTF-8 in Host"),
    case(get("/ok", b"Host: test\0server", host=None), SERVER, SERVER, id="NUL in Host"),
    case(get("/ok", b"Host: test\rserver", host=None), SERVER, SERVER, id="carriage return in Host"),
    case(get("/ok", b"Host: test\tserver", host=None), 400, 400, id="tab in Host"),
    case(get("/ok", b"Host: ", host=None), 400, 400, id="empty Host"),
    case(get("/ok", b"Host: testserver@evil.example", host=None), 400, 400, id="user information in Host"),
    case(get("/ok", b"Host: testserver, evil.example", host=None), 400, 400, id="list in Host"),
    case(get("/ok", host=None), SERVER, 400, id="no Host"),
    case(b"GET /ok HTTP/1.0\r\n\r\n", 400, 400, id="no Host, HTTP/1.0"),
]

TARGETS = [
    case(target(b"/ok\xff"), SERVER, SERVER, id="invalid UTF-8 in the path"),
    case(target(b"/ok\0"), SERVER, SERVER, id="NUL in the path"),
    case(target(b"/o\nk"), SERVER, SERVER, id="line feed in the path"),
    case(target(b"/ok?a=\xff"), SERVER, SERVER, id="invalid UTF-8 in the query"),
    case(target(b"/ok?a=\0"), SERVER, SERVER, id="NUL in the query"),
    case(target(b"/ok%ff"), 404, 404, id="invalid UTF-8 in the path, encoded"),
    case(target(b"/ok%00"), 404, 404, id="NUL in the path, encoded"),
    case(target(b"/ok%0d%0aSet-Cookie:a=b"), 404, 404, id="line break in the path, encoded"),
    case(target(b"/ok?a=%ff%00%0d%0aSet-Cookie:a=b"), 200, 200, id="all of them in the query, encoded"),
    case(target(b"//evil.example/ok"), 404, 404, id="path that begins like an authority"),
    case(get("*", method="OPTIONS"), 404, 404, id="asterisk for a path"),
    case(get("/missing", method="G@T"), SERVER, SERVER, id="method that is no token"),
]

REPEATED = [
    case(get("/ok", "Host: testserver"), SERVER, 400, id="Host"),
    case(get("/ok", "Host: evil.example"), SERVER, 400, id="Host, another"),
    case(twice("Authorization: Bearer a"), 400, 400, id="Authorization"),
    case(twice("X-API-Key: a"), 400, 400, id="X-API-Key"),
    case(twice("Content-Length: 0"), 200, SERVER, id="Content-Length, the same: h11 makes it one"),
    case(get("/ok", "Content-Length: 0", "Content-Length: 5"), SERVER, SERVER, id="Content-Length, another"),
    case(twice("Content-Type: application/json"), 400, 400, id="Content-Type"),
    case(twice("Transfer-Encoding: chunked", b"0\r\n\r\n"), SERVER, SERVER, id="Transfer-Encoding"),
    case(twice("Origin: https://app.example.com"), 400, 400, id="Origin"),
    case(twice("Sec-Fetch-Site: same-origin"), 400, 400, id="Sec-Fetch-Site"),
    case(twice("X-Forwarded-Proto: https"), 400, 400, id="X-Forwarded-Proto"),
    case(twice("X-Forwarded-For: 192.0.2.1"), 200, 200, id="X-Forwarded-For is a list"),
    case(twice("Accept: */*"), 200, 200, id="Accept is a list"),
    case(twice("Cookie: a=b"), 200, 200, id="Cookie is a list"),
]


@every_framework
@pytest.mark.parametrize(("request_", "outcomes"), [*VALUES, *IDS, *HOSTS, *TARGETS, *REPEATED])
def test_raw_bytes(servers: Servers, name: str, request_: bytes, outcomes: dict[str, Outcome]) -> None:
    outcome = outcomes[servers.kind]
    answer = servers.ask(name, request_)
    if outcome == SERVER:
        assert_refused_by_server(answer)
        return
    assert answer.status == outcome
    made = assert_secured(answer)
    assert len(made) == 32, "none of these ids may be kept"
    assert not {b"\xff", b"\0", b"\x1b"} & {bytes([byte]) for byte in answer.body}
    assert answer.values("set-cookie") == []


# RFC 9112 section 3.2.2: a server must understand a whole URL for a target.
ABSOLUTE = {"uvicorn-h11": {"quart": 200}, "uvicorn-httptools": dict.fromkeys(BARE, 200)}


@every_framework
def test_a_whole_url_for_a_target(servers: Servers, name: str) -> None:
    answer = servers.ask(name, target(b"http://evil.example/ok"))
    assert answer.status == ABSOLUTE[servers.kind].get(name, 404)
    assert_secured(answer)


@every_framework
def test_a_repeated_origin_stops_a_handshake(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        answer = peer.handshake(lines=b"Origin: https://app.example.com\r\nOrigin: https://evil.example\r\n")
    assert answer.status == 400
    if servers.kind == "uvicorn-h11":
        assert_secured(answer)
    else:  # websockets refuses it before it asks the application
        assert b"invalid Origin header" in answer.body


@every_framework
def test_a_repeated_key_stops_a_handshake(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        answer = peer.handshake(lines=b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n")
    assert answer.status == 400
    assert_secured(answer)
