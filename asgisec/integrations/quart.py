"""Quart: the pass goes where Quart asks for middleware, around `asgi_app`."""

from quart import Quart, has_websocket_context, request, websocket

from asgisec.errors import SecurityError
from asgisec.integrations._check import checked
from asgisec.integrations.installation import Installation
from asgisec.stack import refuse

__all__ = ["install"]


def install(app: Quart, installation: Installation) -> None:
    """Put a pass around all that the application sends, its error pages included."""

    async def check_at_start() -> None:
        installation.check()

    secured = installation.around(checked(app.asgi_app, installation.check))
    app.asgi_app = secured  # type: ignore[method-assign]  # as Quart documents
    app.before_serving(check_at_start)
    # A handler of the application's own stays.
    if SecurityError not in app.error_handler_spec[None][None]:
        app.register_error_handler(SecurityError, _refuse)


def _refuse(error: SecurityError) -> tuple[str, int]:
    scope = websocket.scope if has_websocket_context() else request.scope
    refuse(scope, error)
    return "", error.status_code
