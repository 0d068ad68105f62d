"""The pass over a WebSocket: refused by a response where the server can send one, else closed; dressed on accept."""

from collections.abc import Callable
from typing import Any

import pytest

from asgisec import CORS, Answer, Policy, RequestID, SecurityHeaders, SecurityMiddleware
from asgisec.errors import SecurityError
from asgisec.stack import refuse
from tests.apps import opaque
from tests.asgi import App, Message, answering, drive, scope_of, websocket
from tests.made import TooMuch, constants, limiting, made, refusing

TEXT: Message = {"type": "websocket.receive", "text": "hello"}
ACCEPT: Message = {"type": "websocket.accept", "headers": []}
CLOSE: Message = {"type": "websocket.close", "code": 4000}
DENIAL: list[Message] = [
    {"type": "websocket.http.response.start", "status": 404, "headers": []},
    {"type": "websocket.http.response.body", "body": b"none here"},
]


def sending(*messages: Message, then: BaseException | None = None) -> App:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)
        if then is not None:
            raise then

    return app


@pytest.mark.parametrize(
    ("verdict", "status", "code", "reason"),
    [
        pytest.param(SecurityError("Not you."), 403, 1008, "Not you.", id="a refusal"),
        pytest.param(TooMuch(), 413, 1009, "Too much was sent.", id="a refusal with a close code of its own"),
        pytest.param(Answer.plain(400, "No."), 400, 1008, "No.", id="an answer"),
        pytest.param(Answer(307, [(b"location", b"/")]), 307, 1008, "", id="a redirect"),
        pytest.param(Answer.plain(400, "é" * 100), 400, 1008, "é" * 61, id="a text longer than a control frame"),
    ],
)
def test_a_refusal_before_accept(verdict: Any, status: int, code: int, reason: str) -> None:
    secured = SecurityMiddleware(answering(), RequestID(), SecurityHeaders(), refusing(verdict))
    denied = websocket(secured)
    assert denied.status == status
    assert [message["type"] for message in denied.messages] == [message["type"] for message in DENIAL]
    assert len(denied.values("x-request-id")) == len(denied.values("x-frame-options")) == 1
    closed = websocket(secured, denial=False)
    assert closed.messages == [{"type": "websocket.close", "code": code, "reason": reason}]


@pytest.mark.parametrize("extensions", [None, {}, {"http.response.push": {}}], ids=["None", "none", "another"])
def test_a_server_without_the_extension_gets_a_close(extensions: Any) -> None:
    scope = scope_of("websocket", extensions=extensions)
    closed = drive(SecurityMiddleware(answering(), refusing()), scope, [{"type": "websocket.connect"}])
    assert closed.messages == [{"type": "websocket.close", "code": 1009, "reason": "Too much was sent."}]


def test_an_accepted_websocket_carries_the_headers() -> None:
    policies = (RequestID(), SecurityHeaders(), CORS(allow_origins=["https://app.example.com"]))
    accepted = websocket(SecurityMiddleware(answering(headers=[(b"X-Own", b"1"), (b"Vary", b"Cookie")]), *policies))
    assert accepted.status == 101
    assert accepted.values("x-own") == ["1"]
    assert accepted.values("vary") == ["Cookie, Origin"]
    assert len(accepted.values("x-request-id")) == len(accepted.values("x-frame-options")) == 1
    assert accepted.messages[-1] == {"type": "websocket.close", "code": 1000}


def test_an_accept_without_headers_is_dressed() -> None:
    accepted = websocket(SecurityMiddleware(sending({"type": "websocket.accept"}, CLOSE), constants((b"x-a", b"1"))))
    assert accepted.headers == [("x-a", "1")]


def test_a_denial_of_the_application_is_dressed() -> None:
    denied = websocket(SecurityMiddleware(sending(*DENIAL), constants((b"x-a", b"1"))))
    assert (denied.status, denied.headers, denied.body) == (404, [("x-a", "1")], b"none here")


