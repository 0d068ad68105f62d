"""The benchmark of tokens measures all that it says, after it has checked it."""

from bench import tokens
from bench.calls import measure_calls


def test_what_is_compared() -> None:
    assert {group.name: [(one.to, one.at_most) for one in group.against] for group in tokens.groups()} == {
        "HS256, ten claims, for the first time": [("jwt.decode", 0.4), ("HMAC, base64 and JSON by hand", 1.5)],
        "HS256, ten claims, seen before": [("jwt.decode", 0.1)],
        "RS256, ten claims, for the first time": [("the signature check alone", 1.7)],
        "ES256, ten claims, for the first time": [("the signature check alone", 1.3)],
        "EdDSA, ten claims, for the first time": [("the signature check alone", 1.2)],
    }


def test_every_variant_has_a_figure() -> None:
    for group in tokens.groups():
        outcome = measure_calls(group, rounds=2)
        assert all(figure.taken > 0 for figure in outcome.figures)
