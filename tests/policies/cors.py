"""Configurations of CORS that several files of tests use, and a way to look at what is answered."""

from typing import Any

from tests.asgi import Recorded

APP = "https://app.example.com"
ONE: dict[str, Any] = {"allow_origins": [APP]}
REGEX: dict[str, Any] = {"allow_origin_regex": r"https://[a-z]+\.example\.com"}
ANY: dict[str, Any] = {"allow_origins": ["*"]}


def cors_of(recorded: Recorded) -> dict[str, str]:
    """The CORS headers of a response, which are no more than one each."""
    pairs = [pair for pair in recorded.headers if pair[0].startswith("access-control-")]
    assert len(dict(pairs)) == len(pairs)
    return {name.removeprefix("access-control-"): value for name, value in pairs}
