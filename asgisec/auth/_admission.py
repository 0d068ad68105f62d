"""Who was let in: what the application and other policies see of it, and for how long a WebSocket stays open."""

import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from asgisec.auth._known import first_look, keep
from asgisec.auth.principal import Principal
from asgisec.auth.scopes import GrantedScopes
from asgisec.errors import InvalidToken, SecurityError
from asgisec.policy import ASGIApp, Exchange, Policy

if TYPE_CHECKING:
    from asgisec.auth.authenticators import Authenticator
    from asgisec.auth.guards import Guard

__all__ = ["ANONYMOUS", "Admission", "admit"]

_AUTHENTICATED = "authenticated"  # what Starlette's own examples grant to whoever is logged in
# The machine may sleep, and its clock be set: the time is looked at again after this many seconds.
_LOOK_AGAIN = 60.0
_CLOSING = 5.0  # seconds that a peer may take to read that its WebSocket is closed


class Granted:
    """What Starlette calls credentials: `request.auth`. Made into a set when somebody looks."""

    __slots__ = ("_principal",)

    def __init__(self, principal: Principal | None) -> None:
        self._principal = principal

    @property
    def scopes(self) -> GrantedScopes:
        """What was granted; what a wildcard covers is in it, too, and `authenticated`."""
        return GrantedScopes() if self._principal is None else GrantedScopes((*self._principal.scopes, _AUTHENTICATED))


class Anonymous:
    """What Starlette calls a user who is none: `request.user`."""

    __slots__ = ()

    is_authenticated = False
    identity = display_name = subject = ""


ANONYMOUS = Anonymous()
_NOTHING_GRANTED = Granted(None)


@dataclass(frozen=True, eq=False)
class Admission(Policy):
    """Let pass whom a guard lets pass: what `Guard.wrap` puts around an application."""

    guard: "Guard"
    provides = ("principal",)
    clock: Callable[[], float] = field(default=time.time, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "closes", tuple(self.guard.authenticator.closes))

    async def on_request(self, exchange: Exchange) -> SecurityError | None:
        """Refuse who may not."""
        guard = self.guard
        try:
            principal = await first_look(guard.authenticator, exchange)
            if principal is None:
                return guard.authenticator.unauthenticated()
            guard.check(principal)
            if guard.asks_further:
                await guard.ask_further(exchange.scope, principal)
        except SecurityError as error:
            return guard.authenticator.challenged(error, guard.scopes)
        admit(exchange, guard.authenticator, principal, self, self.clock)
        return None


def admit(
    exchange: Exchange,
    authenticator: "Authenticator",
    principal: Principal | None,
    policy: Policy,
    clock: Callable[[], float],
) -> None:
    """Say who is calling to the application, and to the policies; end a WebSocket with its credential."""
    scope = exchange.scope
    if principal is None:
        scope["user"], scope["auth"] = ANONYMOUS, _NOTHING_GRANTED
        return
    keep(authenticator, scope, principal)
    state = scope.get("state")
    if state is None:
        state = scope["state"] = {}
    state["principal"] = scope["user"] = principal
    scope["auth"] = Granted(principal)
    if scope["type"] == "websocket":
        if exchange.subprotocol is not None:
            scope["subprotocols"] = _without(scope.get("subprotocols") or [], exchange.subprotocol)
        if principal.expires_at is not None:
            _end_with(exchange, principal.expires_at, policy, clock)


def _without(names: list[str], marker: str) -> list[str]:
    """Return the subprotocols without ours and its token, which the application must neither choose nor log."""
    if marker not in names:
        return names
    at = names.index(marker)
    return [*names[:at], *names[at + 2 :]]


def _end_with(exchange: Exchange, end: float, policy: Policy, clock: Callable[[], float]) -> None:
    """Close a WebSocket when its credential ends, whatever the application does then."""
    receive, around = exchange.receive, exchange.around
    reading: anyio.CancelScope | None = None
    over = False

    async def until() -> Any:
        # What comes after the end is not read, and who waits for it is told that the peer is gone.
        nonlocal reading
        if not over:
            with anyio.CancelScope() as reading:
                message = await receive()
                if not over:
                    return message
        return {"type": "websocket.disconnect", "code": InvalidToken.close_code}

    async def watch() -> None:
        nonlocal over
        while (left := end - clock()) > 0:  # noqa: ASYNC110 - what ends it is the time
            await anyio.sleep(min(left, _LOOK_AGAIN))
        over = True
        exchange.refuse(InvalidToken(reason="expired"), by=policy)
        # An application that ends now must not take the close with it; nor must a peer that is gone be waited for.
        with anyio.move_on_after(_CLOSING, shield=True), suppress(Exception):
            await exchange.replace()
        if reading is not None:
            reading.cancel()

    def watched(app: ASGIApp) -> ASGIApp:
        return _beside(watch, app if around is None else around(app))

    exchange.receive, exchange.around = until, watched


def _beside(watch: Callable[[], Coroutine[Any, Any, None]], app: ASGIApp) -> ASGIApp:
    """Return an application that something watches for as long as it runs."""

    async def run(scope: Any, receive: Any, send: Any) -> None:
        failure: Exception | None = None
        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            try:
                await app(scope, receive, send)
            except Exception as error:  # noqa: BLE001 - raised again below, not as a group
                failure = error
            group.cancel_scope.cancel()
        if failure is not None:
            try:
                raise failure
            finally:
                failure = None  # its traceback holds this frame

    return run
