"""Quart: the pass goes where Quart asks for middleware, around `asgi_app`."""

from collections.abc import Callable, Sequence

from quart import Quart, has_websocket_context, request, websocket

from asgisec.errors import SecurityError
from asgisec.integrations._check import checked
from asgisec.policy import Policy
from asgisec.stack import InstalledMiddleware, refuse

__all__ = ["install"]


def install(app: Quart, policies: Sequence[Policy], check: Callable[[], None]) -> None:
    """Put a pass around all that the application sends, its error pages included."""

    async def check_at_start() -> None:
        check()

    app.asgi_app = InstalledMiddleware(  # type: ignore[method-assign]  # as Quart documents
        checked(app.asgi_app, check), *policies
    )
    app.before_serving(check_at_start)
    # A handler of the application's own stays.
    if SecurityError not in app.error_handler_spec[None][None]:
        app.register_error_handler(SecurityError, _refuse)


def _refuse(error: SecurityError) -> tuple[str, int]:
    scope = websocket.scope if has_websocket_context() else request.scope
    refuse(scope, error)
    return "", error.status_code
