"""What is checked when an application starts, where the framework's own start may be left out."""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from asgisec.stack import ASGIApp, SecurityMiddleware

__all__ = ["applications_in", "around", "checked", "routes_of"]


def checked(app: ASGIApp, check: Callable[[], None]) -> ASGIApp:
    """Return the application, checked before its first connection: servers can be told to leave the start out.

    Until the check is passed, every connection raises what it raises.
    """
    passed = False

    # A plain function: once the check is passed, a call more and no coroutine.
    def call(scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        nonlocal passed
        if not passed and scope["type"] != "lifespan":
            check()
            passed = True
        return app(scope, receive, send)

    return call


def routes_of(app: Any) -> Iterator[Any]:
    """Yield the routes of an application or router as Starlette has them, those of included routers with them."""
    routes = getattr(app, "routes", None)
    for route in routes if isinstance(routes, list) else ():
        # FastAPI keeps routers apart, with the prefixes and dependencies that they were included with.
        included = getattr(route, "effective_route_contexts", None)
        if included is None:
            yield route
            continue
        for context in included():
            yield getattr(context, "starlette_route", None) or context


def around(app: object) -> Iterator[object]:
    """Yield an application and, where it is middleware, all that it is around, outermost first."""
    found: set[int] = set()
    while app is not None and id(app) not in found:
        found.add(id(app))
        yield app
        # What middleware calls `app` is what it is around, by a convention that Starlette's own keeps.
        app = app.app if isinstance(app, SecurityMiddleware) else getattr(app, "__dict__", {}).get("app")


def applications_in(app: object) -> Iterator[object]:
    """Yield an application, and all that is mounted in it, also behind middleware."""
    found: set[int] = set()
    waiting = [app]
    while waiting:
        for one in around(waiting.pop()):
            if id(one) not in found:
                found.add(id(one))
                yield one
                waiting += [getattr(route, "app", None) for route in routes_of(one)]
