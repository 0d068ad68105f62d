"""Which hooks run when; `on_end` whatever happened."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from asgisec import Answer, Exchange, Policy, RequestID, SecurityMiddleware
from asgisec.errors import SecurityError
from tests.apps import fails, keep_in, no_message, opaque, plain_scope
from tests.asgi import App, Message, answering, request, websocket
from tests.made import TooMuch, constants, limiting, made, refusing, saying


def _raising(error: BaseException) -> Any:
    def hook(*given: Any) -> None:
        raise error

    return hook


async def _reading(scope: Message, receive: Any, send: Any) -> None:
    await receive()


async def _reading_all_the_same(scope: Message, receive: Any, send: Any) -> None:
    with suppress(TooMuch):
        await receive()


@pytest.mark.parametrize("at_once", [False, True], ids=["may wait", "at once"])
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
            fails,
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
            _reading_all_the_same,
            [limiting()],
            ["b on_response 413", "a on_response 413", "b on_end NoneType", "a on_end NoneType"],
            id="refused inside, which the application hushed up",
        ),
        pytest.param(
            answering(),
            [made(on_end=_raising(ValueError()))],
            ["b on_response 200", "a on_response 200", "b on_end ValueError", "a on_end ValueError"],
            id="an on_end inside raised",
        ),
    ],
)
def test_on_end_runs_innermost_first(app: App, inner: list[Policy], expected: list[str], *, at_once: bool) -> None:
    log: list[str] = []
    request(SecurityMiddleware(app, *(saying(log, label, ends_at_once=at_once) for label in "ab"), *inner))
    entering = [f"{label} {hook}" for label in "ab" for hook in ("on_request", "wrap_receive")]
    assert log == entering + expected


def test_who_refuses_while_the_application_reads_ends_before_its_refusal_is_sent() -> None:
    log: list[str] = []
    inner = limiting(on_end=lambda exchange, error: log.append(f"b on_end {type(error).__name__}"))
    request(SecurityMiddleware(_reading, saying(log, "a"), inner))
    assert log[2:] == ["b on_end TooMuch", "a on_response 413", "a on_end NoneType"]


def test_a_hook_that_is_left_out_does_not_run() -> None:
    log: list[str] = []
    hooks = ("on_request", "wrap_receive", "on_response", "on_end")
    request(SecurityMiddleware(answering(), saying(log, "a", leaves_out=hooks), saying(log, "b", leaves_out=hooks[1:])))
    assert log == ["b on_request"]


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


@pytest.mark.parametrize("app", [answering(), fails], ids=["answered", "failed"])
def test_an_on_end_that_raises_keeps_no_other_from_running(app: App) -> None:
    log: list[str] = []
    first, second = ValueError("first"), ValueError("second")
    policies = [saying(log, "a"), made(on_end=_raising(second)), saying(log, "b"), made(on_end=_raising(first))]
    response = request(SecurityMiddleware(app, *policies))
    assert [line for line in log if "on_end" in line] == ["b on_end ValueError", "a on_end ValueError"]
    assert response.error is second
    assert second.__context__ is first
    assert isinstance(first.__context__, RuntimeError) is (app is fails)


@dataclass(frozen=True)
class Frozen(Exception):
    code: int


def test_a_frozen_exception_of_on_end_keeps_no_other_from_running() -> None:
    log: list[str] = []
    coroutine: Any = SecurityMiddleware(fails, saying(log, "a"), made(on_end=_raising(Frozen(1))))(
        plain_scope(), no_message, keep_in([])
    )
    with pytest.raises(Frozen):
        coroutine.send(None)
    assert "a on_end Frozen" in log


def test_what_fails_at_the_end_keeps_the_cause_it_has() -> None:
    error = ValueError()
    error.__context__ = cause = KeyError()
    request(SecurityMiddleware(fails, made(on_end=_raising(error))))
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
    response = request(SecurityMiddleware(opaque(inner) if nested else inner, limiting()))
    assert response.status == 413
    assert response.error is error


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
