"""Guards as FastAPI writes them: `Security(guard, scopes=[...])`.

    guard = SecurityGuard(auth, scopes={"users:read": "Read users", "users:write": "Change users"})

    @app.get("/users")
    async def users(caller: Annotated[Principal, Security(guard, scopes=["users:read"])]) -> list[User]: ...

- The scopes of a route, of its router and of every dependency in between add up: all of them are needed.
- A request is authenticated once, and its user loaded once, however many dependencies ask.
- The refusals are those of `asgisec.auth.Guard`: 401 and 403 with a challenge; on a WebSocket, too.
- The documentation shows each way to authenticate, and the scopes of each route. The Authorize button of `/docs` logs
  in at `token_url`, which `auth_router` serves.

A scope that is not declared is a `ConfigError`: when the application starts where `secure` or `install` was called,
else when the route is asked for the first time, and nobody passes.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from inspect import Parameter, Signature, isawaitable, iscoroutinefunction
from typing import Annotated, Any

from anyio import to_thread
from fastapi import Depends
from fastapi.requests import HTTPConnection
from fastapi.security import SecurityScopes
from fastapi.security.base import SecurityBase

from asgisec.auth.authenticators import Authenticator
from asgisec.auth.guards import Guard
from asgisec.auth.principal import Principal
from asgisec.auth.scopes import ScopePolicy, check_known, check_scopes
from asgisec.errors import ConfigError, InvalidAPIKey, InvalidToken, unless_text
from asgisec.integrations.fastapi.schemes import schemes_of

__all__ = ["SecurityGuard"]

_LOADED_KEY = "asgisec.loaded"


class SecurityGuard(SecurityBase):
    """Let those call a route who are known, and may.

    Args:
        auth: Who finds out who is calling: `BearerAuth(issuer)`, `APIKeyAuth(api_keys)`, or either: `bearer | api_key`.
        token_url: Where the Authorize button of the documentation logs in; `None` for tokens from elsewhere.
        scopes: The scopes that there are, with what the documentation says of them; or a `ScopePolicy`. Left out, a
            route may require any.
        load: Takes the principal, and returns what the route gets in its place: your own user, from the database.
            `None` refuses a user who is gone. A plain function runs in a worker thread.

    Raises:
        ConfigError: An option is wrong.
    """

    def __init__(
        self,
        auth: Authenticator,
        token_url: str | None = "/auth/token",  # noqa: S107 - a path
        scopes: Mapping[str, str] | Iterable[str] | ScopePolicy | None = None,
        load: Callable[[Principal], Any] | None = None,
    ) -> None:
        if not isinstance(auth, Authenticator):
            mend = "write BearerAuth(issuer), APIKeyAuth(api_keys), or either: bearer | api_key"
            raise ConfigError("SecurityGuard(auth)", unless_text(auth), mend)
        if token_url is not None and not (isinstance(token_url, str) and token_url):
            raise ConfigError("SecurityGuard(token_url=)", token_url, "write a path such as '/auth/token', or None")
        if load is not None and not callable(load):
            raise ConfigError("SecurityGuard(load=)", load, "write a function of the principal")
        described = _described(scopes)
        self._auth = auth
        self._declared = auth.declared if described is None else frozenset(described)
        shown = described if described is not None else dict.fromkeys(sorted(auth.declared or ()), "")
        self._load = load
        self._load_waits = iscoroutinefunction(load) or iscoroutinefunction(getattr(load, "__call__", None))  # noqa: B004
        self._guards: dict[tuple[str, ...], Guard] = {}
        first, *others = schemes_of(auth, token_url, shown)
        # FastAPI takes one scheme of each dependency: the guard is the first, and depends on the others.
        self.scheme_name, self.model = first.scheme_name, first.model
        self.__signature__ = Signature(
            [
                _keyword("connection", HTTPConnection),
                _keyword("security_scopes", SecurityScopes),
                *(_keyword(f"scheme_{n}", Annotated[None, Depends(other)]) for n, other in enumerate(others)),
            ]
        )

    @property
    def authenticator(self) -> Authenticator:
        """Who finds out who is calling."""
        return self._auth

    def __repr__(self) -> str:
        return f"<SecurityGuard {self._auth!r}>"

    def require(self, *scopes: str) -> Guard:
        """Return the guard for these scopes, which gives the principal, and refuses whom `load` does not find.

        So `guard.require("admin").wrap(app)` protects a mounted application.

        Raises:
            ConfigError: One of them is not declared.
        """
        guard = self._guards.get(scopes)
        if guard is None:
            option = "Security(guard, scopes=)"
            check_known(option, check_scopes(option, scopes), self._declared)
            plain = self._load is None
            guard = Guard(self._auth, *scopes) if plain else LoadingGuard(self._auth, *scopes, by=self._loaded)
            self._guards[scopes] = guard
        return guard

    async def __call__(self, connection: HTTPConnection, security_scopes: SecurityScopes, **_schemes: None) -> Any:
        """Return who is calling.

        Raises:
            SecurityError: They may not.
        """
        guard = self._guards.get(tuple(security_scopes.scopes)) or self.require(*security_scopes.scopes)
        principal = await guard(connection)
        return principal if self._load is None else await self._loaded(connection.scope, principal)

    async def _loaded(self, scope: MutableMapping[str, Any], principal: Principal) -> Any:
        load: Any = self._load
        loaded = scope.setdefault(_LOADED_KEY, {})
        known = loaded.get(self)
        # A scope that somebody rewrote may be another's.
        if known is not None and known[0] is principal:
            return known[1]
        user = await (load(principal) if self._load_waits else to_thread.run_sync(load, principal))
        if isawaitable(user):  # `lambda principal: users.find(principal.subject)`: a coroutine is nobody
            user = await user
        if user is None:
            refusal = InvalidAPIKey if principal.scheme == "api_key" else InvalidToken
            error = refusal(reason="subject_gone")
            error.credential = principal.scheme
            raise error
        loaded[self] = (principal, user)
        return user


class LoadingGuard(Guard):
    """A guard that refuses a principal whose user is gone, wherever it stands."""

    __slots__ = ("_by",)

    asks_further = True

    def __init__(
        self,
        authenticator: Authenticator,
        *scopes: str,
        by: Callable[[MutableMapping[str, Any], Principal], Awaitable[object]],
    ) -> None:
        super().__init__(authenticator, *scopes)
        self._by = by

    async def ask_further(self, scope: MutableMapping[str, Any], principal: Principal) -> None:
        """Load its user."""
        await self._by(scope, principal)


def _keyword(name: str, annotation: Any) -> Parameter:
    return Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation)


def _described(scopes: object) -> dict[str, str] | None:
    option = "SecurityGuard(scopes=)"
    if scopes is None:
        return None
    if isinstance(scopes, ScopePolicy):
        return dict.fromkeys(sorted(scopes.scopes), "")
    if isinstance(scopes, Mapping):
        check_scopes(option, [*scopes])
        if not all(isinstance(text, str) for text in scopes.values()):
            raise ConfigError(option, scopes, 'write {"users:read": "Read users"}')
        return dict(scopes)
    return dict.fromkeys(check_scopes(option, scopes), "")  # type: ignore[arg-type]  # checked there
