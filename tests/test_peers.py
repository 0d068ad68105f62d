"""What the whole stack does where packages of the same purpose were seen to go wrong."""

from typing import Any

import pytest

from asgisec import secure
from tests.asgi import Message, answering, request, websocket

HOST = [("host", "testserver")]


def secured(app: Any) -> Any:
    return secure(app, hosts=["testserver"], origins=["https://app.example.com"])


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"the answer is 1 or 1=1, as you like", id="a condition"),
        pytest.param(b"see ../notes and <script> in chapter 2", id="a path and a tag"),
        pytest.param(b"SELECT a seat; DROP by when you can -- Bobby", id="words of SQL"),
        pytest.param(b"\xff\xfe\x00 raw bytes", id="no text at all"),
    ],
)
def test_honest_text_is_not_taken_for_an_attack(text: bytes) -> None:
    """fastapi-guard looks for patterns: it answers such a body with 400, and takes 64 ms for a trivial GET."""
    got = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        got.append((await receive())["body"])
        await answering()(scope, receive, send)

    recorded = request(secured(app), "POST", "/comments", [*HOST, ("user-agent", "or 1=1")], body=[text])
    assert (recorded.status, got) == (200, [text])


@pytest.mark.parametrize("chunks", [0, 1, 3, 50])
def test_a_streamed_response_starts_once(chunks: int) -> None:
    """slowapi's middleware sends `http.response.start` again with every chunk."""
    body = [b"%d" % number for number in range(chunks)]
    recorded = request(secured(answering(body=body)))
    kinds = [message["type"] for message in recorded.messages]
    assert kinds == ["http.response.start", *["http.response.body"] * (chunks + 1)]
    assert recorded.body == b"".join(body)


@pytest.mark.parametrize("denial", [True, False], ids=["by a response", "by a close"])
def test_a_strangers_page_opens_no_websocket(denial: bool) -> None:
    """Neither slowapi's limit nor Starlette's CORS looks at WebSockets: five of five handshakes are accepted there."""
    for _ in range(5):
        recorded = websocket(secured(answering()), headers=[*HOST, ("origin", "https://evil.example")], denial=denial)
        assert "websocket.accept" not in [message["type"] for message in recorded.messages]
        assert (recorded.status, recorded.close and recorded.close["code"]) == ((403, None) if denial else (0, 1008))
    allowed = websocket(secured(answering()), headers=[*HOST, ("origin", "https://app.example.com")], denial=denial)
    assert allowed.messages[0]["type"] == "websocket.accept"
