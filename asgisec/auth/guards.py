"""Guards: who is calling, and may they do this, asked at one place.

    guard = auth.require("users:read")

- `principal = await guard(connection)` in a handler; `Depends(guard)` in FastAPI; `guards=[guard]` in Litestar.
- `guard.wrap(app)` around a mounted application.
- `@guard.protect` on an endpoint.

Who presents nothing gets 401 with a challenge, who presents what is not good gets 401 or 400, who is known and lacks a
scope gets 403 with the scopes needed (RFC 6750 section 3). What a guard raises is a `SecurityError`; `install` or
`secure` makes it an answer in every framework, and a close with 1008 once a WebSocket is accepted.
"""

from collections.abc import Callable, Iterator, MutableMapping
from functools import partial, wraps
from inspect import Parameter, Signature, isasyncgenfunction, isclass, iscoroutinefunction, isgeneratorfunction
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, TypeVar, cast

from anyio import to_thread

from asgisec._connection import report, scope_of
from asgisec._exempt import PLAIN_FUNCTION, is_coroutine_function
from asgisec._wire.scopes import spellings
from asgisec.auth._admission import Admission
from asgisec.auth._known import KNOWN_KEY, identify
from asgisec.auth.principal import Principal
from asgisec.auth.scopes import check_known, check_scopes
from asgisec.errors import ConfigError, InsufficientScope, SecurityError
from asgisec.policy import ASGIApp
from asgisec.stack import SecurityMiddleware

if TYPE_CHECKING:
    from asgisec.auth.authenticators import Authenticator

__all__ = ["Guard"]

P = ParamSpec("P")
T = TypeVar("T")

# What a framework passes to an endpoint, by name: none of them is imported, and a body that looks like one is not one.
_CONNECTIONS = frozenset(
    {
        ("starlette.requests", "HTTPConnection"),
        ("litestar.connection.base", "ASGIConnection"),
        ("quart.wrappers.base", "BaseRequestWebsocket"),
        ("django.core.handlers.asgi", "ASGIRequest"),
    }
)


class _OfConnection:
    """The signature of a guard as frameworks read it: one connection, of Starlette's class, imported only then."""

    def __get__(self, guard: "Guard | None", owner: type) -> Signature:
        if guard is None:
            raise AttributeError("__signature__")
        from starlette.requests import HTTPConnection  # noqa: PLC0415 - loads much that only FastAPI needs

        parameter = Parameter("connection", Parameter.POSITIONAL_OR_KEYWORD, annotation=HTTPConnection)
        return Signature([parameter], return_annotation=Principal)


