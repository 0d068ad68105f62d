"""The routes of an application and what they depend on: read to check what was declared and to document it.

Nothing here decides who may pass: a route that is not found is guarded all the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fastapi.dependencies.models import Dependant

from asgisec.integrations._check import applications_in, routes_of
from asgisec.integrations.fastapi.guard import SecurityGuard

__all__ = ["Operation", "check_scopes_of", "dependencies_of", "operations"]


@dataclass(frozen=True, slots=True)
class Operation:
    """A route with what it depends on.

    Attributes:
        path: As the documentation writes it; of a mounted application, within that.
        methods: In lower case; none for a WebSocket.
        dependant: FastAPI's own tree.
        own: Whether it stands in this application's documentation, and not in that of one mounted.
    """

    path: str
    methods: frozenset[str]
    dependant: Dependant
    own: bool


def operations(app: Any) -> Iterator[Operation]:
    """Yield the routes of an application, of included routers, and of applications mounted below."""
    for one in applications_in(app):
        for route in routes_of(one):
            dependant = getattr(route, "dependant", None)
            if isinstance(dependant, Dependant):
                methods = frozenset(method.lower() for method in getattr(route, "methods", None) or ())
                yield Operation(route.path_format, methods, dependant, own=one is app)


def dependencies_of(dependant: Dependant) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """Yield all that a route calls before it is called itself, each with the scopes that it is asked for."""
    for below in dependant.dependencies:
        scopes = dict.fromkeys([*(below.parent_oauth_scopes or ()), *(below.own_oauth_scopes or ())])
        yield below.call, tuple(scopes)
        yield from dependencies_of(below)


def check_scopes_of(app: Any) -> None:
    """Refuse an application that requires a scope which nobody can have.

    Raises:
        ConfigError: A `Security(guard, scopes=...)` names a scope that the guard does not declare.
    """
    for operation in operations(app):
        for call, scopes in dependencies_of(operation.dependant):
            if isinstance(call, SecurityGuard):
                call.require(*scopes)
