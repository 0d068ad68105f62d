"""The benchmark of limited routes measures all that it says, after it has checked it."""

from bench import limited_routes
from bench.harness import measure


def test_what_is_compared_in_memory() -> None:
    outcomes = [measure(group, rounds=2, seed=1) for group in limited_routes.GROUPS]
    assert [len(outcome.ratios) for outcome in outcomes] == [2, 2]
    assert {ratio.goal.at_most for outcome in outcomes for ratio in outcome.ratios} == {1 / 10}


def test_what_is_compared_on_redis() -> None:
    outcomes = list(limited_routes.measured(2))
    goals = [[(item.to, item.at_most) for item in outcome.group.against] for outcome in outcomes]
    assert goals == [[("slowapi, a decorator", 1 / 2.5)], [("slowapi, a decorator", 1 / 6)]]
    assert all(figure.taken > 0 for outcome in outcomes for figure in outcome.figures)
