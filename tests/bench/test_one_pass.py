"""Every variant that is measured answers as it must; the run itself is tried once, without looking at its figures."""

import json
import shutil
import sys
from pathlib import Path

import anyio
import pytest

from bench import __main__ as command
from bench import harness, more_policies, one_pass, pages
from bench.harness import Group, Variant, check

GROUPS = [*one_pass.GROUPS, *more_policies.GROUPS]
VARIANTS = [pytest.param(variant, id=f"{group.name}: {variant.name}") for group in GROUPS for variant in group.variants]


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_answer_as_expected(variant: Variant) -> None:
    anyio.run(check, variant)


@pytest.mark.parametrize("group", [pytest.param(group, id=group.name) for group in GROUPS])
def test_goals_name_variants_of_their_group(group: Group) -> None:
    names = {variant.name for variant in group.variants}
    assert {name for goal in group.goals for name in (goal.of, goal.to)} <= names


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param(("tokens",), id="one part"),
        # Those two start servers, and have tests of their own.
        pytest.param(tuple(sorted({*command.PARTS} - {"scale", "whole"})), id="the others", marks=pytest.mark.slow),
    ],
)
def test_a_run_writes_figures_and_charts(
    parts: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "PARTS", parts)
    monkeypatch.setattr(harness, "_BATCH", 10_000)
    monkeypatch.setattr(harness, "_WARM_UP", 2)
    monkeypatch.setattr(command, "_ROOT", tmp_path)
    for place, of in ((command, "_RESULTS"), (pages, "RESULTS")):
        monkeypatch.setattr(place, of, tmp_path / "results")
    for place, of in ((command, "_IMAGES"), (pages, "IMAGES")):
        monkeypatch.setattr(place, of, tmp_path / "images")
    (tmp_path / "images").mkdir()
    for name in ("PAGE", "SCALING"):
        page: Path = getattr(pages, name)
        shutil.copy(page, tmp_path)
        monkeypatch.setattr(pages, name, tmp_path / page.name)
    monkeypatch.setattr(sys, "argv", ["bench", "--rounds", "3", "--imports", "1"])
    command.main()
    printed = capsys.readouterr().out
    assert all(group.name in printed for group in GROUPS)
    for part in (one_pass, more_policies):
        name = part.__name__.removeprefix("bench.")
        document = json.loads((tmp_path / "results" / f"{name}.json").read_text(encoding="utf-8"))
        assert [group["name"] for group in document["groups"]] == [group.name for group in part.GROUPS]
    for name in parts:
        assert json.loads((tmp_path / "results" / f"{name}.json").read_text(encoding="utf-8"))["groups"]
    assert {path.name for path in (tmp_path / "images").iterdir()} >= {"one-pass-light.svg", "one-pass-dark.svg"}
