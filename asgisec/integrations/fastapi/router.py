"""The endpoints of a first-party login as a FastAPI router, in its documentation too.

| path | what comes in | what goes out |
| --- | --- | --- |
| `/auth/token` | a form: `grant_type` and what belongs to it (RFC 6749) | tokens |
| `/auth/login` | JSON: `username`, `password`, and `scopes`, a list, or `scope`, a text | tokens |
| `/auth/refresh` | JSON or a form: `refresh_token`, and `scopes` or `scope` | the next tokens |
| `/auth/logout` | JSON or a form: `refresh_token`, or `token`; or a bearer token alone | nothing |

Refusals are those of `asgisec.oauth2`, in JSON. A logout with a refresh token ends its session and the access tokens of
that; with an access token the session that it is of. Whatever is presented, the answer is the same.

    app.include_router(auth_router(issuer, login=login, throttle=LoginThrottle(store)))
"""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel

from asgisec.errors import ConfigError
from asgisec.integrations.fastapi.endpoints import LoginEndpoint, LogoutEndpoint, RefreshEndpoint
from asgisec.oauth2 import TokenEndpoint
from asgisec.oauth2._clients import Clients
from asgisec.oauth2._endpoint import Endpoint
from asgisec.oauth2.token import AllowedScopes, Login, Throttle

if TYPE_CHECKING:
    from asgisec.tokens import TokenIssuer

__all__ = ["auth_router"]


class Tokens(BaseModel):
    """What a login gives."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    refresh_token: str | None = None
    scope: str


class OAuth2Error(BaseModel):
    """Why it was refused (RFC 6749 section 5.2)."""

    error: str
    error_description: str | None = None


_FORM, _JSON = "application/x-www-form-urlencoded", "application/json"

_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {"model": OAuth2Error, "description": "It is malformed, or no credential that is good."},
    401: {"model": OAuth2Error, "description": "The client is not known."},
    429: {"model": OAuth2Error, "description": "There were too many attempts; `Retry-After` says when to come again."},
}

_TEXT = {"type": "string"}
_SCOPES = {
    "scope": {"type": "string", "description": "Scopes, with spaces between them; all that are allowed if left out."}
}


def _body(needed: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": needed, "properties": properties}


_SECRET = {"type": "string", "format": "password"}
_BODIES: dict[str, dict[str, Any]] = {
    "/token": _body(
        ["grant_type"],
        grant_type={"type": "string", "enum": ["password", "refresh_token", "client_credentials"]},
        username=_TEXT,
        password=_SECRET,
        refresh_token=_SECRET,
        client_id=_TEXT,
        client_secret=_SECRET,
        **_SCOPES,
    ),
    "/login": _body(["username", "password"], username=_TEXT, password=_SECRET, **_SCOPES),
    "/refresh": _body(["refresh_token"], refresh_token=_SECRET, **_SCOPES),
    "/logout": _body([], refresh_token=_SECRET, token=_SECRET),
}


def auth_router(
    issuer: "TokenIssuer",
    *,
    login: Login,
    allowed_scopes: AllowedScopes | None = None,
    clients: Clients | None = None,
    throttle: Throttle | None = None,
    prefix: str = "/auth",
) -> APIRouter:
    """Return a router with the endpoints of a login.

    Args:
        issuer: The `TokenIssuer`.
        login: As for `TokenEndpoint`.
        allowed_scopes: As for `TokenEndpoint`.
        clients: As for `TokenEndpoint`.
        throttle: As for `TokenEndpoint`.
        prefix: What the paths begin with.

    Raises:
        ConfigError: An option is wrong.
    """
    if login is None:
        raise ConfigError("auth_router(login=)", login, "write a function of username and password")
    if not isinstance(prefix, str) or prefix.endswith("/") or (prefix and not prefix.startswith("/")):
        raise ConfigError("auth_router(prefix=)", prefix, "write a path such as '/auth', or ''")
    options: Any = {"login": login, "allowed_scopes": allowed_scopes, "clients": clients, "throttle": throttle}
    router = APIRouter(prefix=prefix, tags=["auth"])
    tokens = {"response_model": Tokens}
    nothing = {"response_class": Response}
    for path, text, endpoint, types, answer in (
        ("/token", "Get tokens, as OAuth 2 has it.", TokenEndpoint(issuer, **options), (_FORM,), tokens),
        ("/login", "Log in.", LoginEndpoint(issuer, **options), (_JSON,), tokens),
        ("/refresh", "Get the next tokens.", RefreshEndpoint(issuer, **options), (_JSON, _FORM), tokens),
        ("/logout", "End a session.", LogoutEndpoint(issuer), (_JSON, _FORM), nothing),
    ):
        content = {kind: {"schema": _BODIES[path]} for kind in types}
        router.add_api_route(
            path,
            _Through(endpoint),
            methods=["POST"],
            name=f"auth{path.replace('/', '_')}",
            summary=text.rstrip("."),
            description=text,
            responses=_REFUSED,
            openapi_extra={"requestBody": {"required": path != "/logout", "content": content}},
            **answer,
        )
    return router


class _Through:
    """Calls an endpoint in the place of a route's function: it reads the body, and sends the answer."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.closes = endpoint.closes

    async def __call__(self) -> Response:
        return _Sent(self._endpoint)


class _Sent(Response):
    """An answer that an ASGI application gives."""

    def __init__(self, app: Endpoint) -> None:
        super().__init__()
        self._app = app

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:  # type: ignore[override]  # a coroutine less
        return self._app(scope, receive, send)
