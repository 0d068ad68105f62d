"""How a run looks in the terminal: three columns as wide as it is, coloured where it allows."""

import os
import re
import shutil
import textwrap
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TextIO

from bench.compare.row import Outcome
from bench.compare.running import Peer

__all__ = ["Screen"]

_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33"}
_COLOUR = re.compile("\033\\[[0-9]+m")
_WIDEST = 132
_NARROWEST = 60
_GAP = 2


class Screen:
    """Prints the rows as they come."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str] | None = None, width: int | None = None) -> None:
        environ = os.environ if environ is None else environ
        found = shutil.get_terminal_size((100, 24)).columns if width is None else width
        self._stream = stream
        self._width = min(max(found, _NARROWEST), _WIDEST)
        # NO_COLOR forbids, FORCE_COLOR demands (no-color.org, force-color.org).
        allowed = stream.isatty() and environ.get("TERM") != "dumb"
        self._colour = not environ.get("NO_COLOR") and (bool(environ.get("FORCE_COLOR")) or allowed)
        # A terminal of another encoding gets plain signs.
        plain = not (stream.encoding or "").lower().startswith("utf")
        self._good, self._bad, self._none, self._ought = ("ok", "!!", "--", ">") if plain else ("✓", "✗", "-", "→")
        side = (self._width - 2 * _GAP) * 3 // 11
        self._columns = (self._width - 2 * _GAP - 2 * side, side, side)

    def begin(self, peers: Sequence[Peer]) -> None:
        """Say what is compared."""
        count = sum(len(peer.rows) for peer in peers)
        self._print("bold", "asgisec beside other packages of the same purpose")
        self._print("", f"{count} rows; each is done to the other package and to asgisec, and observed.")

    def peer(self, name: str, version: str) -> None:
        """Begin the rows of a peer."""
        self._print("", "")
        texts = zip((f"{name} {version}", "there", "asgisec"), self._columns, strict=True)
        heads = [self._in("bold", text.ljust(size)) for text, size in texts]
        self._print("", (" " * _GAP).join(heads).rstrip())
        self._print("dim", "-" * self._width)

    def row(self, outcome: Outcome) -> None:
        """Show what became of a row."""
        row = outcome.row
        first, second, third = self._columns
        left = [*self._cell(row.case, first, "", ""), *self._cell(row.ought, first, self._ought, "")]
        if row.note:
            left += self._cell(f"({row.note})", first, " ", "dim")
        cells = zip_longest(left, self._theirs(outcome, second), self._ours(outcome, third), fillvalue="")
        for line in cells:
            padded = (self._padded(text, size) for text, size in zip(line, self._columns, strict=True))
            self._print("", (" " * _GAP).join(padded).rstrip())
        self._print("", "")

    def end(self, outcomes: Sequence[Outcome], peers: Sequence[Peer], seconds: float) -> None:
        """Say how it went, and what was left out."""
        wrong, mended, unknown = (
            sum(outcome.verdict == verdict for outcome in outcomes) for verdict in ("wrong", "mended", "not run")
        )
        self._print("bold", f"{len(outcomes)} rows in {seconds:.0f} s: {wrong} go wrong there, {mended} are mended.")
        for outcome in outcomes:
            if outcome.verdict == "mended":
                self._print("", f"  mended in {outcome.peer} {outcome.version}: {outcome.row.name}")
        if unknown:
            self._print("yellow", f"{unknown} rows could not be run:")
        for outcome in outcomes:
            if outcome.missing:
                self._print("yellow", f"  {outcome.row.name}: {outcome.missing}")
        for peer in peers:
            if peer.missing:
                self._print("yellow", f"  left out {peer.name}: {peer.missing}")
        failed = [outcome for outcome in outcomes if outcome.failed]
        for outcome in failed:
            self._print("red", f"asgisec is wrong in {outcome.row.name}: {outcome.ours.text if outcome.ours else ''}")
        if not failed:
            self._print("green", f"{self._good} asgisec is right in all that were run.")

    def _theirs(self, outcome: Outcome, width: int) -> list[str]:
        if outcome.theirs is None:
            return self._cell("not run", width, self._none, "yellow")
        if outcome.theirs.right:
            return self._cell(f"{outcome.theirs.text} (mended)", width, self._good, "green")
        return self._cell(outcome.theirs.text, width, self._bad, "red")

    def _ours(self, outcome: Outcome, width: int) -> list[str]:
        if outcome.ours is None:
            return self._cell("not run", width, self._none, "yellow")
        good = outcome.ours.right
        return self._cell(outcome.ours.text, width, self._good if good else self._bad, "green" if good else "red")

    def _cell(self, text: str, width: int, sign: str, colour: str) -> list[str]:
        indent = " " * (len(sign) + 1) if sign else ""
        begin = f"{sign} " if sign else ""
        lines = textwrap.wrap(text.replace("`", ""), width, initial_indent=begin, subsequent_indent=indent)
        return [self._in(colour, line) for line in lines]

    def _padded(self, text: str, size: int) -> str:
        return text + " " * (size - len(_COLOUR.sub("", text)))

    def _in(self, colour: str, text: str) -> str:
        return f"\033[{_CODES[colour]}m{text}\033[0m" if self._colour and colour else text

    def _print(self, colour: str, text: str) -> None:
        print(self._in(colour, text), file=self._stream, flush=True)
