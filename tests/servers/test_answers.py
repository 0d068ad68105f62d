"""Every kind of answer of every framework, over a real socket: the id and each security header exactly once."""

import json

import pytest

from tests.servers.apps import BARE, CHUNKS, SECRET
from tests.servers.checks import assert_secured
from tests.servers.harness import Answer, Servers, get

ALLOWED = "Origin: https://app.example.com"
FOREIGN = "Origin: https://evil.example"

every_framework = pytest.mark.parametrize("name", BARE)

REQUESTS = [
    pytest.param(get(), 200, id="an answer"),
    pytest.param(get("/missing"), 404, id="not found"),
    pytest.param(get(method="POST"), 405, id="a method that the route has not"),
    pytest.param(get("/boom"), 500, id="an exception"),
    pytest.param(get("/stream"), 200, id="a stream"),
    pytest.param(get("/ok", ALLOWED), 200, id="an allowed origin"),
    pytest.param(get("/ok", FOREIGN), 200, id="an origin that is not allowed"),
    pytest.param(get("/boom", ALLOWED), 500, id="an exception, to an allowed origin"),
    pytest.param(get(host="evil.example"), 400, id="a foreign host"),
    pytest.param(get("/ok", ALLOWED, "Access-Control-Request-Method: PUT", method="OPTIONS"), 200, id="a preflight"),
    pytest.param(get("/ok", FOREIGN, "Access-Control-Request-Method: PUT", method="OPTIONS"), 400, id="a foreign one"),
]


@every_framework
@pytest.mark.parametrize(("request_", "status"), REQUESTS)
def test_answer(servers: Servers, name: str, request_: bytes, status: int) -> None:
    answer = servers.ask(name, request_)
    assert answer.status == status
    assert_secured(answer)
    assert SECRET.encode() not in answer.body
    # What is refused before CORS is the same for every origin.
    assert bool(answer.values("vary")) == (b"Host: testserver" in request_)
    allowed = ["https://app.example.com"] if ALLOWED.encode() in request_ else []
    assert answer.values("access-control-allow-origin") == allowed


@every_framework
def test_head(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        answer = peer.ask(get(method="HEAD"))
        assert answer.status == (405 if name in {"fastapi", "litestar"} else 200)  # they route GET alone to a getter
        assert_secured(answer)
        # Were there a body, it would stand before the next answer.
        assert_secured(peer.ask(get()))


@every_framework
def test_a_foreign_host_is_refused_to_head_without_a_body(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        answer = peer.ask(get(method="HEAD", host="evil.example"))
        assert (answer.status, answer.values("content-length")) == (400, ["19"])
        assert peer.ask(get()).status == 200


@every_framework
def test_a_stream_arrives_whole_and_in_order(servers: Servers, name: str) -> None:
    answer = servers.ask(name, get("/stream"))
    assert answer.values("transfer-encoding") == ["chunked"]
    assert answer.body == b"".join(CHUNKS)


@every_framework
def test_own_headers_win_and_vary_is_merged(servers: Servers, name: str) -> None:
    answer = servers.ask(name, get("/own"))
    own = {"content_security_policy": "default-src 'self'", "x_frame_options": "SAMEORIGIN"}
    assert_secured(answer, **own, cache_control="max-age=60")
    assert answer.values("vary") == ["Accept-Encoding, Origin"]


@every_framework
def test_an_inbound_id_is_kept(servers: Servers, name: str) -> None:
    assert assert_secured(servers.ask(name, get("/ok", "X-Request-ID: from-gateway.1"))) == "from-gateway.1"


def test_fastapi_validation_error(servers: Servers) -> None:
    answer = servers.ask("fastapi", get("/items/abc"))
    assert answer.status == 422
    assert_secured(answer)
    assert json.loads(answer.body)["detail"][0]["loc"] == ["path", "number"]


@every_framework
def test_error_pages_stay_the_framework_s(servers: Servers, name: str) -> None:
    content_types = {
        status: servers.ask(name, request).values("content-type")
        for status, request in {404: get("/missing"), 500: get("/boom")}.items()
    }
    pages = {
        "fastapi": {404: ["application/json"], 500: ["text/plain; charset=utf-8"]},
        "starlette": {404: ["text/plain; charset=utf-8"], 500: ["text/plain; charset=utf-8"]},
        "litestar": {404: ["application/json"], 500: ["application/json"]},
        "quart": {404: ["text/html; charset=utf-8"], 500: ["text/html; charset=utf-8"]},
        "django": {404: ["text/html; charset=utf-8"], 500: ["text/html; charset=utf-8"]},
        "bare": {404: ["text/plain"], 500: ["application/problem+json"]},  # nobody else is there to answer
    }
    assert content_types == pages[name]


@every_framework
def test_a_websocket_is_accepted(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        answer = peer.handshake(lines=ALLOWED.encode() + b"\r\n")
        if name == "django":  # speaks HTTP only; what it raises is answered by the pass
            _assert_denied(answer, 500, "The server could not answer this request.")
            return
        assert answer.status == 101
        assert_secured(answer)
        assert peer.frame() == (1, b"hello")
        peer.send_text("again")
        assert peer.frame() == (1, b"again")


@every_framework
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://app.example.com.evil.example", "\xff"])
def test_a_websocket_of_a_foreign_page_is_refused(servers: Servers, name: str, origin: str) -> None:
    with servers.connect(name) as peer:
        answer = peer.handshake(lines=b"Origin: " + origin.encode("latin-1") + b"\r\n")
        _assert_denied(answer, 403, "Connections from this origin are not allowed.")


@every_framework
def test_a_websocket_to_a_foreign_host_is_refused(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        answer = peer.handshake(host="evil.example")
        assert (answer.status, answer.body) == (400, b"Invalid host header")
        assert_secured(answer)


def _assert_denied(answer: Answer, status: int, detail: str) -> None:
    assert answer.status == status
    assert answer.values("content-type") == ["application/problem+json"]
    document = json.loads(answer.body)
    assert (document["detail"], document["request_id"]) == (detail, assert_secured(answer))
