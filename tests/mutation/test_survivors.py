"""What is argued of mutants is about code that is there, and an argument covers no more than it says."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.mutation.argued import ROOT, Argued, Mutant, argued, counted, recorded
from tests.mutation.modules import mutant_of
from tests.mutation.parts import MUTATED, PARTS, SCRIPTS
from tests.mutation.scripts import LUA, mutants_of

_DIFF = """--- asgisec/stack.py
+++ asgisec/stack.py
@@ -1,3 +1,3 @@
 def f(a):
-    return a < 1
+    return a <= 1
"""


def files_of(part: str) -> list[Path]:
    return [path for pattern in PARTS[part].files for path in ROOT.glob(pattern)]


@cache
def functions() -> list[tuple[str, list[str]]]:
    """Return the full name and the lines of each function that is mutated, and those of scripts."""
    scripts = {f"{LUA}/{name}": (ROOT / LUA / name).read_text("utf-8") for name in SCRIPTS}
    found = [(name, [line.strip() for line in text.splitlines()]) for name, text in scripts.items()]
    for path in (path for part in PARTS for path in files_of(part)):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        text = path.read_text("utf-8")
        body = ast.parse(text).body
        homes = [
            (module, body),
            *((f"{module}.{node.name}", node.body) for node in body if isinstance(node, ast.ClassDef)),
        ]
        for home, members in homes:
            for member in members:
                if isinstance(member, ast.FunctionDef | ast.AsyncFunctionDef):
                    lines = text.splitlines()[member.lineno - 1 : member.end_lineno]
                    found.append((f"{home}.{member.name}", [line.strip() for line in lines]))
    return found


@pytest.mark.parametrize("reason", argued(), ids=lambda reason: reason.was)
def test_what_is_argued_is_still_there(reason: Argued) -> None:
    lines = [line for name, lines in functions() if re.fullmatch(reason.function, name) for line in lines]
    assert any(re.fullmatch(reason.was, line) for line in lines)
    assert reason.why.endswith(".")


@pytest.mark.parametrize("part", PARTS)
def test_what_a_part_names_is_there(part: str) -> None:
    assert files_of(part)
    assert [name for name in (*PARTS[part].tests, *PARTS[part].wider) if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    ("label", "function"),
    [
        ("asgisec.stack.x_refuse__mutmut_3", "asgisec.stack.refuse"),
        ("asgisec._plan.x__defines__mutmut_12", "asgisec._plan._defines"),
        ("asgisec._plan.xǁPlanǁ__init____mutmut_1", "asgisec._plan.Plan.__init__"),
    ],
)
def test_a_mutant_is_known_by_what_it_changes(label: str, function: str) -> None:
    assert mutant_of(label, _DIFF) == Mutant(function, "return a < 1", "return a <= 1")


@pytest.mark.parametrize(
    ("was", "becomes", "covered"),
    [
        ("return a < 1", "return a <= 1", True),
        (".*", ".*", True),
        ("return a", "return a <= 1", False),
        ("return a < 1", "return a", False),
    ],
)
def test_an_argument_covers_whole_lines(was: str, becomes: str, *, covered: bool) -> None:
    mutant = mutant_of("asgisec.stack.x_f__mutmut_1", _DIFF)
    assert Argued("asgisec.*", was, becomes, "Because.").covers(mutant) is covered
    assert not Argued("asgisec._plan.*", was, becomes, "Because.").covers(mutant)


def test_each_script_is_mutated_and_has_its_tests() -> None:
    there = {path.relative_to(ROOT / LUA).as_posix() for path in (ROOT / LUA).rglob("*.lua")}
    assert set(SCRIPTS) == there
    assert [name for script in SCRIPTS.values() for name in script.tests if not (ROOT / name).exists()] == []


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("if a < b then", ["if a <= b then"]),
        ("if not a and b >= c then", ["if  a and b >= c then", "if not a or b >= c then", "if not a and b > c then"]),
        ("wait = math.max(left, 64)", ["wait = math.min(left, 64)", "wait = math.max(left, (64 + 1))"]),
        ("at = now - 1e-6", ["at = now + 1e-6", "at = now - (1e-6 + 1)"]),
        ("last = entry(key, -1)", ["last = entry(key, -(1 + 1))"]),
        ("call('LPOP', key)", [""]),
        ("local kept = call('GET', 'a < 1 - 2')  -- 1 < 2", []),
        ("-- Nothing is 0.", []),
    ],
)
def test_a_script_is_changed_in_one_place(line: str, becomes: list[str]) -> None:
    found = list(mutants_of("a.lua", f"local a = b\n  {line}\n"))
    assert [mutant for mutant, _ in found] == [Mutant(f"{LUA}/a.lua", line, each) for each in becomes]
    assert [text for _, text in found] == [
        f"local a = b\n  {each}\n" if each else "local a = b\n\n" for each in becomes
    ]


def test_what_was_found_is_counted() -> None:
    verdicts = {"a": "killed", "b": "survived", "c": "killed"}
    assert counted(verdicts, 1) == {"mutants": 3, "killed": 2, "survived": 1, "argued": 1}
    assert set(recorded()) <= set(MUTATED)
