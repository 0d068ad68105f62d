"""The benchmark of API keys compares what it says."""

from bench import api_keys
from bench.calls import measure_calls


def test_every_variant_has_a_figure() -> None:
    group = api_keys.group_in_memory()
    assert [(one.to, one.at_most) for one in group.against] == [(api_keys.BY_HAND, 5)]
    outcome = measure_calls(group, rounds=2)
    assert all(figure.taken > 0 for figure in outcome.figures)
