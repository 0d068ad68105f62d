"""Litestar: the pass goes around its ASGI handler; listed middleware it would build once per route."""

from litestar import Litestar
from litestar.types import Scope

from asgisec.errors import SecurityError
from asgisec.integrations.installation import Installation
from asgisec.stack import refuse

__all__ = ["install"]


def install(app: Litestar, installation: Installation) -> None:
    """Put a pass around all that the application sends, its error documents included."""
    app.asgi_handler = installation.around(app.asgi_handler)
    app.after_exception.append(_refuse)
    app.on_startup.append(installation.check)


async def _refuse(error: Exception, scope: Scope) -> None:
    if isinstance(error, SecurityError):
        refuse(scope, error)
