"""How long importing asgisec takes, beside importing the part of Starlette that every application imports anyway.

Fresh interpreters take turns; each times its import alone, without its own start.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median

__all__ = ["ImportTime", "time_imports"]

MODULES = ("asgisec", "starlette.responses")
AT_MOST = 1.3

_ROOT = Path(__file__).parent.parent
_TIMED = "import time; begin = time.process_time_ns(); import {}; print(time.process_time_ns() - begin)"


@dataclass(frozen=True)
class ImportTime:
    """Milliseconds, medians over the runs."""

    asgisec: float
    starlette: float
    runs: int

    @property
    def ratio(self) -> float:
        return self.asgisec / self.starlette

    @property
    def met(self) -> bool:
        return self.ratio <= AT_MOST


def time_imports(runs: int) -> ImportTime:
    """Import each module in `runs` fresh interpreters, alternating which goes first."""
    taken: dict[str, list[int]] = {module: [] for module in MODULES}
    for run in range(runs):
        for module in MODULES if run % 2 else MODULES[::-1]:
            taken[module].append(_import(module))
    ours, theirs = (median(taken[module]) / 1e6 for module in MODULES)
    return ImportTime(ours, theirs, runs)


def _import(module: str) -> int:
    command = [sys.executable, "-c", _TIMED.format(module)]
    done = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, text=True)  # noqa: S603 - our own words
    return int(done.stdout)
