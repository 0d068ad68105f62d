"""Mutate the code that everything hangs on, and see whether the tests notice: `python -m tests.mutation [PART ...]`.

A mutant that no test notices is a survivor. Each is either argued in `survivors.toml`, or it fails the run: a row is
missing, or a line does nothing. The work is kept in `.mutants`: a second run tries only what changed.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.parts import PARTS, Part

ROOT = Path(__file__).parents[2]
SURVIVORS = Path(__file__).with_name("survivors.toml")
RESULTS = Path(__file__).with_name("results.json")

_WORK = ROOT / ".mutants"
_COPIED = ("asgisec", "tests", "docs", "examples", "bench", "pyproject.toml", "README.md", "Makefile", "mkdocs.yml")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".hypothesis", "results", "images")
_NAME = re.compile(r"(?P<module>[\w.]+)\.x(?:ǁ(?P<of>\w+)ǁ|_)(?P<name>\w+)__mutmut_\d+")
_SETTINGS = """
[tool.mutmut]
source_paths = ["asgisec"]
only_mutate = {files}
also_copy = ["docs", "examples", "bench", "README.md", "Makefile", "mkdocs.yml"]
pytest_add_cli_args = ["-q", "-x", "-k", {chosen}]
pytest_add_cli_args_test_selection = {tests}
"""


@dataclass(frozen=True)
class Mutant:
    """One change: where, from what, into what. Line numbers move, so they are no part of it."""

    function: str
    was: str
    becomes: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at once (default: %(default)s)")
    options = parser.parse_args()
    reasons, results, unargued = argued(), recorded(), list[Mutant]()
    for name in options.parts or PARTS:
        verdicts = _tried(name, PARTS[name], str(options.processes))
        survivors = [_shown(_WORK / name, label) for label in _alive(verdicts)]
        open_ones = [mutant for mutant in survivors if not any(reason.covers(mutant) for reason in reasons)]
        results[name] = counted(verdicts, len(survivors) - len(open_ones))
        unargued += open_ones
        print(name, *(f"{count} {verdict}" for verdict, count in results[name].items()), sep=", ")
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", "utf-8")
    for mutant in unargued:
        print(f"\n{mutant.function}: no test notices, and nothing says why")
        print(f"- {mutant.was}\n+ {mutant.becomes}")
    sys.exit(bool(unargued))


@dataclass(frozen=True)
class Argued:
    """What may live, and why: changes of lines that match, in functions that match.

    Args:
        function: A pattern of the function's full name.
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
    rows = tomllib.loads(SURVIVORS.read_text("utf-8"))["survivor"]
    return [Argued(row.get("function", ".*"), row["was"], row.get("becomes", ".*"), row["why"]) for row in rows]


def recorded() -> dict[str, dict[str, int]]:
    """Return the figures of the last run."""
    found: dict[str, dict[str, int]] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    return found


def counted(verdicts: dict[str, str], reasoned: int) -> dict[str, int]:
    """Return how many mutants met which end."""
    counts = Counter(verdicts.values())
    return {"mutants": len(verdicts), **dict(sorted(counts.items())), "argued": reasoned}


def mutant_of(label: str, diff: str) -> Mutant:
    """Read what a mutant is out of its label and its diff."""
    found = _NAME.fullmatch(label)
    assert found, label
    function = ".".join(filter(None, (found["module"], found["of"], found["name"])))
    return Mutant(function, *(" ".join(_changed(diff, mark)) for mark in "-+"))


def _changed(diff: str, mark: str) -> Iterator[str]:
    for line in diff.splitlines():
        if line.startswith(mark) and not line.startswith(mark * 3):
            yield line[1:].strip()


def _tried(name: str, part: Part, processes: str) -> dict[str, str]:
    """Try every mutant, and those that live with the wider tests."""
    place = _prepared(name, part.files, part.tests, part.deselected)
    _run(place, "run", "--max-children", processes)
    verdicts = _verdicts(place)
    if part.wider and _alive(verdicts):
        place = _prepared(f"{name}-wider", part.files, part.wider, part.wider_deselected)
        _run(place, "run", "--max-children", processes, *_alive(verdicts))
        again = _verdicts(place)
        verdicts |= {label: again[label] for label in _alive(verdicts)}
    return verdicts


def _alive(verdicts: dict[str, str]) -> list[str]:
    # One that no test reaches lives, too.
    return [label for label, verdict in verdicts.items() if verdict in {"survived", "no tests"}]


def _prepared(name: str, files: tuple[str, ...], tests: tuple[str, ...], deselected: tuple[str, ...]) -> Path:
    place = _WORK / name
    place.mkdir(parents=True, exist_ok=True)
    for copied in _COPIED:
        source, target = ROOT / copied, place / copied
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=_NOT_COPIED)
        else:
            shutil.copy2(source, target)
    chosen = json.dumps(" and ".join(f"not {word}" for word in deselected))
    settings = _SETTINGS.format(files=json.dumps(files), chosen=chosen, tests=json.dumps(tests))
    with (place / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write(settings)
    return place


def _verdicts(place: Path) -> dict[str, str]:
    lines = _run(place, "results", "--all", "true").splitlines()
    return {label.strip(): verdict.strip() for label, _, verdict in (line.partition(": ") for line in lines) if verdict}


def _shown(place: Path, label: str) -> Mutant:
    return mutant_of(label, _run(place, "show", label))


def _run(place: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603
    return done.stdout


if __name__ == "__main__":
    main()
