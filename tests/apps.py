"""Applications and drivers that several tests of the pass share."""

from collections.abc import Awaitable, Callable
from typing import Any

import anyio

from asgisec.errors import SecurityError
from tests.asgi import App, Message, scope_of

START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]}
CHUNK: Message = {"type": "http.response.body", "body": b"half", "more_body": True}
END: Message = {"type": "http.response.body", "body": b""}


def failing(error: BaseException, before: list[Message] | None = None) -> App:
    """Make an application that sends these messages, then raises."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        for message in before or ():
            await send(message)
        raise error

    return app


def in_a_framework(app: App) -> App:
    """Put an application where a framework has its middleware."""

    async def framework(scope: Message, receive: Any, send: Any) -> None:
        scope["app"] = framework
        await app(scope, receive, send)

    return framework


def by_hand(app: App, on_send: Callable[[Message], object]) -> BaseException | None:
    """Run one request without an event loop, which would take such exceptions for its own."""

    async def receive() -> Message:
        return {"type": "http.request", "body": b""}

    async def send(message: Message) -> None:
        on_send(message)

    coroutine: Any = app(scope_of(headers=[("host", "testserver")]), receive, send)
    try:
        coroutine.send(None)
    except StopIteration:
        return None
    except BaseException as error:  # noqa: BLE001 - looked at by the test
        return error
    raise AssertionError("the application waits")


def reading(then: Callable[[Exception, Any], Awaitable[None]]) -> App:
    """Make an application that reads, and does this with a refusal."""

    async def app(scope: Message, receive: Any, send: Any) -> None:
        try:
            await receive()
        except SecurityError as error:
            await then(error, send)

    return app


async def propagates(error: Exception, send: Any) -> None:
    raise error


async def is_swallowed(error: Exception, send: Any) -> None: ...


def opaque(app: App) -> App:
    """Hide what an application is, so that no pass fuses with it."""

    async def between(scope: Message, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return between


async def fails(scope: Message, receive: Any, send: Any) -> None:
    raise RuntimeError


async def waits_forever(scope: Message, receive: Any, send: Any) -> None:
    scope["started"].set()
    await anyio.sleep_forever()


def plain_scope(**extra: Any) -> Message:
    return scope_of(headers=[("host", "testserver")], **extra)


async def no_message() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


def keep_in(sent: list[Any]) -> Callable[[Message], Any]:
    """Make a `send` that keeps messages in a list."""

    async def send(message: Message) -> None:
        sent.append(message)

    return send
