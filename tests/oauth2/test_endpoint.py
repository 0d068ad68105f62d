"""What the endpoints share: which requests become a form, and what becomes of the others."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from asgisec import RequestID, RequestLimits, SecurityEvent, SecurityMiddleware, install
from asgisec.errors import ContentTooLarge, OriginNotAllowed, RequestTimeout, SecurityError
from asgisec.oauth2._endpoint import MAX_BODY, FormEndpoint, Scope, read_body
from asgisec.oauth2._errors import json_answer
from asgisec.policy import Answer
from tests.asgi import App, Headers, Message, Recorded, drive, request, scope_of, websocket

FORM = ("content-type", "application/x-www-form-urlencoded")
HOST = ("host", "testserver")


class Echo(FormEndpoint):
    """Answers with the form; raises what the form asks for."""

    raises: Exception | None = None

    async def _handle(self, scope: Scope, form: Mapping[str, str]) -> Answer:
        if self.raises is not None:
            raise self.raises
        return json_answer(200, {**form})


class Breaks(Echo):
    raises = RuntimeError("sesame-7f3a")


class Refuses(Echo):
    raises = OriginNotAllowed()


def post(
    app: App, body: bytes | Sequence[bytes] = b"a=1", headers: Headers = (), *, typed: bool = True, **extra: Any
) -> Recorded:
    chunks = [body] if isinstance(body, bytes) else body
    lines = [HOST, *([FORM] if typed else []), *headers]
    return request(extra.pop("app", app), "POST", extra.pop("path", "/"), lines, body=chunks, patient=True, **extra)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@pytest.mark.parametrize(
    "body",
    [
        pytest.param([b"a=1&b=2"], id="one chunk"),
        pytest.param([b"a=", b"1&", b"b", b"=2"], id="many"),
        pytest.param([b"", b"a=1&b=2", b""], id="empty ones"),
    ],
)
def test_a_form(body: list[bytes], backend: str) -> None:
    answer = post(Echo(), body, backend=backend)
    assert answer.status == 200
    assert json.loads(answer.body) == {"a": "1", "b": "2"}
    assert answer.values("cache-control") == ["no-store"]
    assert answer.values("pragma") == ["no-cache"]
    assert answer.values("content-type") == ["application/json"]


@pytest.mark.parametrize(
    ("headers", "typed", "body", "query", "status", "reason"),
    [
        pytest.param([], False, b"a=1", b"", 400, "content_type", id="no type"),
        pytest.param([("content-type", "application/json")], False, b"{}", b"", 400, "content_type", id="JSON"),
        pytest.param(
            [("content-type", "multipart/form-data; boundary=x")], False, b"", b"", 400, "content_type", id="multipart"
        ),
        pytest.param([("content-type", "text/plain")], False, b"a=1", b"", 400, "content_type", id="text"),
        pytest.param([("content-type", "application/json")], True, b"a=1", b"", 400, "header_repeated", id="two types"),
        pytest.param([FORM], True, b"a=1", b"", 400, "header_repeated", id="the type twice"),
        pytest.param([("content-length", "16385")], True, b"a=1", b"", 413, "body_too_large", id="length"),
        pytest.param(
            [("content-length", "9" * 4000)], True, b"a=1", b"", 413, "body_too_large", id="length of a length"
        ),
        pytest.param([], True, b"a=" + b"b" * MAX_BODY, b"", 413, "body_too_large", id="size"),
        pytest.param([("content-length", "3")], True, b"a=" + b"b" * MAX_BODY, b"", 413, "body_too_large", id="a lie"),
        pytest.param([], True, b"a=1&a=2", b"", 400, "form_repeated", id="twice"),
        pytest.param([], True, b"a=%zz", b"", 400, "form_malformed", id="escapes"),
        pytest.param([], True, b"a=\xff", b"", 400, "form_malformed", id="no UTF-8"),
        pytest.param([], True, b"&" * 40, b"", 400, "form_too_many", id="fields"),
        pytest.param([], True, b"a=1", b"password=x", 400, "parameter_in_query", id="password in the URL"),
        pytest.param([], True, b"a=1", b"x=1&client%5Fsecret=x", 400, "parameter_in_query", id="escaped"),
        pytest.param([], True, b"a=1", b"token=a&token=b", 400, "parameter_in_query", id="twice in the URL"),
        pytest.param([], True, b"grant_type=a", b"grant_type=a", 400, "parameter_in_query", id="here and there"),
        pytest.param([], True, b"a=1", b"%zz", 400, "parameter_in_query", id="a URL that nobody can read"),
    ],
)
def test_no_form(
    headers: Headers,
    typed: bool,
    body: bytes,
    query: bytes,
    status: int,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answer = post(Echo(), body, headers, typed=typed, query_string=query)
    assert answer.status == status
    said = json.loads(answer.body)
    assert said["error"] == "invalid_request"
    assert said["error_description"]
    assert answer.values("cache-control") == ["no-store"]
    (event,) = events(caplog)
    assert (event.name, event.reason, event.policy, event.client) == (
        "input_validation_fail",
        reason,
        "Echo",
        "192.0.2.7",
    )


def events(caplog: pytest.LogCaptureFixture) -> list[SecurityEvent]:
    return [record.event for record in caplog.records if record.name == "asgisec.events"]  # type: ignore[attr-defined]


def test_a_query_of_other_things_is_left_alone() -> None:
    assert post(Echo(), query_string=b"tenant=7").status == 200


def test_a_form_of_the_greatest_size() -> None:
    assert post(Echo(), b"a=" + b"b" * (MAX_BODY - 2), [("content-length", str(MAX_BODY))]).status == 200


@pytest.mark.parametrize("length", ["-1", "+3", "0x10", ""])
def test_a_length_that_is_none_is_the_servers_business(length: str) -> None:
    assert post(Echo(), headers=[("content-length", length)]).status == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "post"])
def test_other_methods(method: str) -> None:
    answer = request(Echo(), method)
    assert answer.status == 405
    assert answer.values("allow") == ["POST"]
    said = {"error": "invalid_request", "error_description": "This method is not allowed here."}
    assert (answer.body == b"") if method == "HEAD" else (json.loads(answer.body) == said)


def test_a_client_that_has_gone_is_not_answered() -> None:
    gone = drive(Echo(), scope_of("http", "POST", headers=[HOST, FORM]))
    assert gone.messages == []
    assert gone.error is None
    half = [{"type": "http.request", "body": b"a=1", "more_body": True}]
    assert drive(Echo(), scope_of("http", "POST", headers=[HOST, FORM]), half).messages == []


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_client_that_trickles(backend: str) -> None:
    async def receive() -> Message:
        await anyio.sleep_forever()
        raise AssertionError

    async def run() -> bytes | SecurityError | None:
        return await read_body(receive, within=0)

    found = anyio.run(run, backend=backend)
    assert isinstance(found, RequestTimeout)


def test_a_body_over_its_limit_is_read_no_further() -> None:
    asked = 0

    async def receive() -> Message:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x" * 6, "more_body": True}

    async def run() -> bytes | SecurityError | None:
        return await read_body(receive, limit=10)

    assert isinstance(anyio.run(run), ContentTooLarge)
    assert asked == 2


def test_a_message_without_a_body() -> None:
    assert drive(Echo(), scope_of("http", "POST", headers=[HOST, FORM]), [{"type": "http.request"}]).status == 200


# Refusals and failures, inside a pass and outside


def test_an_exception_goes_on_to_the_server() -> None:
    answer = post(Breaks())
    assert answer.messages == []
    assert isinstance(answer.error, RuntimeError)


def test_an_exception_inside_a_pass_is_a_500_without_a_word_of_it() -> None:
    answer = post(SecurityMiddleware(Breaks(), RequestID()))
    assert answer.status == 500
    assert b"sesame" not in answer.body
    assert isinstance(answer.error, RuntimeError)


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a pass"])
def test_a_refusal_is_one_event_and_one_answer(wrapped: bool, caplog: pytest.LogCaptureFixture) -> None:
    told: list[SecurityEvent] = []
    app: App = SecurityMiddleware(Refuses(), RequestID(), on_event=told.append) if wrapped else Refuses()
    answer = post(app)
    assert answer.status == 403
    assert json.loads(answer.body)["error"] == "access_denied"
    (event,) = events(caplog)
    assert (event.name, event.reason, event.policy, event.level) == (
        "malicious_cors",
        "origin_not_allowed",
        "Refuses",
        logging.WARNING,
    )
    assert told == ([event] if wrapped else [])
    assert bool(answer.values("x-request-id")) is wrapped is (event.request_id is not None)


@pytest.mark.parametrize("place", ["around", "in Starlette"])
def test_the_limit_of_a_pass_is_answered_by_the_pass(place: str, caplog: pytest.LogCaptureFixture) -> None:
    limits = RequestLimits(max_body_size=10)
    inner: App = Echo() if place == "around" else Starlette(routes=[Mount("/", Echo())])
    answer = post(SecurityMiddleware(inner, limits), [b"a=1234", b"567890"])
    assert answer.status == 413
    assert answer.values("content-type") == ["application/problem+json"]
    assert answer.error is None
    assert [event.reason for event in events(caplog)] == ["body_too_large"]


@pytest.mark.parametrize("denial", [True, False])
@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "in a pass"])
def test_a_websocket_is_closed(denial: bool, wrapped: bool, caplog: pytest.LogCaptureFixture) -> None:
    recorded = websocket(SecurityMiddleware(Echo(), RequestID()) if wrapped else Echo(), denial=denial)
    assert [message["type"] for message in recorded.messages] == ["websocket.close"]
    assert recorded.error is None
    (event,) = events(caplog)
    assert (event.reason, event.method) == ("websocket", "WEBSOCKET")


@pytest.mark.parametrize(
    "app",
    [
        pytest.param(Starlette(routes=[Mount("/", Echo())]), id="Mount"),
        pytest.param(Starlette(routes=[Route("/token", Echo())]), id="Route"),
        pytest.param(install(Starlette(routes=[Route("/token", Echo())]), RequestID()), id="installed"),
    ],
)
def test_in_starlette(app: App) -> None:
    body = urlencode({"a": "ü&"}).encode()
    assert json.loads(post(app, body, path="/token").body) == {"a": "ü&"}
    assert request(app, "GET", "/token").values("allow") == ["POST"]
