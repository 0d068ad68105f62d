"""When hooks run: `on_end` whatever happened, cancellation too; context variables; requests that interleave."""

import asyncio
import contextvars
import gc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from asgisec import Answer, Exchange, Policy, RequestID, SecurityMiddleware, request_id, stack
from asgisec.errors import SecurityError
from tests.asgi import App, Message, answering, request, scope_of, websocket
from tests.made import TooMuch, constants, limiting, made, refusing, saying

HOST = ("host", "testserver")


def _raising(error: BaseException) -> Any:
    def hook(*given: Any) -> None:
        raise error

    return hook


async def _failing(scope: Message, receive: Any, send: Any) -> None:
    raise RuntimeError


async def _reading(scope: Message, receive: Any, send: Any) -> None:
    await receive()


@pytest.mark.parametrize(
    ("app", "inner", "expected"),
    [
        pytest.param(
            answering(),
            [],
            ["b on_response 200", "a on_response 200", "b on_end NoneType", "a on_end NoneType"],
            id="answered",
        ),
        pytest.param(
            answering(),
            [refusing()],
            ["b on_response 413", "a on_response 413", "b on_end NoneType", "a on_end NoneType"],
            id="refused inside",
        ),
        pytest.param(
            answering(),
            [made(on_request=_raising(RuntimeError()))],
            ["b on_end RuntimeError", "a on_end RuntimeError", "b on_response 500", "a on_response 500"],
            id="a policy inside raised",
        ),
        pytest.param(
            _failing,
            [],
            ["b on_end RuntimeError", "a on_end RuntimeError", "b on_response 500", "a on_response 500"],
            id="the application raised",
        ),
        pytest.param(
            _reading,
            [limiting()],
            ["b on_response 413", "a on_response 413", "b on_end NoneType", "a on_end NoneType"],
            id="refused inside while reading: the answer, then the end",
        ),
        pytest.param(
            answering(),
            [made(on_end=_raising(ValueError()))],
            ["b on_response 200", "a on_response 200", "b on_end ValueError", "a on_end ValueError"],
            id="an on_end inside raised",
        ),
    ],
)
def test_on_end_runs_innermost_first(app: App, inner: list[Policy], expected: list[str]) -> None:
    log: list[str] = []
    request(SecurityMiddleware(app, saying(log, "a"), saying(log, "b"), *inner))
    entering = [f"{label} {hook}" for label in "ab" for hook in ("on_request", "wrap_receive")]
    assert log == entering + expected


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        pytest.param(lambda log: made(**_hooks(log, lambda *given: TooMuch())), "NoneType", id="it refused"),
        pytest.param(lambda log: made(**_hooks(log, lambda *given: Answer(204))), "NoneType", id="it answered"),
        pytest.param(lambda log: made(**_hooks(log, _raising(TooMuch()))), "TooMuch", id="it raised a refusal"),
        pytest.param(lambda log: made(**_hooks(log, _raising(ValueError()))), "ValueError", id="it raised"),
        pytest.param(lambda log: made(on_end=_hooks(log, None)["on_end"]), None, id="one further inside never ran"),
    ],
)
def test_on_end_runs_for_every_policy_that_saw_the_request(policy: Callable[[Any], Policy], error: str | None) -> None:
    log: list[str] = []
    policies = [refusing(), policy(log)] if error is None else [policy(log)]
    request(SecurityMiddleware(answering(), *policies))
    assert log == ([error] if error else [])


def _hooks(log: list[Any], on_request: Any) -> dict[str, Any]:
    return {"on_request": on_request, "on_end": lambda exchange, error: log.append(type(error).__name__)}


@pytest.mark.parametrize("app", [answering(), _failing], ids=["answered", "failed"])
def test_an_on_end_that_raises_keeps_no_other_from_running(app: App) -> None:
    log: list[str] = []
    first, second = ValueError("first"), ValueError("second")
    policies = [saying(log, "a"), made(on_end=_raising(second)), saying(log, "b"), made(on_end=_raising(first))]
    response = request(SecurityMiddleware(app, *policies))
    assert [line for line in log if "on_end" in line] == ["b on_end ValueError", "a on_end ValueError"]
    assert response.error is second
    assert second.__context__ is first
    assert isinstance(first.__context__, RuntimeError) is (app is _failing)


@dataclass(frozen=True)
class Frozen(Exception):
    code: int


def test_a_frozen_exception_of_on_end_keeps_no_other_from_running() -> None:
    log: list[str] = []
    coroutine: Any = SecurityMiddleware(_failing, saying(log, "a"), made(on_end=_raising(Frozen(1))))(
        _scope(), _no_message, _keep([])
    )
    with pytest.raises(Frozen):
        coroutine.send(None)
    assert "a on_end Frozen" in log


def test_what_fails_at_the_end_keeps_the_cause_it_has() -> None:
    error = ValueError()
    error.__context__ = cause = KeyError()
    request(SecurityMiddleware(_failing, made(on_end=_raising(error))))
    assert error.__context__ is cause


