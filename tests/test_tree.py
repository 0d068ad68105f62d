"""The rooms of the house, and that nothing stands in the wrong one. What may import what is in `test_imports`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from asgisec.presets import RECOMMENDED_ORDER

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "asgisec"

# What is on the top floor: what the whole is made of, in the order in which a request meets it, and the rooms.
TOP = {
    "__init__": "the public names, nothing else",
    "presets": "`secure`, `install` and the recommended order",
    "middleware": "each policy as a middleware class",
    "stack": "the one pass",
    "_plan": "what the pass compiles policies into",
    "_response": "the way a response takes",
    "_lifespan": "the end of an application",
    "policy": "the contract of a policy; `Exchange`",
    "_answer": "what a policy answers with",
    "_exempt": "what policies leave alone, and functions of the application",
    "context": "the ids of the request being served",
    "_ids": "how ids are made",
    "_connection": "what guards and endpoints are called with",
    "errors": "the two trees of errors",
    "events": "security events",
    "_durations": "how durations are written",
    "_extras": "what is said where an extra is missing",
    "_wire": "grammars of headers: bytes in, value or error out",
    "policies": "one file per policy",
    "auth": "who is calling, and may they do this",
    "tokens": "keys, who issues, who verifies, what was revoked",
    "credentials": "passwords, API keys, and what slows down guessing",
    "oauth2": "the endpoints",
    "inputs": "HTML, text, paths, SQL names",
    "stores": "where what outlives a request is kept",
    "integrations": "one file or package per framework",
}

# What is a package within a room: a module that grew past one file, or a store with a file for each need.
PACKAGES = {
    "integrations/fastapi",
    "policies/rate_limit",
    "stores/memory",
    "stores/redis",
    "stores/sqlalchemy",
}

# A file has 60 to 200 lines; past 300 it is split, but for these, each with its reason.
LONG = {
    "stack": "the request path is one frame, and what it raises and answers is read beside it",
    "stores.protocols": "one contract per need, most of it prose: whoever writes a store reads it from end to end",
    "tokens.issuer": "each method is one thing to do with a session; what they share is in files of their own",
}
MOST_LINES = 300

# Whoever is an ASGI application, and whoever sends: the pass, and what is an endpoint of its own.
APPLICATIONS = {"stack", "inputs.serving", "integrations.fastapi.router", "oauth2._endpoint"}
SENDERS = {"_response", "stack", "inputs.serving", "oauth2._endpoint"}

# Rooms of tests that are about no room of the package.
TESTS_ALONE = {"bench", "browser_policies", "compare", "docs", "examples", "matrix", "mutation", "servers"}


def _modules() -> Iterator[Path]:
    return iter(sorted(PACKAGE.rglob("*.py")))


def _name(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE).with_suffix("").parts)


def _within(directory: Path) -> Iterator[str]:
    for found in directory.iterdir():
        if found.suffix == ".py" or (found.is_dir() and any(found.glob("*.py"))):
            yield found.stem


def _nodes(file: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(file.read_text("utf-8")))


def test_the_top_floor() -> None:
    assert set(_within(PACKAGE)) == set(TOP)


def test_the_packages_within_rooms() -> None:
    inits = {file.parent.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("__init__.py")}
    assert {place for place in inits if "/" in place} == PACKAGES


@pytest.mark.parametrize("room", ["bench", "docs", "examples", "tests"])
def test_what_stands_beside_the_package(room: str) -> None:
    assert (ROOT / room).is_dir()


@pytest.mark.parametrize("file", sorted((PACKAGE / "_wire").glob("*.py")), ids=lambda file: file.stem)
def test_a_grammar_waits_for_nothing_and_knows_nothing_else_of_the_package(file: Path) -> None:
    for node in _nodes(file):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("asgisec"):
            assert (node.module or "").startswith("asgisec._wire.")


def test_each_policy_has_a_file_of_its_own() -> None:
    policies = {kind for kind, _ in RECOMMENDED_ORDER}
    modules = {kind.__module__.removeprefix("asgisec.policies.") for kind in policies}
    assert len(modules) == len(policies)
    public = {name for name in _within(PACKAGE / "policies") if not name.startswith("_")}
    # A content security policy is an option of `SecurityHeaders` with more to say than all of its others.
    assert public - {"csp"} == {module.partition(".")[0] for module in modules}


def _is_application(node: ast.AST) -> bool:
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name != "__call__":
        return False
    return [argument.arg for argument in node.args.args] == ["self", "scope", "receive", "send"]


def _sends(node: ast.AST) -> bool:
    """Tell whether a message is made here and sent."""
    if not isinstance(node, ast.Call) or not any(isinstance(argument, ast.Dict) for argument in node.args):
        return False
    return getattr(node.func, "attr", getattr(node.func, "id", "")) == "send"


def test_who_is_an_application_and_who_sends() -> None:
    assert {_name(file) for file in _modules() if any(map(_is_application, _nodes(file)))} == APPLICATIONS
    assert {_name(file) for file in _modules() if any(map(_sends, _nodes(file)))} == SENDERS


def test_files_that_grew_past_their_room() -> None:
    grown = {_name(file) for file in _modules() if len(file.read_text("utf-8").splitlines()) > MOST_LINES}
    assert grown - set(LONG) == set(), "split it"
    assert set(LONG) - grown == set(), "it is short enough again: take it off the list"


def test_the_tests_are_the_same_tree() -> None:
    rooms = {file.parent.name for file in PACKAGE.glob("*/__init__.py")}
    tested = {found.parent.name for found in (ROOT / "tests").glob("*/test_*.py")}
    assert tested - TESTS_ALONE == {room.removeprefix("_") for room in rooms}
