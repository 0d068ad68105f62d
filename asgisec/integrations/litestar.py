"""Litestar: the pass goes around its ASGI handler; listed middleware it would build once per route."""

from collections.abc import Callable, Sequence

from litestar import Litestar
from litestar.types import Scope

from asgisec.errors import SecurityError
from asgisec.policy import Policy
from asgisec.stack import InstalledMiddleware, refuse

__all__ = ["install"]


def install(app: Litestar, policies: Sequence[Policy], check: Callable[[], None]) -> None:
    """Put a pass around all that the application sends, its error documents included."""
    app.asgi_handler = InstalledMiddleware(app.asgi_handler, *policies)
    app.after_exception.append(_refuse)
    app.on_startup.append(check)


async def _refuse(error: Exception, scope: Scope) -> None:
    if isinstance(error, SecurityError):
        refuse(scope, error)
