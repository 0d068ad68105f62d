"""The benchmark of input hardening measures all that it says, after it has checked it."""

from collections.abc import Iterator

import pytest

from bench import inputs
from bench.calls import Against, CallGroup, measure_calls
from bench.harness import WrongAnswer


@pytest.fixture(scope="module")
def groups() -> Iterator[dict[str, CallGroup]]:
    with inputs.groups() as listed:
        yield {group.name: group for group in listed}


def test_what_is_compared(groups: dict[str, CallGroup]) -> None:
    assert {name: [(item.to, item.at_most) for item in group.against] for name, group in groups.items()} == {
        "sanitize_html": [("nh3.clean, same sets", 1.1), ("bleach.clean, same tags", None)],
        "sanitize_html, two passes": [("nh3.clean, same sets", None), ("bleach.clean, same tags", None)],
        "SafeDirectory.resolve": [("os.path.realpath and a check", 2.0)],
        "SafeDirectory.open": [("realpath, a check, open (a race)", None)],
        "Three fields in a pydantic model": [("StringConstraints by hand", None)],
    }


def test_every_variant_has_a_figure_for_every_case(groups: dict[str, CallGroup]) -> None:
    for group in groups.values():
        outcome = measure_calls(group, rounds=2)
        expected = [(variant, case) for case in group.cases for variant in group.variants]
        assert [(figure.variant, figure.case) for figure in outcome.figures] == expected
        assert all(figure.taken > 0 for figure in outcome.figures)
        assert len(outcome.ratios) == len(group.cases) * len(group.against)


def test_a_variant_that_answers_otherwise_stops_the_run() -> None:
    group = CallGroup("text", {"x": {"ours": lambda: "x", "theirs": lambda: "y"}}, [Against("theirs")], same=["theirs"])
    with pytest.raises(WrongAnswer, match="theirs gives 'y', not 'x'"):
        measure_calls(group, rounds=2)


def test_a_case_that_lacks_a_variant_stops_the_run() -> None:
    group = CallGroup("text", {"x": {"ours": str, "theirs": str}, "y": {"ours": str}}, [Against("theirs")])
    with pytest.raises(WrongAnswer, match="text, y"):
        measure_calls(group, rounds=2)
