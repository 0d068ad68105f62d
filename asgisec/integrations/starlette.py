"""Starlette, and what is built on it: the pass goes around the whole middleware stack, the application stays itself."""

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from asgisec.errors import ConfigError, SecurityError
from asgisec.integrations.installation import Installation
from asgisec.stack import not_starting, refuse

__all__ = ["install"]


def install(app: Starlette, installation: Installation) -> None:
    """Put a pass around all that the application sends, its error page included."""
    if app.middleware_stack is not None:
        raise ConfigError("install(app)", app, "install before the application serves its first request")
    build = app.build_middleware_stack

    def build_secured() -> ASGIApp:
        stack = build()
        try:
            installation.check()
        except ConfigError as error:
            return not_starting(error)
        return installation.around(stack)

    app.exception_handlers.setdefault(SecurityError, _refuse)
    app.build_middleware_stack = build_secured  # type: ignore[method-assign]  # Starlette has no other place around all


async def _refuse(connection: Request | WebSocket, error: Any) -> Response | None:
    refuse(connection.scope, error)
    if isinstance(connection, WebSocket):
        return None
    # The pass puts its own answer in the place of this one; middleware in between wants to see one.
    return Response(status_code=error.status_code)
