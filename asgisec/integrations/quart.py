"""Quart: the pass goes where Quart asks for middleware, around `asgi_app`; guards are decorators of views.

    @app.get("/users")
    @guarded(auth.require("users:read"))
    async def users() -> str:
        return f"for {current_principal.subject}"

`await guard(request)` and `await guard(websocket)` work in a view, too.
"""

from collections.abc import Awaitable, Callable
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, ParamSpec

from asgisec._connection import exchange_of
from asgisec._extras import needs
from asgisec.auth import Guard, Principal
from asgisec.errors import ConfigError, SecurityError
from asgisec.integrations._check import checked
from asgisec.integrations.installation import Installation
from asgisec.stack import refuse

with needs("quart", "install asgisec[quart]"):
    from quart import Quart, current_app, g, has_websocket_context, request, websocket
    from werkzeug.local import LocalProxy

__all__ = ["current_principal", "guarded", "install"]

P = ParamSpec("P")


def guarded(guard: Guard) -> Callable[[Callable[P, Any]], Callable[P, Awaitable[Any]]]:
    """Let only those call a view whom a guard lets pass; write it below the route. A plain function runs in a thread.

    Raises:
        ConfigError: That is no guard.
    """
    if not isinstance(guard, Guard):
        raise ConfigError("guarded(guard)", guard, 'write a guard, such as auth.require("users:read")')

    def decorate(view: Callable[P, Any]) -> Callable[P, Awaitable[Any]]:
        @wraps(view)
        async def call(*args: P.args, **options: P.kwargs) -> Any:
            try:
                g.asgisec_principal = await guard(_scope())
            except SecurityError as error:
                # A blueprint that catches every exception would make a page of its own of it, without a challenge.
                if exchange_of(_scope()) is not None and not _is_handled(error):
                    refuse(_scope(), error)
                raise
            run = view if iscoroutinefunction(view) else current_app.ensure_async(view)
            return await run(*args, **options)

        return call

    return decorate


def _is_handled(error: SecurityError) -> bool:
    """Tell whether the application, or a blueprint around the view, has a handler for this kind of refusal."""
    names = [*(websocket if has_websocket_context() else request).blueprints, None]
    kinds = {kind for kind in type(error).__mro__ if issubclass(kind, SecurityError)}
    spec = current_app.error_handler_spec
    return any(spec[name][None].get(kind, _refuse) is not _refuse for name in names if name in spec for kind in kinds)


def _scope() -> Any:
    return websocket.scope if has_websocket_context() else request.scope


def _current() -> Principal | None:
    """Return whom the view's own guard let pass; without one, whom the application knows the caller as."""
    found: Principal | None = g.get("asgisec_principal")
    return (_scope().get("state") or {}).get("principal") if found is None else found


current_principal: Any = LocalProxy(_current)
"""Who is calling the view that runs; `None`, compared by `==`, where that is not known."""


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
    refuse(_scope(), error)
    return "", error.status_code
