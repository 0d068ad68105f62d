"""Mutate Lua scripts: one sign, one number or one command at a time, each put to the tests on a server of its own."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from tests.mutation.argued import ROOT, Mutant
from tests.mutation.modules import copied
from tests.mutation.parts import Script

LUA = "asgisec/stores/redis/lua"

# A script that never ends stops the server, and with it every test.
_PATIENCE = 120  # seconds
_OTHER = {
    "<": "<=",
    "<=": "<",
    ">": ">=",
    ">=": ">",
    "==": "~=",
    "~=": "==",
    "+": "-",
    "-": "+",
    "*": "/",
    "/": "*",
    "^": "*",
    "and": "or",
    "or": "and",
    "not": "",
    "true": "false",
    "false": "true",
    "floor": "ceil",
    "ceil": "floor",
    "max": "min",
    "min": "max",
}
_TOKEN = re.compile(
    r"'[^']*'|--.*"
    r"|(?P<number>(?<!\w)\d+(?:e-?\d+)?)"
    r"|(?P<sign>[<>=~]=|[<>*/^+]|(?<=[\w)\]] )-(?= )|[a-z]\w*)"
)
_COMMAND = re.compile(r"\s*(?:redis\.call|call|write)\(.*\)\s*")


def tried(scripts: dict[str, Script], work: Path, processes: int) -> tuple[dict[str, str], list[Mutant]]:
    """Try every mutant of the scripts.

    Returns:
        What became of each, and those that live.
    """
    places: SimpleQueue[Path] = SimpleQueue()
    for number in range(processes):
        copied(work / f"scripts-{number}")
        places.put(work / f"scripts-{number}")

    def verdict(name: str, text: str) -> str:
        place = places.get()
        try:
            return _verdict(place, name, text, scripts[name])
        finally:
            places.put(place)

    mutants = [(name, mutant, text) for name in scripts for mutant, text in mutants_of(name, _source(ROOT, name))]
    with ThreadPoolExecutor(processes) as pool:
        ends = list(pool.map(verdict, (name for name, _, _ in mutants), (text for _, _, text in mutants)))
    verdicts = {f"{name} {number}": end for number, ((name, _, _), end) in enumerate(zip(mutants, ends, strict=True))}
    return verdicts, [mutant for (_, mutant, _), end in zip(mutants, ends, strict=True) if end == "survived"]


def mutants_of(name: str, source: str) -> Iterator[tuple[Mutant, str]]:
    """Yield each change of a script, and the script with it."""
    lines = source.splitlines()
    for at, line in enumerate(lines):
        for becomes in _changes(line):
            changed = "\n".join([*lines[:at], becomes, *lines[at + 1 :]])
            yield Mutant(f"{LUA}/{name}", line.strip(), becomes.strip()), f"{changed}\n"


def _changes(line: str) -> Iterator[str]:
    if _COMMAND.fullmatch(line):
        yield ""
    for found in _TOKEN.finditer(line):
        other = f"({found[0]} + 1)" if found["number"] else _OTHER.get(found["sign"] or "")
        if other is not None:
            yield line[: found.start()] + other + line[found.end() :]


def _source(place: Path, name: str) -> str:
    return (place / LUA / name).read_text("utf-8")


def _verdict(place: Path, name: str, text: str, script: Script) -> str:
    before = _source(place, name)
    path = place / LUA / name
    path.write_text(text, "utf-8")
    options = ["-q", "-x", "-n0", "--hypothesis-profile=quick", "-k", script.chosen]
    command = [sys.executable, "-m", "pytest", *options, *script.tests]
    # In a group of its own, with the servers that it starts.
    running = subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True, start_new_session=True)  # noqa: S603
    try:
        said, _ = running.communicate(timeout=_PATIENCE)
    except subprocess.TimeoutExpired:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        return "timeout"
    finally:
        path.write_text(before, "utf-8")
    if running.returncode not in {0, 1}:
        sys.exit(f"{said}\npytest ended with {running.returncode}")
    return "killed" if running.returncode else "survived"