@pytest.mark.parametrize("denial", [True, False], ids=["denial", "no denial"])
@pytest.mark.parametrize(
    ("before", "error", "sent"),
    [
        pytest.param([], RuntimeError("a secret"), [500, 1011], id="a defect before accept"),
        pytest.param([], TooMuch(), [413, 1009], id="a refusal raised before accept"),
        pytest.param([ACCEPT], RuntimeError("a secret"), [None, None], id="a defect after accept is the server's"),
        pytest.param([ACCEPT], TooMuch(), [1009, 1009], id="a refusal raised after accept closes"),
        pytest.param([ACCEPT, CLOSE], RuntimeError("a secret"), [None, None], id="a defect after close"),
        pytest.param([ACCEPT, CLOSE], TooMuch(), [None, None], id="a refusal raised after close"),
        pytest.param([CLOSE], RuntimeError("a secret"), [None, None], id="a defect after a close before accept"),
        pytest.param([CLOSE], TooMuch(), [None, None], id="a refusal raised after a close before accept"),
        pytest.param(DENIAL, RuntimeError("a secret"), [None, None], id="a defect after a denial"),
        pytest.param(DENIAL, TooMuch(), [None, None], id="a refusal raised after a denial"),
    ],
)
def test_an_exception(before: list[Message], error: Exception, sent: list[int | None], denial: bool) -> None:
    policies = (RequestID(), constants((b"x-a", b"1")))
    response = websocket(SecurityMiddleware(sending(*before, then=error), *policies), denial=denial)
    added = response.messages[len(before) :]
    expected = sent[0] if denial else sent[1]
    codes = [message.get("status", message.get("code")) for message in added if not message["type"].endswith("body")]
    assert codes == ([] if expected is None else [expected])
    assert "secret" not in repr(response.messages)
    answered = isinstance(error, TooMuch) and expected is not None
    assert response.error is (None if answered else error)


async def _accept_and_read(scope: Message, receive: Any, send: Any) -> None:
    await receive()
    await send(ACCEPT)
    await receive()
    await send({"type": "websocket.send", "text": "never"})


async def _swallowing(scope: Message, receive: Any, send: Any) -> None:
    await receive()
    await send(ACCEPT)
    try:
        await receive()
    except SecurityError:
        await send({"type": "websocket.send", "text": "never"})
        await send(CLOSE)


async def _reading_before_it_accepts(scope: Message, receive: Any, send: Any) -> None:
    await receive()
    await receive()


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        pytest.param(_accept_and_read, ["websocket.accept", "websocket.close"], id="propagates"),
        pytest.param(_swallowing, ["websocket.accept", "websocket.close"], id="is swallowed, and sent over"),
        pytest.param(
            _reading_before_it_accepts,
            ["websocket.http.response.start", "websocket.http.response.body"],
            id="before accept",
        ),
    ],
)
def test_a_refusal_while_the_application_reads(app: App, expected: list[str]) -> None:
    policies = (constants((b"x-out", b"1")), limiting(), constants((b"x-in", b"1")))
    response = websocket(SecurityMiddleware(app, *policies), incoming=[TEXT])
    assert [message["type"] for message in response.messages] == expected
    assert response.error is None
    if response.close is not None:
        assert (response.close["code"], response.close["reason"]) == (1009, "Too much was sent.")
    else:
        assert response.status == 413
        assert response.values("x-out") == ["1"]
        assert not response.values("x-in")


@pytest.mark.parametrize(
    "before",
    [
        pytest.param([ACCEPT, CLOSE], id="closed"),
        pytest.param([CLOSE], id="closed before"),
        pytest.param(DENIAL, id="denied"),
    ],
)
def test_a_refusal_after_the_end_changes_nothing(before: list[Message]) -> None:
    async def app(scope: Message, receive: Any, send: Any) -> None:
        await sending(*before)(scope, receive, send)
        refuse(scope, TooMuch())

    response = websocket(SecurityMiddleware(app, constants()))
    assert [message["type"] for message in response.messages] == [message["type"] for message in before]


@pytest.mark.parametrize("denial", [True, False], ids=["denial", "no denial"])
@pytest.mark.parametrize("wrap", [lambda app: app, opaque], ids=["one pass", "nested"])
@pytest.mark.parametrize("error", [RuntimeError, TooMuch], ids=["a defect", "a refusal"])
def test_an_on_end_that_raises_after_a_refusal_sends_nothing_more(
    denial: bool, wrap: Callable[[App], App], error: type[Exception]
) -> None:
    def on_end(exchange: Any, failure: BaseException | None) -> None:
        raise error

    inner = SecurityMiddleware(answering(), refusing(SecurityError()))
    response = websocket(SecurityMiddleware(wrap(inner), made(on_end=on_end)), denial=denial)
    assert response.status == (403 if denial else 0)
    assert (response.close is None) is denial
    assert isinstance(response.error, error)


@pytest.mark.parametrize(
    ("policies", "added"),
    [
        pytest.param([made(on_request=lambda exchange: exchange.add_header("X-A", "1"))], ["1"], id="accepted"),
        pytest.param(
            [made(on_request=lambda exchange: exchange.add_header("X-A", "1")), refusing()], ["1"], id="refused"
        ),
    ],
)
def test_added_headers(policies: list[Policy], added: list[str]) -> None:
    assert websocket(SecurityMiddleware(answering(), *policies)).values("x-a") == added


def test_a_handshake_has_no_method() -> None:
    seen: list[str] = []
    websocket(SecurityMiddleware(answering(), made(on_request=lambda exchange: seen.append(repr(exchange)))), path="/é")
    assert seen == ["<Exchange websocket  '/é'>"]
