"""Requests that are cancelled, closed, dropped or interleaved: `on_end` runs, and each keeps its own context."""

import asyncio
import contextvars
import gc
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from asgisec import Exchange, RequestID, SecurityMiddleware, request_id, stack
from tests.apps import keep_in, no_message, plain_scope, waits_forever
from tests.asgi import App, Message, answering, scope_of
from tests.made import TooMuch, made, saying

HOST = ("host", "testserver")


class Waiting:
    """A policy whose clean-up waits, as giving a lease back to a store does."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.policy = made(on_end=self.on_end)

    async def on_end(self, exchange: Exchange, error: BaseException | None) -> None:
        self.log.append(type(error).__name__)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        self.log.append("done")


@pytest.mark.parametrize(("backend", "name"), [("asyncio", "CancelledError"), ("trio", "Cancelled")])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_on_end_is_awaited_to_its_end_when_a_cancel_scope_is_cancelled(backend: str, name: str, kind: str) -> None:
    outer, inner = Waiting(), Waiting()
    sent: list[Message] = []

    async def run() -> None:
        started = anyio.Event()
        async with anyio.create_task_group() as group:

            async def serve() -> None:
                secured = SecurityMiddleware(waits_forever, RequestID(), outer.policy, inner.policy)
                scope = scope_of(kind, headers=[HOST], started=started)
                await secured(scope, no_message, keep_in(sent))

            group.start_soon(serve)
            await started.wait()
            group.cancel_scope.cancel()

    anyio.run(run, backend=backend)
    assert outer.log == inner.log == [name, "done"]
    assert not sent


def test_on_end_is_awaited_to_its_end_when_a_task_is_cancelled() -> None:
    waiting = Waiting()
    sent: list[Message] = []

    async def run() -> None:
        started = asyncio.Event()
        secured = SecurityMiddleware(waits_forever, RequestID(), waiting.policy)
        task = asyncio.create_task(secured(plain_scope(started=started), no_message, keep_in(sent)))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert request_id() is None

    asyncio.run(run())
    assert waiting.log == ["CancelledError", "done"]
    assert not sent


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_on_end_is_awaited_to_its_end_when_it_is_cancelled_itself(backend: str) -> None:
    waiting = Waiting()

    async def run() -> None:
        with anyio.CancelScope() as cancelled:
            cancelling = made(on_end=lambda exchange, error: cancelled.cancel())
            await SecurityMiddleware(answering(), waiting.policy, cancelling)(plain_scope(), no_message, keep_in([]))

    anyio.run(run, backend=backend)
    assert waiting.log == ["NoneType", "done"]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_refusal_of_a_cancelled_request_is_not_sent(backend: str) -> None:
    sent: list[Message] = []
    log: list[str] = []

    async def run() -> None:
        with anyio.CancelScope() as cancelled:

            async def app(scope: Message, receive: Any, send: Any) -> None:
                scope["asgisec"].refuse(TooMuch())
                cancelled.cancel()
                await anyio.lowlevel.checkpoint()

            await SecurityMiddleware(app, saying(log, "a"))(plain_scope(), no_message, keep_in(sent))

    anyio.run(run, backend=backend)
    assert log[-1].startswith("a on_end Cancelled")
    assert not sent


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_clean_up_that_hangs_is_given_up_when_the_request_was_cancelled(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stack, "_CLEANUP_GRACE", 0.01)
    log: list[str] = []

    async def hangs(exchange: Exchange, error: BaseException | None) -> None:
        await anyio.sleep_forever()

    async def run() -> None:
        started = anyio.Event()
        with anyio.fail_after(10), anyio.CancelScope() as cancelled:
            async with anyio.create_task_group() as group:
                secured = SecurityMiddleware(waits_forever, saying(log, "outer"), made(on_end=hangs))
                group.start_soon(secured, plain_scope(started=started), no_message, keep_in([]))
                await started.wait()
                cancelled.cancel()

    anyio.run(run, backend=backend)
    assert log[-1].startswith("outer on_end Cancelled")


@pytest.mark.parametrize("waits", [True, False], ids=["async on_end", "on_end"])
def test_a_coroutine_that_is_closed_ends_its_request_without_waiting(waits: bool) -> None:
    waiting = Waiting()
    log: list[str] = []
    policy = waiting.policy if waits else made(on_end=lambda exchange, error: log.append(type(error).__name__))
    coroutine = _suspended(SecurityMiddleware(_suspending, RequestID(), policy))
    coroutine.close()
    assert log == ([] if waits else ["GeneratorExit"])
    assert not waiting.log
    assert request_id() is None


class Future:
    """An awaitable that is no coroutine."""

    def __await__(self) -> Any:
        yield


def test_an_on_end_that_returns_another_awaitable_is_left_when_the_coroutine_is_closed() -> None:
    _suspended(SecurityMiddleware(_suspending, made(on_end=lambda exchange, error: Future()))).close()


async def _suspending(scope: Message, receive: Any, send: Any) -> None:
    await Future()


def _suspended(app: App) -> Any:
    coroutine: Any = app(plain_scope(), no_message, keep_in([]))
    coroutine.send(None)
    return coroutine


@pytest.mark.parametrize("how", ["close", "collect"])
def test_a_request_that_is_dropped_in_another_context_harms_none(how: str) -> None:
    coroutine = contextvars.Context().run(_suspended, SecurityMiddleware(_suspending, RequestID()))
    if how == "close":
        coroutine.close()
    del coroutine
    gc.collect()
    assert request_id() is None


def test_the_context_is_as_before_after_each_request() -> None:
    seen: list[str | None] = []

    async def app(scope: Message, receive: Any, send: Any) -> None:
        seen.append(request_id())
        await answering()(scope, receive, send)

    secured = SecurityMiddleware(app, RequestID())

    async def run() -> None:
        for inbound in ("first", "second"):
            scope = scope_of(headers=[HOST, ("x-request-id", inbound)])
            await secured(scope, no_message, keep_in([]))
            seen.append(request_id())

    anyio.run(run)
    assert seen == ["first", None, "second", None]


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_interleaved_requests_keep_their_own(backend: str) -> None:
    count = 20
    answers: dict[str, Any] = {}

    async def run() -> None:
        arrived, everybody = 0, anyio.Event()

        async def app(scope: Message, receive: Any, send: Any) -> None:
            nonlocal arrived
            arrived += 1
            if arrived == count:
                everybody.set()
            await everybody.wait()
            await answering(headers=[("x-seen", str(request_id()))])(scope, receive, send)

        def add(exchange: Exchange) -> None:
            exchange.memo["own"] = exchange.request_id
            exchange.add_header("X-Added", str(exchange.request_id))

        def on_response(exchange: Exchange, headers: Any) -> None:
            headers.append((b"x-memo", exchange.memo["own"].encode()))

        secured = SecurityMiddleware(app, RequestID(), made(on_request=add, on_response=on_response))

        async def one(inbound: str) -> None:
            sent: list[Any] = []
            scope = scope_of(headers=[HOST, ("x-request-id", inbound)])
            await secured(scope, no_message, keep_in(sent))
            answers[inbound] = dict(sent[0]["headers"])

        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(one, f"id-{number}")

    anyio.run(run, backend=backend)
    assert len(answers) == count
    for inbound, headers in answers.items():
        names = (b"x-request-id", b"x-seen", b"x-added", b"x-memo")
        assert [headers[name] for name in names] == [inbound.encode()] * 4
