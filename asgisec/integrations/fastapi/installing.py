"""What `secure` and `install` do on FastAPI: as on Starlette, and what FastAPI knows of its routes is used."""

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any

from fastapi import FastAPI

from asgisec.auth._known import first_look, keep
from asgisec.auth.authenticators import Authenticator
from asgisec.errors import SecurityError
from asgisec.integrations import starlette
from asgisec.integrations.fastapi.document import document
from asgisec.integrations.fastapi.pages import DocsPages
from asgisec.integrations.fastapi.routes import check_scopes_of, dependencies_of, operations
from asgisec.integrations.installation import Installation
from asgisec.policies.security_headers import SecurityHeaders
from asgisec.policy import Exchange, Policy
from asgisec.stores.protocols import Closable

__all__ = ["install"]


def install(app: FastAPI, installation: Installation) -> None:
    """Install the policies, let the documentation pages load what they load, and describe the refusals."""
    policies: tuple[Policy, ...] = (*installation.policies, GuardsOf(app))
    if any(isinstance(policy, SecurityHeaders) and policy.content_security_policy for policy in policies):
        policies = (*policies, DocsPages(app))

    def check() -> None:
        installation.check()
        check_scopes_of(app)

    starlette.install(app, replace(installation, policies=policies, check=check))
    document(app, installation.policies)


class GuardsOf(Policy):
    """The guards and endpoints of an application's routes: what they use is closed when it shuts down.

    Whom they ask for is looked for here already, where a credential was good before and only the store has to say
    whether it still is: a request that waits in the depths of the framework holds four times as much, which the
    collector looks through again and again. Nothing is decided here. A route without a guard lets pass whom it did, and
    what is not good any more is found, and refused, by the guard.
    """

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @property
    def closes(self) -> Sequence[Closable]:  # type: ignore[override]  # known when the application starts
        """What the guards of the routes use."""
        found: dict[int, Any] = {}
        for user in self._users():
            # A plain guard names what it uses through its authenticator.
            owner = getattr(user, "authenticator", user)
            closes = getattr(owner, "closes", ())
            found |= {id(used): used for used in closes} if isinstance(closes, tuple | list) else {}
        return tuple(found.values())

    def on_request(self, exchange: Exchange) -> Awaitable[None] | None:
        """Begin with who is calling; a guard behind a body looks when that was read, which may take long."""
        if _BODY.isdisjoint(exchange.headers) and exchange.scope["type"] == "http":
            for authenticator in self._authenticators:
                if authenticator.remembers(exchange):
                    return _look(authenticator, exchange)
        return None

    @cached_property
    def _authenticators(self) -> tuple[Authenticator, ...]:
        # When the first request comes: routes are added to an application that was secured before.
        found = [getattr(user, "authenticator", None) for user in self._users()]
        return tuple(dict.fromkeys(one for one in found if isinstance(one, Authenticator)))

    def _users(self) -> Iterator[Any]:
        for operation in operations(self._app):
            yield operation.dependant.call
            yield from (call for call, _ in dependencies_of(operation.dependant))


# RFC 9112 section 6.3: what announces a body.
_BODY = frozenset({b"content-length", b"transfer-encoding"})


async def _look(authenticator: Authenticator, exchange: Exchange) -> None:
    # Of a refusal nothing is kept: whether it is one is the guard's to say, and a store may answer the next time.
    with suppress(SecurityError):
        principal = await first_look(authenticator, exchange)
        if principal is not None:
            keep(authenticator, exchange.scope, principal)
