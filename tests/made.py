"""Policies made of plain functions, for tests of the pass."""

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

from asgisec import Exchange, Policy, RateLimit
from asgisec.errors import SecurityError


class TooMuch(SecurityError):
    status = 413
    default_detail = "Too much was sent."
    default_reason = "too_much"
    close_code = 1009


def made(**members: Any) -> Policy:
    """Make a policy with these hooks, functions without `self`, and attributes."""
    hooks = {name: staticmethod(it) if callable(it) else it for name, it in members.items()}
    policy: Policy = type("Made", (Policy,), hooks)()
    return policy


def constants(*pairs: tuple[bytes, bytes]) -> Policy:
    return made(response_headers=pairs)


def refusing(verdict: Any = None) -> Policy:
    return made(on_request=lambda exchange: verdict or TooMuch())


def limiting(by_itself: bool = True, **members: Any) -> Policy:
    """Make a policy that refuses as soon as the application reads a body or a text."""

    def wrap_receive(exchange: Exchange, receive: Callable[[], Any]) -> Callable[[], Any]:
        async def limited() -> Any:
            message = await receive()
            if message["type"] in {"http.request", "websocket.receive"}:
                raise exchange.refuse(TooMuch(), policy if by_itself else None)
            return message

        return limited

    policy = made(wrap_receive=wrap_receive, **members)
    return policy


def saying(log: list[Any], label: str, **members: Any) -> Policy:
    """Make a policy that tells the log which of its hooks ran; `members` are further attributes, or hooks instead."""

    def on_response(exchange: Exchange, headers: Sequence[Any]) -> None:
        log.append(f"{label} on_response {exchange.status}")

    def on_end(exchange: Exchange, error: BaseException | None) -> None:
        log.append(f"{label} on_end {type(error).__name__}")

    def wrap_receive(exchange: Exchange, receive: Any) -> Any:
        log.append(f"{label} wrap_receive")
        return receive

    hooks = {
        "on_request": lambda exchange: log.append(f"{label} on_request"),
        "wrap_receive": wrap_receive,
        "on_response": on_response,
        "on_end": on_end,
    }
    return made(**{**hooks, **members})


def remade(policy: RateLimit, **options: Any) -> RateLimit:
    """Make the same policy anew, which has counted nothing."""
    kept = {field.name: getattr(policy, field.name) for field in fields(policy) if field.init}
    limits = kept.pop("limits")
    return RateLimit(*limits, **{**kept, **options})
