"""Mutate Python modules with mutmut."""

import ast
import difflib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.mutation.argued import ROOT, Mutant
from tests.mutation.parts import Part

_COPIED = ("asgisec", "tests", "docs", "examples", "bench", "pyproject.toml", "README.md", "Makefile", "mkdocs.yml")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", ".hypothesis", "results", "images")
_NAME = re.compile(r"(?P<module>[\w.]+)\.x(?:ǁ(?P<of>\w+)ǁ|_)(?P<name>\w+)__mutmut_\d+")
_SETTINGS = """
[tool.mutmut]
source_paths = ["asgisec"]
only_mutate = {files}
also_copy = ["docs", "examples", "bench", "README.md", "Makefile", "mkdocs.yml"]
timeout_multiplier = 6.0
# The tests run several times in one process: threads that log, as Litestar's, find the output of the first run closed.
pytest_add_cli_args = ["-q", "-x", "--hypothesis-profile=quick", "-p", "no:threadexception", "-k", {chosen}]
pytest_add_cli_args_test_selection = {tests}
"""


def tried(name: str, part: Part, work: Path, processes: int) -> tuple[dict[str, str], list[Mutant]]:
    """Try every mutant that was not tried yet, what lived the last time, and what lives with the wider tests.

    Returns:
        What became of each, and those that live.
    """
    place = work / name
    copied(place)
    _set_up(place, part.files, part.tests, part.deselected)
    lived = _alive(_verdicts(place))
    _try(place, processes)
    if lived := [label for label in _alive(_verdicts(place)) if label in lived]:
        _try(place, processes, *lived)
    verdicts = _verdicts(place)
    if alive := _alive(verdicts):
        wider = work / f"{name}-wider"
        copied(wider)
        _set_up(wider, part.files, part.wider, part.wider_deselected)
        _try(wider, processes, *alive)
        again = _verdicts(wider)
        verdicts |= {label: again[label] for label in alive}
    return verdicts, [_shown(place, label) for label in _alive(verdicts)]


def copied(place: Path) -> None:
    """Copy the project to a place where it may be broken."""
    place.mkdir(parents=True, exist_ok=True)
    for name in _COPIED:
        source, target = ROOT / name, place / name
        if source.is_dir():
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(source, target, ignore=_NOT_COPIED)
        else:
            shutil.copy2(source, target)


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


def _alive(verdicts: dict[str, str]) -> list[str]:
    # One that no test reaches lives, too.
    return [label for label, verdict in verdicts.items() if verdict in {"survived", "no tests"}]


def _set_up(place: Path, files: tuple[str, ...], tests: tuple[str, ...], deselected: tuple[str, ...]) -> None:
    chosen = json.dumps(" and ".join(f"not {word}" for word in deselected))
    settings = _SETTINGS.format(files=json.dumps(files), chosen=chosen, tests=json.dumps(tests))
    with (place / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write(settings)


def _try(place: Path, processes: int, *labels: str) -> None:
    _run(place, "run", "--max-children", str(processes), *labels)


def _verdicts(place: Path) -> dict[str, str]:
    lines = _run(place, "results", "--all", "true").splitlines()
    return {label.strip(): verdict.strip() for label, _, verdict in (line.partition(": ") for line in lines) if verdict}


def _shown(place: Path, label: str) -> Mutant:
    """Read a mutant where it stands beside its original: `mutmut show` takes a second for each."""
    module, _, mutated = label.rpartition(".")
    functions = _functions(place / "mutants" / Path(*module.split(".")).with_suffix(".py"))
    original = re.sub(r"_\d+$", "_orig", mutated)
    was, becomes = (functions[name].replace(name, "").splitlines() for name in (original, mutated))
    return mutant_of(label, "\n".join(difflib.unified_diff(was, becomes, lineterm="")))


@cache
def _functions(path: Path) -> dict[str, str]:
    text = path.read_text("utf-8")
    lines = text.splitlines()
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, kinds) and "__mutmut_" in node.name]
    return {node.name: "\n".join(lines[node.lineno - 1 : node.end_lineno]) for node in found}


def _run(place: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "mutmut", *arguments]
    done = subprocess.run(command, cwd=place, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        # What turns in place while one waits is left out.
        sys.exit(f"{done.stdout.rpartition(chr(13))[2]}\nmutmut {arguments[0]} ended with {done.returncode}")
    return done.stdout
