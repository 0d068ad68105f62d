"""What is known of a request: each authenticator looks at it once, however many ask, one after or beside another.

What is known stands in the scope. It holds for the headers, the query and the client it was found with: a scope that
somebody rewrote, to send another request into the application or to name another client, is authenticated anew.
"""

from collections.abc import Awaitable, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

import anyio

from asgisec._connection import exchange_of
from asgisec._wire.headers import Pair, join_repeated
from asgisec.errors import BadRequest, SecurityError
from asgisec.policy import Exchange

if TYPE_CHECKING:
    from asgisec.auth.authenticators import Authenticator
    from asgisec.auth.principal import Principal

__all__ = ["KNOWN_KEY", "Known", "first_look", "identify", "keep", "seen_by"]

KNOWN_KEY = "asgisec.auth"

_SERVER_ERROR = 500


class Known:
    """What each authenticator found in one request.

    Attributes:
        headers: The headers it was found in.
        query_string: The query it was found with.
        client: The client it was found for.
        principals: Who is calling, of each authenticator that found somebody.
        outcomes: What is not that simple: nobody, a refusal, or not done yet.
    """

    __slots__ = ("client", "headers", "outcomes", "principals", "query_string")

    headers: list[Pair]
    query_string: bytes | None
    client: Any
    outcomes: "dict[Authenticator, _Outcome]"

    def __init__(self, scope: Mapping[str, Any], principals: "dict[Authenticator, Principal]") -> None:
        self.principals = principals
        self.of(scope)

    def of(self, scope: Mapping[str, Any]) -> None:
        """Hold for this scope."""
        self.headers = scope["headers"]
        self.query_string = scope.get("query_string")
        self.client = scope.get("client")


class _Outcome:
    __slots__ = ("done", "error", "waiting")

    def __init__(self) -> None:
        self.done = False
        self.error: SecurityError | None = None
        self.waiting: anyio.Event | None = None

    async def is_done(self) -> bool:
        """Wait for whoever is looking; say whether they have found out, or raise what they found."""
        if not self.done:
            if self.waiting is None:
                self.waiting = anyio.Event()
            await self.waiting.wait()
        if self.error is not None:
            raise self.error
        return self.done


def first_look(authenticator: "Authenticator", exchange: Exchange) -> "Awaitable[Principal | None]":
    """Look at a request for a policy: as `identify`, at less than half its cost where nobody has asked before.

    Nobody can ask beside a policy, since the request has not reached anything else; and what it refuses goes no
    further. Who was found is to be kept, by `keep`.
    """
    if KNOWN_KEY in exchange.scope:
        return identify(authenticator, exchange.scope, exchange)
    return authenticator.authenticate(exchange)


def keep(authenticator: "Authenticator", scope: MutableMapping[str, Any], principal: "Principal") -> None:
    """Keep who a policy found."""
    known: Known | None = scope.get(KNOWN_KEY)
    if known is None:
        scope[KNOWN_KEY] = Known(scope, {authenticator: principal})
    else:
        known.principals[authenticator] = principal


async def identify(
    authenticator: "Authenticator", scope: MutableMapping[str, Any], exchange: Exchange | None = None
) -> "Principal | None":
    """Return who is calling, as an authenticator finds it; `None` where there is no credential of its kind.

    Args:
        authenticator: Who to ask.
        scope: The request.
        exchange: The request as a policy sees it; made of the scope where it is left out.

    Raises:
        SecurityError: The credential is not good, or nobody can say whether it is.
    """
    known: Known | None = scope.get(KNOWN_KEY)
    if known is None or not _same(known.headers, known.query_string, known.client, scope):
        known = scope[KNOWN_KEY] = Known(scope, {})
    else:
        known.of(scope)
    principal = known.principals.get(authenticator)
    if principal is not None:
        return principal
    if not hasattr(known, "outcomes"):
        known.outcomes = {}
    while (outcome := known.outcomes.get(authenticator)) is not None:
        if await outcome.is_done():
            return known.principals.get(authenticator)
    return await _look(authenticator, known, seen_by(scope) if exchange is None else exchange)


async def _look(authenticator: "Authenticator", known: Known, exchange: Exchange) -> "Principal | None":
    outcome = known.outcomes[authenticator] = _Outcome()
    try:
        principal = await authenticator.authenticate(exchange)
        outcome.done = True
    except SecurityError as error:
        # Who cannot say now may be able to the next time.
        if error.status_code < _SERVER_ERROR:
            outcome.error = error
            outcome.done = True
        raise
    finally:
        if not outcome.done:
            del known.outcomes[authenticator]
        if outcome.waiting is not None:
            outcome.waiting.set()
    if principal is not None:
        known.principals[authenticator] = principal
    return principal


def seen_by(scope: MutableMapping[str, Any]) -> Exchange:
    """Return a request as authenticators see it: the exchange of the pass around, where that saw the same request.

    Raises:
        BadRequest: A header that may come once only was repeated.
    """
    exchange = exchange_of(scope)
    if exchange is not None:
        seen = exchange.scope
        if _same(seen["headers"], seen.get("query_string"), seen.get("client"), scope):
            return exchange
    headers, contradictory = join_repeated(scope["headers"])
    if contradictory:
        raise BadRequest("A header that may come once only was repeated.", reason="repeated_header")
    return Exchange(dict(scope), headers, _nothing)


def _same(headers: list[Pair], query_string: bytes | None, client: Any, scope: Mapping[str, Any]) -> bool:
    # Starlette puts a copy into the scope when somebody looks at a request's headers.
    return (
        (headers is scope["headers"] or headers == scope["headers"])
        and client == scope.get("client")
        and query_string == scope.get("query_string")
    )


async def _nothing() -> None:
    """Stand in for what nobody reads from."""
