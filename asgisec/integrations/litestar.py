"""Litestar: the pass goes around its ASGI handler; listed middleware it would build once per route."""

from collections.abc import Callable, Sequence

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import Scope

from asgisec.errors import SecurityError
from asgisec.integrations._check import checked
from asgisec.policy import Policy
from asgisec.stack import InstalledMiddleware, refuse

__all__ = ["install"]


def install(app: Litestar, policies: Sequence[Policy], check: Callable[[], None]) -> None:
    """Put a pass around all that the application sends, its error documents included."""
    app.asgi_handler = InstalledMiddleware(checked(app.asgi_handler, check), *policies)
    app.on_startup.append(check)
    if _refuse not in app.after_exception:
        app.after_exception.append(_refuse)


async def _refuse(error: Exception, scope: Scope) -> None:
    # Not an exception handler: Litestar asks none where a WebSocket fails.
    if isinstance(error, SecurityError) and not _is_handled(error, scope):
        refuse(scope, error)


def _is_handled(error: SecurityError, scope: Scope) -> bool:
    """Tell whether the application has a handler of its own for this kind of refusal."""
    if scope["type"] == ScopeType.WEBSOCKET:
        return False
    route = scope.get("route_handler")
    handlers = scope["litestar_app"].exception_handlers if route is None else route.resolve_exception_handlers()
    return any(kind in handlers for kind in type(error).__mro__ if issubclass(kind, SecurityError))
