"""What a server does over time: many requests, logs, peers that hang up, a stop in the middle of an answer."""

import asyncio
import logging
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from asgisec import RequestID, SecurityMiddleware
from tests.servers.apps import BARE, SECRET
from tests.servers.checks import assert_secured
from tests.servers.harness import SERVERS, Servers, get, running

every_framework = pytest.mark.parametrize("name", BARE)
every_server = pytest.mark.parametrize("server", SERVERS)


@every_framework
def test_two_requests_on_one_connection_have_two_ids(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        ids = [assert_secured(peer.ask(get())) for _ in range(2)]
    assert len(set(ids)) == 2


@every_framework
def test_pipelined_requests_are_answered_in_order(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        peer.send(get("/ok", "X-Request-ID: first") + get("/missing", "X-Request-ID: second"))
        answers = [peer.answer(), peer.answer()]
    assert [(answer.status, assert_secured(answer)) for answer in answers] == [(200, "first"), (404, "second")]


@every_framework
def test_fifty_at_once_each_get_their_own_id(servers: Servers, name: str) -> None:
    sent = [f"{name}-{number}" for number in range(50)]
    peers = [servers.connect(name) for _ in sent]
    try:
        for peer, request_id in zip(peers, sent, strict=True):
            peer.send(get("/log", f"X-Request-ID: {request_id}"))
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda peer: peer.answer(), peers))
    finally:
        for peer in peers:
            peer.close()
    assert [assert_secured(answer) for answer in answers] == sent
    lines = [record for record in servers.log.of("tests.apps") if record.getMessage().startswith(f"served {name}-")]
    assert {f"served {key}" for key in sent} <= {record.getMessage() for record in lines}
    assert all(record.getMessage() == f"served {vars(record)['request_id']}" for record in lines)


# Quart, Django and Litestar log what handlers raise and raise nothing; Litestar, by default, logs in debug mode only.
LOGGED_BY = {"fastapi": "uvicorn.error", "starlette": "uvicorn.error", "bare": "uvicorn.error"}
LOGGED_BY |= {"quart": "tests.servers.apps", "django": "django.request"}


@pytest.mark.parametrize("name", LOGGED_BY)
def test_an_exception_is_logged_with_the_id_of_its_request(servers: Servers, name: str) -> None:
    request_id = assert_secured(servers.ask(name, get("/boom", f"X-Request-ID: boom-{name}")))
    if LOGGED_BY[name] == "uvicorn.error":
        # It is logged after the request is over: the id is on the exception.
        record = servers.log.wait_for("uvicorn.error", f"request id: {request_id}")
    else:
        record = next(record for record in servers.log.of(LOGGED_BY[name]) if vars(record)["request_id"] == request_id)
    text = logging.Formatter().format(record)
    assert SECRET in text
    assert text.count("request id: ") == (LOGGED_BY[name] == "uvicorn.error")


@every_framework
def test_the_access_log_carries_the_id(servers: Servers, name: str) -> None:
    servers.ask(name, get(f"/access-{name}", f"X-Request-ID: access-{name}"))
    record = servers.log.wait_for("uvicorn.access", f"/access-{name} ")
    assert vars(record)["request_id"] == f"access-{name}"


@every_framework
def test_a_peer_that_hangs_up_leaves_the_server_healthy(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        peer.send(get("/endless"))
        assert_secured(peer.head())
    assert servers.ask(name, get()).status == 200


@every_framework
def test_a_peer_that_hangs_up_in_its_body_leaves_the_server_healthy(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        peer.send(get("/ok", "Content-Length: 1000", method="POST") + b"begun")
    with servers.connect(name) as peer:
        peer.handshake()
    assert servers.ask(name, get()).status == 200


@every_framework
def test_after_a_refusal_the_connection_serves_on(servers: Servers, name: str) -> None:
    with servers.connect(name) as peer:
        assert peer.ask(get(host="evil.example")).status == 400
        refused = get("/ok", "X-API-Key: a", "X-API-Key: b", "Content-Length: 5", method="POST") + b"never"
        assert peer.ask(refused).status == 400
        assert peer.ask(get()).status == 200


@every_server
def test_a_stop_lets_the_answer_that_has_begun_end(server: str) -> None:
    lived: Counter[str] = Counter()
    go_on = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                lived[step] += 1
                await send({"type": f"lifespan.{step}.complete"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
        await send({"type": "http.response.body", "body": b"be", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"gu"})

    with running(server, {"app": SecurityMiddleware(app, RequestID())}) as servers:
        with servers.connect("app") as peer:
            peer.send(get("/"))
            answer = peer.head()
            assert peer.file.read(2) == b"be"
            servers.running["app"].should_exit = True
            servers.log.wait_for("uvicorn.error", "Shutting down")
            servers.call(go_on.set)
            assert peer.rest() == b"gu"
        assert len(answer.values("x-request-id")) == 1
    assert lived == {"startup": 1, "shutdown": 1}


# uvicorn with websockets holds a handshake that was answered with a response for one that was forgotten, and says so in
# an error line of its log. A refused WebSocket is such a handshake, whoever refuses it.
COMPLAINS = {"uvicorn-h11": False, "uvicorn-httptools": True}


@every_server
def test_what_the_server_says_of_a_refused_handshake(server: str) -> None:
    async def refusing(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    with running(server, {"app": refusing}) as servers, servers.connect("app") as peer:
        assert peer.handshake().status == 403
        assert peer.rest() == b""
    errors = [record for record in servers.log.of("uvicorn.error") if record.levelname == "ERROR"]
    assert bool(errors) == COMPLAINS[server]
