"""What `secure` and `install` do on FastAPI: as on Starlette, and what FastAPI knows of its routes is used."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from fastapi import FastAPI

from asgisec.integrations import starlette
from asgisec.integrations.fastapi.document import document
from asgisec.integrations.fastapi.pages import DocsPages
from asgisec.integrations.fastapi.routes import check_scopes_of, dependencies_of, operations
from asgisec.integrations.installation import Installation
from asgisec.policies.security_headers import SecurityHeaders
from asgisec.policy import Policy
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
    """The guards and endpoints of an application's routes: what they use is closed when it shuts down."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @property
    def closes(self) -> Sequence[Closable]:  # type: ignore[override]  # known when the application starts
        """What the guards of the routes use."""
        found: dict[int, Any] = {}
        for operation in operations(self._app):
            for user in [operation.dependant.call, *(call for call, _ in dependencies_of(operation.dependant))]:
                # A plain guard names what it uses through its authenticator.
                owner = getattr(user, "authenticator", user)
                closes = getattr(owner, "closes", ())
                found |= {id(used): used for used in closes} if isinstance(closes, tuple | list) else {}
        return tuple(found.values())