def test_a_500_of_on_end_is_dressed_by_the_policies_up_to_its_own() -> None:
    async def silent(scope: Message, receive: Any, send: Any) -> None: ...

    ending = made(response_headers=[(b"x-own", b"1")], on_end=_raising(ValueError()))
    response = request(SecurityMiddleware(silent, constants((b"x-out", b"1")), ending, constants((b"x-in", b"1"))))
    assert response.status == 500
    assert response.values("x-out") == response.values("x-own") == ["1"]
    assert not response.values("x-in")


@pytest.mark.parametrize("nested", [False, True], ids=["in one pass", "in nested passes"])
def test_an_on_end_that_raises_after_a_refusal_is_not_hidden_by_it(nested: bool) -> None:
    error = ValueError()
    inner = SecurityMiddleware(_reading, made(on_end=_raising(error)))
    response = request(SecurityMiddleware(_opaque(inner) if nested else inner, limiting()))
    assert response.status == 413
    assert response.error is error


def _opaque(app: App) -> App:
    async def between(scope: Message, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return between


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


async def _forever(scope: Message, receive: Any, send: Any) -> None:
    scope["started"].set()
    await anyio.sleep_forever()


def _scope(**extra: Any) -> Message:
    return scope_of(headers=[HOST], **extra)


@pytest.mark.parametrize(("backend", "name"), [("asyncio", "CancelledError"), ("trio", "Cancelled")])
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_on_end_is_awaited_to_its_end_when_a_cancel_scope_is_cancelled(backend: str, name: str, kind: str) -> None:
    outer, inner = Waiting(), Waiting()
    sent: list[Message] = []

    async def run() -> None:
        started = anyio.Event()
        async with anyio.create_task_group() as group:

            async def serve() -> None:
                secured = SecurityMiddleware(_forever, RequestID(), outer.policy, inner.policy)
                scope = scope_of(kind, headers=[HOST], started=started)
                await secured(scope, _no_message, _keep(sent))

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
        secured = SecurityMiddleware(_forever, RequestID(), waiting.policy)
        task = asyncio.create_task(secured(_scope(started=started), _no_message, _keep(sent)))
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
            await SecurityMiddleware(answering(), waiting.policy, cancelling)(_scope(), _no_message, _keep([]))

    anyio.run(run, backend=backend)
    assert waiting.log == ["NoneType", "done"]


async def _no_message() -> Message:
    await anyio.sleep_forever()
    raise AssertionError


def _keep(sent: list[Any]) -> Callable[[Message], Any]:
    async def send(message: Message) -> None:
        sent.append(message)

    return send


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

            await SecurityMiddleware(app, saying(log, "a"))(_scope(), _no_message, _keep(sent))

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
                secured = SecurityMiddleware(_forever, saying(log, "outer"), made(on_end=hangs))
                group.start_soon(secured, _scope(started=started), _no_message, _keep([]))
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
    coroutine: Any = app(_scope(), _no_message, _keep([]))
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
            await secured(scope, _no_message, _keep([]))
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
            await secured(scope, _no_message, _keep(sent))
            answers[inbound] = dict(sent[0]["headers"])

        async with anyio.create_task_group() as group:
            for number in range(count):
                group.start_soon(one, f"id-{number}")

    anyio.run(run, backend=backend)
    assert len(answers) == count
    for inbound, headers in answers.items():
        names = (b"x-request-id", b"x-seen", b"x-added", b"x-memo")
        assert [headers[name] for name in names] == [inbound.encode()] * 4


def test_receive_is_wrapped_by_the_outermost_policy_first() -> None:
    log: list[str] = []

    def wrapping(label: str) -> Policy:
        def wrap_receive(exchange: Exchange, receive: Any) -> Any:
            async def wrapped() -> Any:
                message = await receive()
                log.append(label)
                return message

            return wrapped

        return made(wrap_receive=wrap_receive)

    request(SecurityMiddleware(_reading, wrapping("outer"), wrapping("inner")))
    assert log == ["outer", "inner"]


def test_a_policy_that_refused_does_not_wrap_receive() -> None:
    log: list[str] = []
    request(SecurityMiddleware(_reading, made(on_request=lambda exchange: TooMuch(), wrap_receive=log.append)))
    assert not log


def test_the_status_of_an_exchange() -> None:
    seen: list[Any] = []
    policy = made(
        on_request=lambda exchange: seen.append(exchange.status),
        on_response=lambda exchange, headers: seen.append(exchange.status),
        on_end=lambda exchange, error: seen.append(exchange.status),
    )
    request(SecurityMiddleware(answering(204), policy))
    websocket(SecurityMiddleware(answering(), policy))
    assert seen == [None, 204, 204, None, 101, 101]


def test_a_refusal_can_be_an_exception_of_a_guard() -> None:
    async def guarded(scope: Message, receive: Any, send: Any) -> None:
        raise scope["asgisec"].refuse(SecurityError())

    response = request(SecurityMiddleware(guarded, RequestID()))
    assert (response.status, response.error) == (403, None)
