"""What the benchmarks import is in their dependency group, and nothing of the peers is needed elsewhere."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, requires

from packaging.requirements import Requirement

from tests.docs.pages import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PEERS = {"asgi-correlation-id", "bleach", "fastapi-security-headers", "python-jose", "secure", "slowapi"}


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()


def _group(name: str) -> Iterator[Requirement]:
    for entry in PROJECT["dependency-groups"][name]:
        if isinstance(entry, dict):
            yield from _group(entry["include-group"])
        else:
            yield Requirement(entry)


def _installed(wanted: Iterable[Requirement]) -> set[str]:
    """Follow requirements to all that they bring along."""
    found: set[str] = set()
    waiting = [(_name(one.name), frozenset(one.extras)) for one in wanted]
    seen = set()
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        found.add(name)
        try:
            below = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue
        waiting += [
            (_name(one.name), frozenset(one.extras))
            for one in below
            if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in ("", *extras))
        ]
    return found


def _imported() -> set[str]:
    # What `make compare` runs has a group of its own.
    files = [file for file in (ROOT / "bench").rglob("*.py") if "compare" not in file.relative_to(ROOT).parts]
    files.append(ROOT / "tests" / "valkey.py")
    nodes = [node for file in files for node in ast.walk(ast.parse(file.read_text("utf-8")))]
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names} - {*sys.stdlib_module_names, "asgisec", "bench", "tests"}


def test_what_is_imported_is_in_the_group() -> None:
    installed = _installed(_group("bench"))
    known = packages_distributions()
    missing = {name for name in _imported() if installed.isdisjoint(map(_name, known.get(name, [])))}
    assert missing == set()


def test_what_is_loaded_by_name_is_in_the_group() -> None:
    assert _installed(_group("bench")) >= {"uvicorn", "uvloop", "httptools", "sqlalchemy", "aiosqlite"}


def test_peers_are_needed_by_nobody_who_uses_the_package() -> None:
    extras = [text for listed in PROJECT["project"]["optional-dependencies"].values() for text in listed]
    needed = {_name(Requirement(text).name) for text in (*PROJECT["project"]["dependencies"], *extras)}
    assert PEERS.isdisjoint(needed)
    assert PEERS.isdisjoint(_installed(_group("demo")))