class Guard:
    """An authenticator, and what is required of who it finds.

    Args:
        authenticator: Who finds out who is calling.
        scopes: What must be granted: all of these. With none, any caller that is authenticated passes.
        where: A predicate of the principal, which must return `True` itself.

    Raises:
        ConfigError: A scope cannot be written in a token, or is none of those that there are; a predicate cannot be
            called or is a coroutine function.
    """

    __slots__ = ("_authenticator", "_needed", "_of_scopes_only", "_scopes", "_where")

    asks_further: ClassVar[bool] = False
    """True where `ask_further` does something, which those that only know the principal need not wait for."""

    __signature__ = _OfConnection()

    def __init__(
        self, authenticator: "Authenticator", *scopes: str, where: Callable[[Principal], bool] | None = None
    ) -> None:
        option = "auth.require(*scopes)"
        self._authenticator = authenticator
        self._scopes = check_scopes(option, scopes)
        check_known(option, self._scopes, authenticator.declared)
        if where is not None and not callable(where):
            raise ConfigError("auth.require(where=)", where, "write a function of the principal that returns True")
        if is_coroutine_function(where):
            raise ConfigError("auth.require(where=)", where, PLAIN_FUNCTION)
        self._needed = frozenset(self._scopes)
        self._where = where
        self._of_scopes_only = where is None and not self.asks_further

    @property
    def authenticator(self) -> "Authenticator":
        """Who finds out who is calling."""
        return self._authenticator

    @property
    def scopes(self) -> tuple[str, ...]:
        """What must be granted, in the order it was written."""
        return self._scopes

    def __repr__(self) -> str:
        return f"<Guard {self._authenticator!r} {' '.join(self._scopes)}>"

    async def __call__(self, connection: object, _handler: object = None) -> Principal:
        """Return who is calling.

        Args:
            connection: A request or WebSocket of Starlette, FastAPI, Litestar or Quart, or an ASGI scope.

        Raises:
            SecurityError: They may not.
            TypeError: That is no connection.
        """
        if _handler is not None:  # of Litestar, which has no other place for what a guard returns
            return await self._stand_before(connection)
        # Who is known already is found in this frame: most guards are asked behind `Authentication`, or another guard.
        scope = connection if type(connection) is dict else getattr(connection, "scope", None)
        if type(scope) is dict:
            known = scope.get(KNOWN_KEY)
            if (
                known is not None
                # Starlette puts a copy of the list into the scope when somebody looks at a request's headers.
                and known.headers == scope["headers"]
                and known.client is scope.get("client")
                and known.query_string is scope.get("query_string")
            ):
                principal: Principal | None = known.principals.get(self._authenticator)
                if principal is not None and self._of_scopes_only and self._needed <= principal.scopes:
                    _state_of(scope).setdefault("principal", principal)
                    return principal
        return await self._ask(connection)

    async def _ask(self, connection: object) -> Principal:
        scope = scope_of(connection)
        authenticator = self._authenticator
        try:
            principal = await identify(authenticator, scope)
            if principal is None:
                raise authenticator.unauthenticated()
            # For events and limits, where nobody has said so yet; above, too.
            _state_of(scope).setdefault("principal", principal)
            self.check(principal)
            if self.asks_further:
                await self.ask_further(scope, principal)
        except SecurityError as error:
            if not error.reported:
                report(scope, error.event, error.reason, policy=self)
                error.reported = True
            authenticator.challenged(error, self._scopes)
            raise
        return principal

    async def _stand_before(self, connection: object) -> Principal:
        """Return who is calling, and say so to the endpoint, which may be behind another authenticator, too."""
        principal = await self(connection)
        _state_of(scope_of(connection))["principal"] = principal
        return principal

    def check(self, principal: Principal) -> None:
        """Refuse a principal that may not.

        Raises:
            InsufficientScope: It lacks a scope, or the predicate does not return `True`.
        """
        granted = principal.scopes
        if not self._needed <= granted and any(spellings(scope).isdisjoint(granted) for scope in self._scopes):
            raise _told(InsufficientScope(), principal)
        # Nothing else that counts as true: to let pass is to open.
        if self._where is not None and self._where(principal) is not True:
            raise _told(InsufficientScope(reason="not_allowed"), principal)

    async def ask_further(self, scope: MutableMapping[str, Any], principal: Principal) -> None:
        """Refuse a principal for what only somebody else knows, such as a database.

        Raises:
            SecurityError: It may not.
        """

    def wrap(self, app: ASGIApp) -> SecurityMiddleware:
        """Return an application that only those reach whom this guard lets pass."""
        return SecurityMiddleware(app, Admission(self))

    def protect(self, endpoint: Callable[P, T]) -> Callable[P, T]:
        """Let only those call an endpoint whom this guard lets pass; the connection is found among its arguments.

        A plain function runs in a worker thread, as frameworks run it.

        Raises:
            ConfigError: That is no function.
        """
        function = endpoint.func if isinstance(endpoint, partial) else endpoint
        if isclass(endpoint) or not callable(endpoint):
            raise ConfigError("guard.protect(endpoint)", endpoint, "write it above a function, or above a method")
        if isgeneratorfunction(function) or isasyncgenfunction(function):
            raise ConfigError("guard.protect(endpoint)", endpoint, "let the function return the generator")
        call: Callable[..., Any] = endpoint
        if iscoroutinefunction(endpoint) or iscoroutinefunction(getattr(endpoint, "__call__", None)):  # noqa: B004

            @wraps(endpoint)
            async def guarded(*args: Any, **options: Any) -> Any:
                await self._stand_before(_connection_among(args, options))
                return await call(*args, **options)

        else:

            @wraps(endpoint)
            async def guarded(*args: Any, **options: Any) -> Any:
                await self._stand_before(_connection_among(args, options))
                return await to_thread.run_sync(partial(call, *args, **options))

        return cast("Callable[P, T]", guarded)


def _told(error: InsufficientScope, principal: Principal) -> InsufficientScope:
    error.credential = principal.scheme
    return error


def _state_of(scope: MutableMapping[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] | None = scope.get("state")
    if state is None:
        state = scope["state"] = {}
    return state


def _connection_among(args: tuple[Any, ...], options: dict[str, Any]) -> object:
    # An ASGI application is an endpoint, too: its scope comes first, and `receive` and `send` behind it.
    if len(args) >= 3 and type(args[0]) is dict and callable(args[1]) and callable(args[2]):  # noqa: PLR2004
        return args[0]
    for value in _values(args, options):
        if any((kind.__module__, kind.__qualname__) in _CONNECTIONS for kind in type(value).__mro__):
            return value
    raise TypeError("let the endpoint take a request, a WebSocket, or scope, receive and send: the guard looks at it")


def _values(args: tuple[Any, ...], options: dict[str, Any]) -> Iterator[Any]:
    yield from args
    yield from options.values()
