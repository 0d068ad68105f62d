"""One of several processes that present the same refresh tokens at the same time."""

import asyncio
import time
from collections.abc import Sequence
from multiprocessing.synchronize import Barrier
from typing import TYPE_CHECKING, Any

from asgisec.errors import InvalidToken
from asgisec.stores import RedisStore, SQLStore
from asgisec.tokens import TokenIssuer
from tests.tokens.minting import ISSUER, KEYS

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

PATIENCE = 120.0  # seconds: on a busy machine a process comes late, and that is no failure


def store_at(url: str, prefix: str) -> Any:
    kind = RedisStore if url.startswith(("redis", "unix")) else SQLStore
    return kind.from_url(url, prefix=prefix, timeout=30)


def issuer_on(store: Any, grace: float, ahead: float = 0.0) -> TokenIssuer:
    """Return an issuer whose clock is ahead by some seconds."""
    options: dict[str, Any] = {"refresh_grace": grace, "clock": lambda: time.time() + ahead}
    return TokenIssuer(KEYS, issuer=ISSUER, audience="api", store=store, **options)


def race(
    url: str,
    prefix: str,
    tokens: Sequence[tuple[str, float]],
    ahead: float,
    barrier: Barrier,
    results: "Queue[Any]",
) -> None:
    """Present each token, with the grace that goes with it, when all are there; say what became of it."""

    async def run() -> list[str]:
        outcomes = []
        async with store_at(url, prefix) as store:
            issuers = {grace: issuer_on(store, grace, ahead) for _, grace in tokens}
            await store.families_of("nobody")  # connected before the race, so that nobody wins by that
            for token, grace in tokens:
                barrier.wait(PATIENCE)
                try:
                    outcomes.append(str((await issuers[grace].refresh(token)).refresh_token))
                except InvalidToken as refusal:
                    outcomes.append(refusal.reason)
        return outcomes

    results.put(asyncio.run(run()))
