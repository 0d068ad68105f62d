"""What is checked when an application starts, where the framework's own start may be left out."""

from collections.abc import Awaitable, Callable
from typing import Any

from asgisec.stack import ASGIApp

__all__ = ["checked"]


def checked(app: ASGIApp, check: Callable[[], None]) -> ASGIApp:
    """Return the application, checked before its first connection: servers can be told to leave the start out.

    Until the check is passed, every connection raises what it raises.
    """
    passed = False

    # A plain function: once the check is passed, a call more and no coroutine.
    def call(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        nonlocal passed
        if not passed and scope["type"] != "lifespan":
            check()
            passed = True
        return app(scope, receive, send)

    return call
