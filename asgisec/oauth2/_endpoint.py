"""What the endpoints share: each is an ASGI application, for `Mount`, for `Route`, or on its own.

- A WebSocket is closed before it is accepted. A lifespan is completed, and closes the stores. Anything else is ignored.
- Another method is a 405 that names those there are.
- A form is read up to `MAX_BODY` and for `TIMEOUT`; parameters come in the body only (RFC 6749 section 2.3.1).
- A refusal is one event, and the answer of RFC 6749 section 5.2. An exception that is none goes on to the framework, or
  the server, whose 500 says nothing of it.
- What a pass around refuses while the body is read (a limit of its own) goes on to that pass.
"""

from abc import abstractmethod
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, ClassVar, TypeAlias

from anyio import move_on_after

from asgisec._connection import report
from asgisec._lifespan import with_closing
from asgisec._wire.form import BadForm, is_form, parse_form
from asgisec.errors import ContentTooLarge, RequestTimeout, SecurityError
from asgisec.oauth2._errors import InvalidRequest, MethodNotAllowed, refused
from asgisec.policy import Answer
from asgisec.stores.protocols import Closable

__all__ = [
    "MAX_BODY",
    "TIMEOUT",
    "Endpoint",
    "FormEndpoint",
    "Receive",
    "Scope",
    "address_of",
    "header_lines",
    "parameter",
    "parsed_form",
    "read_body",
]

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]

MAX_BODY = 16 * 1024  # bytes: a token of 8 KiB, escaped, and all the rest
TIMEOUT = 10.0  # seconds for a form that fits into a few packets
_MAX_DIGITS = 18  # of a length; nobody's body is longer

# Whatever of these is in a URL is in the logs of every proxy on the way.
_PARAMETERS = frozenset(
    {
        "client_assertion",
        "client_id",
        "client_secret",
        "grant_type",
        "password",
        "refresh_token",
        "scope",
        "token",
        "token_type_hint",
        "username",
    }
)


class Endpoint:
    """An ASGI application that answers one kind of request."""

    _methods: ClassVar[tuple[str, ...]] = ("GET", "HEAD")

    closes: tuple[Closable, ...] = ()
    """What to close when the application shuts down. On its own, an endpoint does it itself."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one connection."""
        kind = scope["type"]
        if kind == "http":
            answer = await self._judged(scope, receive)
            if answer is not None:
                await _send(answer, scope, send)
        elif kind == "websocket":
            report(scope, "input_validation_fail", "websocket", policy=self)
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "This is no WebSocket."})
        elif kind == "lifespan":
            await with_closing(_without_lifespan, self.closes, scope, receive, send)

    async def _judged(self, scope: Scope, receive: Receive) -> Answer | None:
        if scope["method"] not in self._methods:
            return self._refused(scope, MethodNotAllowed(headers={"Allow": ", ".join(self._methods)}))
        return await self._answer(scope, receive)

    def _refused(self, scope: Scope, error: SecurityError) -> Answer:
        if not error.reported:
            report(scope, error.event, error.reason, policy=self)
        return refused(error)

    @abstractmethod
    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        """Return the answer; `None` where nobody waits for one."""


class FormEndpoint(Endpoint):
    """An endpoint that is sent a form."""

    _methods = ("POST",)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | None:
        error = _judge_head(scope) or self._judge_type(header_lines(scope, b"content-type"))
        # Outside of what is caught below: this may be the refusal of a pass around, which is its to answer.
        body = error or await read_body(receive)
        if body is None:
            return None
        try:
            if isinstance(body, SecurityError):
                raise body
            return await self._handle(scope, self._parse(scope, body))
        except SecurityError as refusal:
            return self._refused(scope, refusal)

    def _judge_type(self, types: list[bytes]) -> SecurityError | None:
        """Return why a body of this type is not read."""
        if len(types) > 1:
            return InvalidRequest("The request repeats a header.", reason="header_repeated")
        if not types or not is_form(types[0]):
            return InvalidRequest("Send a form: application/x-www-form-urlencoded.", reason="content_type")
        return None

    def _parse(self, scope: Scope, body: bytes) -> dict[str, str]:
        """Return the parameters."""
        return parsed_form(body)

    @abstractmethod
    async def _handle(self, scope: Scope, form: Mapping[str, str]) -> Answer:
        """Return the answer to a form.

        Raises:
            SecurityError: It is refused.
        """


def header_lines(scope: Scope, wanted: bytes) -> list[bytes]:
    """Return the value of every line of a header."""
    return [value for name, value in scope["headers"] if name == wanted]


def parameter(form: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there.

    Raises:
        InvalidRequest: It is not.
    """
    if name not in form:
        raise InvalidRequest("The form lacks a parameter.", reason="parameter_missing")
    return form[name]


def address_of(scope: Scope) -> str | None:
    """Return the client's address; a `TrustedProxies` around has resolved it."""
    client = scope.get("client")
    return client[0] if client else None


async def read_body(
    receive: Receive, *, limit: int = MAX_BODY, within: float = TIMEOUT
) -> bytes | SecurityError | None:
    """Return the body, or why it is refused; `None` where the client has gone."""
    parts: list[bytes] = []
    size = 0
    with move_on_after(within):
        while (message := await receive())["type"] == "http.request":
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > limit:
                return ContentTooLarge(_TOO_LARGE, reason="body_too_large")
            if not message.get("more_body", False):
                return b"".join(parts)
        return None
    return RequestTimeout()


_TOO_LARGE = "The request is too large."


def _judge_head(scope: Scope) -> SecurityError | None:
    lengths = header_lines(scope, b"content-length")
    if lengths and lengths[0].isdigit() and (len(lengths[0]) > _MAX_DIGITS or int(lengths[0]) > MAX_BODY):
        return ContentTooLarge(_TOO_LARGE, reason="body_too_large")
    query = scope.get("query_string", b"")
    if query:
        try:
            named = parse_form(query).keys() & _PARAMETERS
        except BadForm:
            named = {"unknown"}
        if named:
            return InvalidRequest("Send parameters in the body, never in the URL.", reason="parameter_in_query")
    return None


def parsed_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form.

    Raises:
        InvalidRequest: It has no single meaning.
    """
    try:
        return parse_form(body)
    except BadForm as bad:
        raise InvalidRequest(_FAULTS[bad.fault], reason=bad.fault) from None


_FAULTS = {
    "form_malformed": "The form is malformed.",
    "form_repeated": "The form has a parameter twice.",
    "form_too_many": "The form has too many parameters.",
}


async def _send(answer: Answer, scope: Scope, send: Send) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": [*answer.headers]})
    # RFC 9110 section 9.3.2: no content in the answer to HEAD. Not every server sees to it.
    body = b"" if scope["method"] == "HEAD" else answer.body
    await send({"type": "http.response.body", "body": body})


async def _without_lifespan(scope: Any, receive: Any, send: Any) -> None:
    """Know nothing of starting and stopping."""
