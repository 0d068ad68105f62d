"""A whole answer, given in the application's place: what policies return, and endpoints."""

import json
from collections.abc import Iterable
from http import HTTPStatus

from asgisec._wire.headers import Pair, is_field_value, is_token
from asgisec.errors import SecurityError

__all__ = ["Answer", "header_pair", "phrase_of"]

# As RFC 9110 section 15 names them. Python does so from 3.13 on; a title should not change with the interpreter.
_RENAMED = {413: "Content Too Large", 414: "URI Too Long", 416: "Range Not Satisfiable", 422: "Unprocessable Content"}
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | _RENAMED

_MAX_CLOSE_REASON = 123  # bytes: what a control frame holds besides the code (RFC 6455 section 5.5)


def phrase_of(status: int) -> str:
    """Return the name of a status; that of its class where it has none of its own (RFC 9110 section 15)."""
    return _PHRASES.get(status) or _PHRASES[status // 100 * 100]


class Answer:
    """A whole answer that a policy gives in the application's place: a preflight's, a redirect, a refusal.

    Args:
        status: The HTTP status.
        headers: Header pairs, names in lower case.
        body: The body. Left out on HEAD, where `content-length` still tells its size.
        text: A short text; the reason of the close frame where a WebSocket is refused without a response.
        close_code: The code of that close frame (RFC 6455 section 7.4).
        event: Name and reason of the security event, where the answer is a refusal.
    """

    __slots__ = ("body", "close_code", "close_reason", "event", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: Iterable[Pair] = (),
        body: bytes = b"",
        *,
        text: str = "",
        close_code: int = 1008,
        event: tuple[str, str] | None = None,
    ) -> None:
        self.status = status
        self.headers: tuple[Pair, ...] = (*headers, (b"content-length", b"%d" % len(body)))
        self.body = body
        self.close_reason = text.encode()[:_MAX_CLOSE_REASON].decode(errors="ignore")
        self.close_code = close_code
        self.event = event

    @classmethod
    def plain(
        cls, status: int, text: str, headers: Iterable[Pair] = (), event: tuple[str, str] | None = None
    ) -> "Answer":
        """Make an answer of plain text."""
        typed = [*headers, (b"content-type", b"text/plain; charset=utf-8")]
        return cls(status, typed, text.encode(), text=text, event=event)

    @classmethod
    def problem(cls, error: SecurityError, request_id: str | None) -> "Answer":
        """Render a refusal as a problem document (RFC 9457), with the request id where there is one."""
        document = {
            "type": error.problem_type,
            "title": phrase_of(error.status_code),
            "status": error.status_code,
            "detail": error.detail,
            **({} if request_id is None else {"request_id": request_id}),
            **error.members,
        }
        headers = [header_pair(name, value) for name, value in (error.headers or {}).items()]
        headers.append((b"content-type", b"application/problem+json"))
        body = json.dumps(document, separators=(",", ":")).encode()
        return cls(error.status_code, headers, body, text=error.detail, close_code=error.close_code)


def header_pair(name: str, value: str) -> Pair:
    """Encode a header; refuse what could end the line or begin another."""
    pair = name.encode("ascii", "replace").lower(), value.encode("ascii", "replace")
    if not is_token(pair[0]) or not is_field_value(pair[1]) or not value.isascii():
        raise ValueError("a header is a token and a value of visible ASCII, without line breaks")
    return pair
