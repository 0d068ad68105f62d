"""Starlette, and what is built on it: the pass goes around the whole middleware stack, the application stays itself."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from asgisec.errors import ConfigError, SecurityError
from asgisec.integrations._check import applications_in
from asgisec.integrations.installation import Installation
from asgisec.policy import Policy
from asgisec.stack import not_starting, refuse
from asgisec.stores.protocols import Closable

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
        return replace(installation, policies=(*installation.policies, MountedIn(app))).around(stack)

    # For the application that this one may be mounted in: servers start and stop that one only.
    build_secured.policies = installation.policies  # type: ignore[attr-defined]  # a function has room for it
    app.exception_handlers.setdefault(SecurityError, _refuse)
    app.build_middleware_stack = build_secured  # type: ignore[method-assign]  # Starlette has no other place around all


class MountedIn(Policy):
    """What is mounted in an application: what its passes and endpoints use is closed when that shuts down."""

    def __init__(self, app: Starlette) -> None:
        self._app = app

    @property
    def closes(self) -> Sequence[Closable]:  # type: ignore[override]  # known when the application starts
        """What they use, each once."""
        found: dict[int, Any] = {}
        for one in applications_in(self._app):
            if one is self._app:
                continue
            policies = getattr(getattr(one, "__dict__", {}).get("build_middleware_stack"), "policies", ())
            for owner in (one, *policies):
                closes = getattr(owner, "closes", ())
                found |= {id(used): used for used in closes} if isinstance(closes, tuple | list) else {}
        return tuple(found.values())


async def _refuse(connection: Request | WebSocket, error: Any) -> Response | None:
    refuse(connection.scope, error)
    if isinstance(connection, WebSocket):
        return None
    # The pass puts its own answer in the place of this one; middleware in between wants to see one.
    return Response(status_code=error.status_code)
