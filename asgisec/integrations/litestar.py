"""Litestar: the pass goes around its ASGI handler; listed middleware it would build once per route.

A guard of `asgisec.auth` stands on a handler, a controller, a router or the application:

    @get("/users", guards=[guarded(auth.require("users:read"))])
    async def users(request: Request) -> str:
        return principal_of(request).subject

    app = install(Litestar([users], plugins=[GuardPlugin()]), RequestID())

`GuardPlugin` says in the OpenAPI document what each route asks for.
"""

from copy import copy
from typing import Any, cast

from asgisec._extras import needs
from asgisec._lifespan import close_all
from asgisec.auth import APIKeyAuth, Authenticator, Guard, Principal
from asgisec.errors import ConfigError, SecurityError, Unauthenticated
from asgisec.integrations._check import checked
from asgisec.integrations.installation import Installation
from asgisec.stack import refuse

with needs("litestar", "install asgisec[litestar]"):
    from litestar import Litestar
    from litestar.config.app import AppConfig
    from litestar.connection import ASGIConnection
    from litestar.enums import ScopeType
    from litestar.handlers import HTTPRouteHandler
    from litestar.openapi.spec import Components, SecurityScheme
    from litestar.plugins import InitPlugin, ReceiveRoutePlugin
    from litestar.routes import BaseRoute, HTTPRoute
    from litestar.types import Guard as LitestarGuard
    from litestar.types import Scope

__all__ = ["GuardPlugin", "guarded", "install", "principal_of"]


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


def guarded(guard: Guard) -> LitestarGuard:
    """Return a guard as Litestar takes it in `guards=`.

    Raises:
        ConfigError: That is no guard.
    """
    if not isinstance(guard, Guard):
        raise ConfigError("guarded(guard)", guard, 'write a guard, such as auth.require("users:read")')
    # It is one as it is: only, Litestar asks for a function that returns nothing, and ours returns the principal.
    return cast("LitestarGuard", guard)


def principal_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Principal:
    """Return who is calling, in a handler behind a guard or behind `Authentication`.

    Raises:
        Unauthenticated: Nobody has asked: no guard stands before the handler.
    """
    principal: Principal | None = (connection.scope.get("state") or {}).get("principal")
    if principal is None:
        raise Unauthenticated
    return principal


class GuardPlugin(InitPlugin, ReceiveRoutePlugin):
    """Say in the OpenAPI document what each route asks for: its guards, and those above it."""

    def __init__(self) -> None:
        self._schemes: dict[str, SecurityScheme] = {}

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """Make a place for security schemes, which routes fill as they come."""
        if app_config.openapi_config is not None:
            # A copy: where nobody writes one, all applications of a process have the same.
            config = app_config.openapi_config = copy(app_config.openapi_config)
            listed = config.components if isinstance(config.components, list) else [config.components]
            # Put together when the document is asked for: all routes have come by then.
            config.components = [*listed, Components(security_schemes=self._schemes)]  # type: ignore[arg-type]  # a Reference may stand there, too
        return app_config

    def receive_route(self, route: BaseRoute) -> None:
        """Read the guards of a route."""
        if isinstance(route, HTTPRoute):
            for handler in route.route_handlers:
                self._describe(handler)

    def _describe(self, handler: HTTPRouteHandler) -> None:
        asked: list[Any] = handler.resolve_guards()
        guards = [guard for guard in asked if isinstance(guard, Guard)]
        if not guards or handler.security is not None:
            return
        # Each list entry is one way in (OpenAPI 3.1); of several guards the last, closest one, says which.
        needed = [*dict.fromkeys(scope for guard in guards for scope in guard.scopes)]
        handler.security = [{self._name_of(part): needed} for part in guards[-1].authenticator.parts]

    def _name_of(self, part: Authenticator) -> str:
        """Return the name of an authenticator's scheme in the document; keys in two headers are two."""
        scheme = _scheme_of(part)
        if self._schemes.setdefault(part.scheme, scheme) == scheme:
            return part.scheme
        name = part.header if isinstance(part, APIKeyAuth) else part.challenge_scheme
        self._schemes[name] = scheme
        return name


def _scheme_of(part: Authenticator) -> SecurityScheme:
    if isinstance(part, APIKeyAuth):
        return SecurityScheme(type="apiKey", name=part.header, security_scheme_in="header")
    return SecurityScheme(type="http", scheme=part.challenge_scheme.lower())
