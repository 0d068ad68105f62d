"""What became of mutants, and what is argued of those that live."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.json")

_SURVIVORS = Path(__file__).with_name("survivors.toml")


@dataclass(frozen=True)
class Mutant:
    """One change: where, from what, into what. Line numbers move, so they are no part of it."""

    function: str
    was: str
    becomes: str


@dataclass(frozen=True)
class Argued:
    """What may live, and why: changes of lines that match, in functions that match.

    Args:
        function: A pattern of the function's full name, or of a script's path.
        was: A pattern of the line as it is.
        becomes: A pattern of the line as it would be.
        why: One sentence.
    """

    function: str
    was: str
    becomes: str
    why: str

    def covers(self, mutant: Mutant) -> bool:
        """Tell whether a mutant is one of these."""
        given = ((self.function, mutant.function), (self.was, mutant.was), (self.becomes, mutant.becomes))
        return all(re.fullmatch(pattern, text) for pattern, text in given)


def argued() -> list[Argued]:
    """Return what is argued."""
    rows = tomllib.loads(_SURVIVORS.read_text("utf-8"))["survivor"]
    return [Argued(row.get("function", ".*"), row["was"], row.get("becomes", ".*"), row["why"]) for row in rows]


def recorded() -> dict[str, dict[str, int]]:
    """Return the figures of the last run."""
    found: dict[str, dict[str, int]] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    return found


def counted(verdicts: Mapping[str, str], reasoned: int) -> dict[str, int]:
    """Return how many mutants met which end."""
    counts = Counter(verdicts.values())
    return {"mutants": len(verdicts), **dict(sorted(counts.items())), "argued": reasoned}
