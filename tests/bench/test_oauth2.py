"""The benchmark of the token endpoint measures all that it says, after it has checked it."""

import asyncio

from bench import oauth2
from bench.waiting import measure_awaited


def test_what_is_compared() -> None:
    assert {group.name: [(one.to, one.at_most) for one in group.against] for group in oauth2.groups()} == {
        "client_credentials, ES256": [("TokenIssuer alone", None), ("Authlib's server", 1.0)],
        "What the endpoint adds, ES256": [("TokenIssuer alone", 2.0)],
    }


def test_every_variant_has_a_figure() -> None:
    for group in oauth2.groups():
        outcome = asyncio.run(measure_awaited(group, rounds=2))
        assert all(figure.taken > 0 for figure in outcome.figures)


def test_a_secret_that_is_anothers_is_refused_by_both() -> None:
    asyncio.run(oauth2.refuses())
