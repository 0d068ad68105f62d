"""The variants, and what they are compared by."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from bench.calls import Against
from bench.harness import ASGIApp
from bench.whole import assembled, bare, floor, secured, usual

__all__ = ["AGAINST", "ALONE", "ASSEMBLED", "BARE", "FLOOR", "OURS", "USUAL", "VARIANTS", "Way"]

OURS = "asgisec"
BARE = "the route alone"
ASSEMBLED = "the best of the others"
USUAL = "the usual recipe"
FLOOR = "the same by hand"


@dataclass(frozen=True)
class Way:
    """A way to build it.

    Args:
        built: Makes the application, from the URL of the store, and the limits.
        factory: How a server finds what makes it.
        revoke: Revokes a token at a URL, in its own way; `None` where nobody asks for one.
    """

    built: Callable[[str, tuple[str, ...]], ASGIApp | Any]
    factory: str
    revoke: Callable[[str, str], Awaitable[None]] | None


VARIANTS = {
    OURS: Way(secured.built, "bench.whole.secured:application", secured.revoke),
    BARE: Way(bare.built, "bench.whole.bare:application", None),
    ASSEMBLED: Way(assembled.built, "bench.whole.assembled:application", assembled.revoke),
    USUAL: Way(usual.built, "bench.whole.usual:application", usual.revoke),
    FLOOR: Way(floor.built, "bench.whole.floor:application", floor.revoke),
}

# As throughput: half of the bare route's, two and a half times the best of the others, five times the usual recipe.
AGAINST = (Against(BARE, 2.0), Against(ASSEMBLED, 1 / 2.5), Against(USUAL, 1 / 5), Against(FLOOR))

# Of one at a time it is no goal: the bare route never waits.
ALONE = tuple(Against(one.to) for one in AGAINST)
