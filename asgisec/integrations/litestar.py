"""Litestar: the pass goes around its ASGI handler; listed middleware it would build once per route."""

from litestar import Litestar
from litestar.enums import ScopeType
from litestar.types import Scope

from asgisec._lifespan import close_all
from asgisec.errors import SecurityError
from asgisec.integrations._check import checked
from asgisec.integrations.installation import Installation
from asgisec.stack import refuse

__all__ = ["install"]


def install(app: Litestar, installation: Installation) -> None:
    """Put a pass around all that the application sends, its error documents included."""
    secured = installation.around(checked(app.asgi_handler, installation.check))

    async def close() -> None:
        await close_all(secured.closes)

    app.asgi_handler = secured
    app.on_startup.append(installation.check)
    app.on_shutdown.append(close)  # its lifespan does not come by its ASGI handler
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
