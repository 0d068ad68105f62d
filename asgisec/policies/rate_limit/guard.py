"""A limit at one place: a route, a dependency, a message of a WebSocket.

    limit = RateLimitGuard("5/minute")

    @app.post("/login", dependencies=[Depends(limit)])

A guard counts where it is called, whatever the path was. One guard is one count, on however many routes; two guards are
two. It raises `RateLimitExceeded`; where a pass is around it the answer is that of the policy, and the answers it lets
through tell where their client stands.
"""

import sys
from collections.abc import Callable
from inspect import Parameter, Signature
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

from asgisec._connection import exchange_of, scope_of
from asgisec._wire.headers import join_repeated
from asgisec.errors import ConfigError
from asgisec.policies._options import a_bool
from asgisec.policies.rate_limit.amounts import amounts
from asgisec.policies.rate_limit.judge import Group, Judge
from asgisec.policies.rate_limit.keys import by_client
from asgisec.policies.rate_limit.limiter import limiter_of
from asgisec.policies.rate_limit.options import a_name
from asgisec.policies.rate_limit.unnamed import UnnamedProxy
from asgisec.policy import Exchange

if TYPE_CHECKING:
    from collections.abc import MutableMapping, Sequence

    from asgisec.stores.protocols import Closable

__all__ = ["RateLimitGuard"]


class _OfConnection:
    """What FastAPI asks of a dependency; its connection is loaded by whoever has the framework."""

    def __get__(self, guard: "RateLimitGuard | None", owner: type) -> Signature:
        if guard is None:
            raise AttributeError("__signature__")
        from starlette.requests import HTTPConnection  # noqa: PLC0415 - importing asgisec must not load it

        return Signature([Parameter("connection", Parameter.POSITIONAL_OR_KEYWORD, annotation=HTTPConnection)])


class RateLimitGuard:
    """Refuse whoever comes here too often.

    Args:
        limits: What is allowed, as for `RateLimit`.
        key: Whose calls count together.
        store: Where counts are kept; in this process where left out.
        strategy: As for `RateLimit`.
        cost: What a call counts for.
        headers: Which headers tell where the client stands; they need a pass around the application.
        on_store_error: As for `RateLimit`.
        name: What its counts are kept under in a store, and how its limits are called in headers. Left out, it is the
            place in the code where the guard is made: give it a name to keep its counts when that moves.
        dry_run: Report what would be refused, and let it pass.

    Raises:
        ConfigError: An option is wrong.
    """

    __signature__ = _OfConnection()

    def __init__(
        self,
        *limits: Any,
        key: Callable[[Exchange], Any] = by_client,
        store: Any = None,
        strategy: str = "sliding-window-counter",
        cost: int | Callable[[Exchange], Any] = 1,
        headers: Literal["ietf", "legacy", "both"] | None = "ietf",
        on_store_error: Literal["local", "allow", "deny"] = "local",
        name: str | None = None,
        dry_run: bool = False,
    ) -> None:
        self.dry_run = a_bool("RateLimitGuard(dry_run=)", dry_run)
        if not limits:
            raise ConfigError("RateLimitGuard(*limits)", limits, "name at least one limit, such as '5/minute'")
        general = amounts("RateLimitGuard(*limits)", limits)
        called = "" if name is None else a_name("RateLimitGuard(name=)", name)
        place = called or _place(sys._getframe(1))  # noqa: SLF001 - there is no public name for it
        self._judge = Judge(
            "RateLimitGuard",
            Group(f"guard {place} ", called, general),
            (),
            key=key,
            cost=cost,
            limiter=limiter_of("RateLimitGuard", store=store, strategy=strategy, on_store_error=on_store_error),
            headers=headers,
        )
        self._limits = general
        self._unnamed = UnnamedProxy(key)
        self.closes: Sequence[Closable] = () if store is None else (store,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self._limits))})"

    async def __call__(self, connection: Any, _handler: object = None) -> None:
        """Count a call, and refuse it where it is one too many.

        Args:
            connection: A request or WebSocket of Starlette, FastAPI, Litestar, Quart or Django, or an ASGI scope.

        Raises:
            RateLimitExceeded: It is one too many.
            SecurityError: It cannot be decided, and may not pass then.
        """
        scope = scope_of(connection)
        exchange = Exchange(_plain(scope), join_repeated(scope["headers"])[0], _nothing)
        exchange.outer = around = exchange_of(scope)
        judged = self._judge.judge(exchange)
        refusal, fields = judged if isinstance(judged, tuple) else await judged
        if refusal is None:
            # What has begun takes no more headers: as of a WebSocket that is asked about each message.
            if around is not None and around.status is None and not self.dry_run:
                for name, value in fields:
                    around.add_header(name.decode(), value.decode())
            return
        self._unnamed.look(exchange, refusal, self)
        # At once, whoever catches it: a WebSocket's handler may answer what is too much, and go on.
        exchange.report(refusal.event, refusal.reason, policy=self, rehearsed=self.dry_run)
        if not self.dry_run:
            refusal.reported = True
            raise refusal


def _place(frame: FrameType) -> str:
    # The same in every process that runs this code, and one even where a guard is made anew for each request.
    return f"{frame.f_globals.get('__name__')}:{frame.f_lineno}"


def _plain(scope: "MutableMapping[str, Any]") -> dict[str, Any]:
    return scope if isinstance(scope, dict) else dict(scope)


async def _nothing() -> None:
    """Stand in for what a guard does not read from."""
