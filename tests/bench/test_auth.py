"""The benchmark of guards and authentication measures all that it says, after it has checked it."""

import pytest

from bench import auth
from bench.calls import measure_calls


def test_what_is_compared() -> None:
    assert {group.name: [(one.to, one.at_most) for one in group.against] for group in auth.groups()} == {
        "a guard, where the principal is known": [("a set comparison by hand", 3.0)],
        "Bearer authentication of a known token": [("the verifier alone", 2.0)],
    }


def test_every_variant_has_a_figure() -> None:
    for group in auth.groups():
        outcome = measure_calls(group, rounds=2)
        assert all(figure.taken > 0 for figure in outcome.figures)


def test_a_coroutine_that_waits_is_noticed() -> None:
    async def waits() -> None:
        await _Waiting()

    coroutine = waits()
    with pytest.raises(AssertionError, match="it waits"):
        auth.finished(coroutine)
    coroutine.close()


class _Waiting:
    def __await__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204 - a generator that yields once
        yield
