"""Mutate Lua scripts: one sign, one number or one command at a time, each put to the tests on a server of its own."""

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import pytest

from tests.mutation.argued import ROOT, Mutant
from tests.mutation.modules import copied
from tests.mutation.parts import Script

LUA = "asgisec/stores/redis/lua"

# A script that never ends stops the server, and with it every test.
_PATIENCE = 120  # seconds
_SAID = "said.txt"
# What takes its time to load is loaded once; not the package, which reads its scripts as it is loaded.
_LOADED_ONCE = (
    "asyncpg",
    "aiosqlite",
    "hypothesis.strategies",
    "limits",
    "redis.asyncio.cluster",
    "sqlalchemy.ext.asyncio",
    "starlette.applications",
    "trio",
)
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
    """Try every mutant of the scripts that was not tried yet, and what lived the last time.

    Returns:
        What became of each, and those that live.
    """
    places = [work / f"scripts-{number}" for number in range(processes)]
    for place in places:
        copied(place)
    for module in _LOADED_ONCE:
        import_module(module)
    for name, script in scripts.items():
        if _run(places, [(name, _source(name))], script) != ["survived"]:
            sys.exit(f"the tests of {name} fail as it is: {(places[0] / _SAID).read_text()}")
    kept = work / "scripts.json"
    known: dict[str, str] = json.loads(kept.read_text("utf-8")) if kept.exists() else {}
    verdicts, alive = dict[str, str](), list[Mutant]()
    for name, script in scripts.items():
        mutants = {named(name, text): (mutant, text) for mutant, text in mutants_of(name, _source(name))}
        untried = {label: text for label, (_, text) in mutants.items() if known.get(label, "survived") == "survived"}
        ends = _run(places, [(name, text) for text in untried.values()], script)
        known |= dict(zip(untried, ends, strict=True))
        kept.write_text(json.dumps(known), "utf-8")
        verdicts |= {label: known[label] for label in mutants}
        alive += [mutant for label, (mutant, _) in mutants.items() if known[label] == "survived"]
    return verdicts, alive


def named(name: str, text: str) -> str:
    """Return what a mutant is known by: the script that it is."""
    return f"{name} {sha256(text.encode()).hexdigest()[:16]}"


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


def _source(name: str) -> str:
    return (ROOT / LUA / name).read_text("utf-8")


def _run(places: list[Path], changed: list[tuple[str, str]], script: Script) -> list[str]:
    """Run the tests against each text of a script, as many at once as there are places."""
    ends, free, running = [""] * len(changed), list(places), dict[int, tuple[int, Path]]()
    for number, (name, text) in enumerate(changed):
        if not free:
            _wait(running, ends, free)
        place = free.pop(0)
        child = os.fork()
        if not child:
            _be_a_child(place, name, text, script)
        running[child] = number, place
    while running:
        _wait(running, ends, free)
    for name, _ in changed[:1]:
        for place in places:
            (place / LUA / name).write_text(_source(name), "utf-8")
    return ends


def _wait(running: dict[int, tuple[int, Path]], ends: list[str], free: list[Path]) -> None:
    child, status = os.wait()
    number, place = running.pop(child)
    # A server that it started is in its group; one that was busy with a script without end is there still.
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    code = os.waitstatus_to_exitcode(status)
    if code not in {0, 1, -signal.SIGALRM}:
        sys.exit(f"{(place / _SAID).read_text()}\npytest ended with {code}")
    ends[number] = {0: "survived", 1: "killed"}.get(code, "timeout")
    free.append(place)


def _be_a_child(place: Path, name: str, text: str, script: Script) -> NoReturn:
    os.setsid()
    signal.alarm(_PATIENCE)
    os.chdir(place)
    sys.path.insert(0, str(place))
    said = os.open(_SAID, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    (place / LUA / name).write_text(text, "utf-8")
    options = ["-q", "-x", "-n0", "--assert=plain", "--hypothesis-profile=quick", "-k", "not sqlite and not postgresql"]
    code = pytest.main([*options, *script.tests])
    os._exit(code)
