"""What a row of the comparison is, and what became of it."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from bench.compare.room import Room

__all__ = ["Outcome", "Probe", "Row", "Seen", "Verdict"]


@dataclass(frozen=True)
class Seen:
    """What was observed, in a few words, and whether it is what ought to be."""

    text: str
    right: bool


Probe: TypeAlias = Callable[[Room], Coroutine[Any, Any, Seen]]

Verdict: TypeAlias = Literal["wrong", "mended", "not run"]


@dataclass(frozen=True)
class Row:
    """One thing that is done to a peer and to asgisec, each set up as its own documentation says.

    Args:
        name: Its name, unique among all rows.
        case: What is done.
        ought: What ought to come of it.
        theirs: Does it to the peer.
        ours: Does the same to asgisec.
        note: Where the peer may mean it so, why.
        thread: The public thread about it, as `owner/repository#number`.
        long: Whether it takes long, or is about time; `make test` leaves it to `make compare`.
    """

    name: str
    case: str
    ought: str
    theirs: Probe
    ours: Probe
    note: str = ""
    thread: str = ""
    long: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a row: `Seen` is `None` where a side could not be run, and `missing` says why."""

    row: Row
    peer: str
    version: str
    theirs: Seen | None
    ours: Seen | None
    missing: str = ""

    @property
    def verdict(self) -> Verdict:
        """What is to be said of the peer."""
        if self.theirs is None:
            return "not run"
        return "mended" if self.theirs.right else "wrong"

    @property
    def failed(self) -> bool:
        """Whether asgisec does what it ought not to. A side that could not be run has failed nobody."""
        return self.ours is not None and not self.ours.right
