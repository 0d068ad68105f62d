"""What is the same in every variant: who may ask, how often, and what the route says.

The limits are far beyond what a benchmark asks, as refusals cost something else. They are read from the environment, so
that the same application can be looked at while it refuses.
"""

import asyncio
import os
from collections.abc import Mapping
from typing import Any

from asgisec.stores import MemoryStore
from asgisec.tokens import KeySet, TokenIssuer

__all__ = [
    "AUDIENCE",
    "BODY",
    "EXPECTED",
    "HOST",
    "ISSUER",
    "LIMITS",
    "ORIGIN",
    "PATH",
    "SCOPE",
    "SECRET",
    "STORE",
    "environment",
    "headers",
    "issuer",
    "limits",
    "store_url",
    "token",
    "tokens",
]

HOST = "api.example.com"
ORIGIN = "https://app.example.com"
PATH = "/orders/7"
SCOPE = "orders:read"
BODY: dict[str, Any] = {"id": 7, "item": "lamp", "price": 1900, "tags": ["brass", "small"]}
EXPECTED = b'{"id":7,"item":"lamp","price":1900,"tags":["brass","small"]}'
ISSUER, AUDIENCE = "https://api.example.com", "api"
SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105 - of a benchmark

LIMITS = ("1000000000/minute", "20000000000/hour")

STORE = "ASGISEC_BENCH_STORE"
_LIMITS = "ASGISEC_BENCH_LIMITS"


def store_url() -> str:
    """Return where the store is: `ASGISEC_BENCH_STORE`."""
    return os.environ[STORE]


def limits() -> tuple[str, ...]:
    """Return how often a client may ask: `ASGISEC_BENCH_LIMITS`, with semicolons between, where it is set."""
    named = os.environ.get(_LIMITS)
    return LIMITS if named is None else tuple(named.split(";"))


def environment(store: str, limited: tuple[str, ...] = LIMITS) -> dict[str, str]:
    """Return what the application reads from its environment."""
    return {STORE: store, _LIMITS: ";".join(limited)}


def issuer(store: Any = None) -> TokenIssuer:
    """Return who issues the tokens that all variants take; revocations go to its store."""
    keys = KeySet.from_secret(SECRET, kid="k1")
    used = MemoryStore() if store is None else store
    return TokenIssuer(keys, issuer=ISSUER, audience=AUDIENCE, store=used, access_ttl=86_400)


def token(subject: str = "user-1", scopes: tuple[str, ...] = (SCOPE,)) -> str:
    """Return an access token of a session, as a login gives it."""
    return asyncio.run(issuer().issue(subject, scopes)).access_token


async def tokens(count: int = 100, scopes: tuple[str, ...] = (SCOPE,)) -> list[str]:
    """Return tokens of several users."""
    issuing = issuer()
    return [(await issuing.issue(f"user-{n}", scopes)).access_token for n in range(count)]


def headers(bearer: str | None = None, *, host: str = HOST, origin: str = ORIGIN) -> Mapping[str, str]:
    """Return the headers of a request, as a page's script sends it."""
    return {
        "host": host,
        "user-agent": "Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0",
        "accept": "application/json",
        "accept-language": "en-GB,en;q=0.7,de;q=0.3",
        "accept-encoding": "gzip, deflate, br, zstd",
        "referer": f"{origin}/",
        "origin": origin,
        "sec-fetch-dest": "empty",
        "sec-fetch-mode": "cors",
        "sec-fetch-site": "same-site",
        **({} if bearer is None else {"authorization": f"Bearer {bearer}"}),
    }
