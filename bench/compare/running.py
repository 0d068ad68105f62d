"""Run the rows, one after the other: each side apart, so that one that breaks takes nothing with it."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version

from bench.compare.room import Missing, Room
from bench.compare.row import Outcome, Probe, Row, Seen

__all__ = ["MODULES", "Peer", "found_peers", "run"]

MODULES = {
    "slowapi": "slowapi",
    "fastapi-limiter": "fastapi_limiter",
    "asgi-ratelimit": "asgi_ratelimit",
    "fastapi-guard": "fastapi_guard",
    "fastapi-safeguard": "fastapi_safeguard",
    "fastapi": "fastapi",
    "starlette": "starlette",
    "litestar": "litestar",
    "secure": "secure",
    "secweb": "secweb",
    "asgi-correlation-id": "asgi_correlation_id",
    "pyjwt": "pyjwt",
    "python-jose": "python_jose",
    "passlib": "passlib",
}
"""Each peer's distribution, in the order shown, and its module in `bench.compare.peers`."""

_PATIENCE = 30.0  # seconds until a side that does not come to an end is given up


@dataclass(frozen=True)
class Peer:
    """A package, and what is done to it; `missing` says why nothing can be."""

    name: str
    version: str = ""
    rows: Sequence[Row] = field(default=())
    missing: str = ""


def found_peers() -> list[Peer]:
    """Load all peers that are installed; the others say how to get them."""
    return [_found(name, f"bench.compare.peers.{module}") for name, module in MODULES.items()]


def _found(name: str, module: str) -> Peer:
    try:
        rows = import_module(module).ROWS
    except ModuleNotFoundError as error:
        return Peer(name, missing=f"no module {error.name}: pip install {name}")
    return Peer(name, version(name), rows)


def run(peers: Sequence[Peer], room: Room) -> Iterator[Outcome]:
    """Run every row of every peer that is there."""
    for peer in peers:
        for row in peer.rows:
            theirs, missing = _theirs(row, room)
            ours, lacking = _ours(row, room)
            yield Outcome(row, peer.name, peer.version, theirs, ours, missing or lacking)


def _theirs(row: Row, room: Room) -> tuple[Seen | None, str]:
    try:
        return _side(row.theirs, room), ""
    except Missing as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001 - how a peer is set up may change with its next version
        return None, f"it could not be set up: {type(error).__name__}: {error}"


def _ours(row: Row, room: Room) -> tuple[Seen | None, str]:
    try:
        return _side(row.ours, room), ""
    except Missing as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001 - a fault of asgisec is a row that fails, and no end of the run
        return Seen(f"raises {type(error).__name__}: {error}", right=False), ""


def _side(probe: Probe, room: Room) -> Seen:
    async def bounded() -> Seen:
        async with asyncio.timeout(_PATIENCE):
            return await probe(room)

    return asyncio.run(bounded())
