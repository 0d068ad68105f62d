"""What guards and authentication cost: beside the same by hand, and beside what the verifier costs alone.

Coroutines are run to their end by hand: with stores in memory, none of them waits.
"""

import asyncio
from collections.abc import Coroutine, Iterator
from functools import partial
from typing import Any

from starlette.requests import Request

from asgisec import Authentication
from asgisec.auth import BearerAuth, Principal
from asgisec.policy import Exchange
from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer, TokenVerifier
from bench.calls import Against, Call, CallGroup, CallOutcome, measure_calls

__all__ = ["PEERS", "groups", "measured"]

PEERS = ("starlette",)

ISSUER, AUDIENCE = "https://api.example.com", "api"
SCOPES = ["users:read", "users:write", "orders:read"]
NEEDED = frozenset({"users:read"})

_BY_HAND = "a set comparison by hand"
_VERIFIER = "the verifier alone"


def measured(rounds: int) -> Iterator[CallOutcome]:
    """Measure one group after the other."""
    for group in groups():
        yield measure_calls(group, rounds=rounds)


def groups() -> list[CallGroup]:
    """Return what is measured."""
    issuer = TokenIssuer(
        KeySet.from_secret(b"0123456789abcdef0123456789abcdef"),
        issuer=ISSUER,
        audience=AUDIENCE,
        store=MemoryStore(),
        access_ttl=86_400,
    )
    token = asyncio.run(issuer.issue("user-1", SCOPES)).access_token
    return [
        CallGroup(
            "a guard, where the principal is known",
            {"request": _guards(issuer, token)},
            [Against(_BY_HAND, 3.0)],
            same=[_BY_HAND],
        ),
        CallGroup(
            "Bearer authentication of a known token",
            {
                "with revocation": _authentication(issuer.verifier(), token),
                "without": _authentication(TokenVerifier(issuer.keys, issuer=ISSUER, audience=AUDIENCE), token),
            },
            [Against(_VERIFIER, 2.0)],
            same=[_VERIFIER],
        ),
    ]


def _guards(issuer: TokenIssuer, token: str) -> dict[str, Call]:
    auth = BearerAuth(issuer)
    guard = auth.require(*NEEDED)
    request = Request(_scope(token))
    finished(guard(request))
    return {"await guard(request)": lambda: finished(guard(request)), _BY_HAND: lambda: finished(by_hand(request))}


async def by_hand(request: Request) -> Principal:
    """Do what a dependency written for one route does."""
    principal: Principal = request.scope["state"]["principal"]
    if not principal.scopes >= NEEDED:
        raise PermissionError
    return principal


def _authentication(verifier: TokenVerifier, token: str) -> dict[str, Call]:
    policy = Authentication(BearerAuth(verifier))
    scope = _scope(token)
    headers = dict(scope["headers"])
    presented = headers[b"authorization"]
    return {
        "what Authentication adds to a pass": partial(admitted, policy, scope, headers),
        _VERIFIER: partial(verified, verifier, presented),
    }


def admitted(policy: Authentication, scope: dict[str, Any], headers: dict[bytes, bytes]) -> str:
    """Run the policy over an exchange as the pass makes it: with a scope of its own."""
    exchange = Exchange({**scope}, headers, asyncio.Event().wait)
    if finished(policy.on_request(exchange)) is not None:
        raise PermissionError
    subject: str = exchange.scope["state"]["principal"].subject
    return subject


def verified(verifier: TokenVerifier, presented: bytes) -> str:
    """Ask the verifier about the token as a request brings it: as bytes, new each time."""
    subject: str = finished(verifier.authenticate(presented[7:].decode("ascii"))).subject
    return subject


def finished(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine that does not wait."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def _scope(token: str) -> dict[str, Any]:
    headers = {
        "host": "api.example.com",
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
        "accept": "application/json",
        "accept-encoding": "gzip, deflate, br",
        "authorization": f"Bearer {token}",
    }
    return {
        "type": "http",
        "method": "GET",
        "path": "/users",
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("192.0.2.7", 50123),
    }
